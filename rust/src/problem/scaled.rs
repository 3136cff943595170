//! Data divided by a power of two, so that a solve sees numbers near one in any unit.

use crate::error::Error;
use crate::machine::memory;
use crate::machine::units::{Units, exponent, times_power, whole_exponent};
use crate::problem::gain::Gain;
use ndarray::{ArrayView2, CowArray, Ix2};

/// Data divided by a power of two; a view where that is one.
pub(crate) struct Scaled<'a> {
    pub values: CowArray<'a, f64, Ix2>,
    pub units: Units,
    /// `|M|^2` of the values
    pub energy: f64,
}

impl<'a> Scaled<'a> {
    /// Divides the data where their squares could overflow or vanish.
    pub fn new(gain: &Gain, data: ArrayView2<'a, f64>) -> Result<Self, Error> {
        let largest = data.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        // Correlations of faint locations are close to the smallest double: no power of two is left
        // in the data.
        let taken_out = match gain.faint().is_empty() {
            true => exponent(largest),
            false => whole_exponent(largest),
        };
        let mut values = CowArray::from(data);
        if taken_out != 0 {
            let mut scaled = memory::array("the data", data.nrows(), data.ncols())?;
            scaled.zip_mut_with(&data, |out, m| *out = times_power(*m, -taken_out));
            values = CowArray::from(scaled);
        }
        let energy = values.iter().map(|m| m * m).sum();
        Ok(Scaled { values, units: Units { gain: gain.exponent(), data: taken_out }, energy })
    }
}
