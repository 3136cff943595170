//! The unit in which the surrogate sees amplitudes.

use super::Surrogate;
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::units::{Units, times_power};

/// Percent of alpha_max that MNE-Python divides the gain by.
const PERCENT: f64 = 100.0;

/// The unit `u` in which irMxNE's concave function sees an amplitude: the penalty is
/// `alpha u sum_s w_s g(|X_s| / u)`.
///
/// irMxNE depends on it, as it does on alpha: a larger unit makes weights larger and sources fewer.
/// [`Relative`] and [`Largest`] are free of every scale; [`Mne`] and [`Gain`] are free of the
/// physical unit of the sources, but not of the scale of whitened data.
/// `evidence/amplitude_unit.md` compares them.
///
/// [`Relative`]: AmplitudeUnit::Relative
/// [`Largest`]: AmplitudeUnit::Largest
/// [`Mne`]: AmplitudeUnit::Mne
/// [`Gain`]: AmplitudeUnit::Gain
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum AmplitudeUnit {
    /// A number, in the unit of data over gain.
    Number(f64),
    /// `100 / alpha_max`, as in MNE-Python, which scales the gain so that alpha_max becomes 100.
    /// Costs one product with the gain.
    Mne,
    /// One over the median spectral norm of a location's columns: such a source moves the whitened
    /// data by one.
    Gain,
    /// A quarter of [`Largest`](AmplitudeUnit::Largest): for the square root, the largest `|X_s|`
    /// of the first round itself.
    #[default]
    Relative,
    /// The one in which the largest `|X_s|` of the first round has weight 1.
    Largest,
}

impl AmplitudeUnit {
    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            AmplitudeUnit::Number(value) if !(value > 0.0 && value.is_finite()) => {
                let remedy = "give a positive number, or one of \"relative\", \"largest\", \
                              \"mne\", \"gain\"";
                Err(Error::Parameter { name: "amplitude_unit", value, remedy })
            }
            _ => Ok(()),
        }
    }
}

/// A unit of the amplitudes of a scaled problem, `value * 2^exponent`: one double could overflow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    value: f64,
    exponent: i32,
}

impl Unit {
    /// Makes the unit asked for, after a first round whose largest `|X_s|` is `largest`.
    /// `typical_norm` and `alpha_max` are those of the scaled problem, asked for only where they
    /// are needed.
    pub fn of(
        (asked, surrogate): (AmplitudeUnit, Surrogate),
        largest: f64,
        units: Units,
        typical_norm: impl FnOnce() -> f64,
        alpha_max: impl FnOnce() -> Result<f64, Halt>,
    ) -> Result<Self, Error> {
        let plain = |value| Unit { value, exponent: 0 };
        // The unit in which `largest` has weight 1.
        let heaviest = surrogate.unit_of_weight_one() * largest;
        Ok(match asked {
            AmplitudeUnit::Number(value) => Unit::number(value, units),
            AmplitudeUnit::Gain => plain(1.0 / typical_norm()),
            AmplitudeUnit::Relative => plain(0.25 * heaviest),
            AmplitudeUnit::Largest => plain(heaviest),
            AmplitudeUnit::Mne => match alpha_max() {
                Ok(alpha_max) => plain(PERCENT / alpha_max),
                // The next round does not begin either, so its unit does not matter.
                Err(Halt::OutOfTime) => Unit::number(1.0, units),
                Err(Halt::Failed(error)) => return Err(error),
            },
        })
    }

    pub fn number(value: f64, units: Units) -> Self {
        Unit { value, exponent: -units.of_sources() }
    }

    /// `|X_s| / u` of an amplitude that is not zero, never zero itself.
    pub fn amplitude(self, norm: f64) -> f64 {
        times_power(norm / self.value, -self.exponent).clamp(f64::from_bits(1), f64::MAX)
    }

    /// `u x`.
    pub fn times(self, x: f64) -> f64 {
        times_power(self.value * x, self.exponent)
    }

    /// In the caller's units.
    pub fn in_units(self, units: Units) -> f64 {
        times_power(self.value, self.exponent + units.of_sources())
    }
}
