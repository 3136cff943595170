//! Data as a solve sees them: near one, whatever their unit.

use crate::error::Error;
use crate::machine::memory;
use crate::machine::units::{Units, exponent, times_power, whole_exponent};
use crate::problem::gain::Gain;
use ndarray::{ArrayView2, CowArray, Ix2};

/// Data with their power of two taken out; a view where there is none.
pub(crate) struct Scaled<'a> {
    pub values: CowArray<'a, f64, Ix2>,
    pub units: Units,
    /// `|M|^2` of the values
    pub energy: f64,
}

impl<'a> Scaled<'a> {
    pub fn new(gain: &Gain, data: ArrayView2<'a, f64>) -> Result<Self, Error> {
        let largest = data.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        // Beside faint locations all of it: their correlations are close enough to the end of the doubles.
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
