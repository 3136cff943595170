//! Powers of two that bring a gain and data near one: squares then neither overflow nor vanish, and
//! no digit changes.

use crate::error::Error;

/// Up to this exponent numbers are not scaled: the fourth power of such a number is far from
/// overflow.
const MAX_HARMLESS_EXPONENT: i32 = 100;

/// Chooses the power of two by which to divide numbers of which `largest` is the largest: even, so
/// that its square root is exact, and 0 where the numbers do no harm.
pub(crate) fn exponent(largest: f64) -> i32 {
    let exponent = whole_exponent(largest);
    if exponent.abs() <= MAX_HARMLESS_EXPONENT { 0 } else { exponent }
}

/// Returns the even power of two of `largest`.
pub(crate) fn whole_exponent(largest: f64) -> i32 {
    let exponent = if largest > 0.0 { largest.log2().floor() as i32 } else { 0 };
    exponent & !1
}

/// Computes `x * 2^exponent`, also where the power alone would overflow.
pub(crate) fn times_power(x: f64, exponent: i32) -> f64 {
    const STEP: i32 = 1000;
    let (mut x, mut left) = (x, exponent);
    while left != 0 && x != 0.0 && x.is_finite() {
        let step = left.clamp(-STEP, STEP);
        x *= 2.0_f64.powi(step);
        left -= step;
    }
    x
}

/// The powers of two by which a gain and data were divided: `G = 2^gain G^`, `M = 2^data M^`, so `X
/// = 2^(data - gain) X^`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    pub gain: i32,
    pub data: i32,
}

impl Units {
    /// Converts alpha to that of the scaled problem.
    pub fn alpha(self, alpha: f64) -> Result<f64, Error> {
        let scaled = times_power(alpha, -self.data - self.gain);
        if scaled < f64::MIN_POSITIVE {
            let remedy = "it is too small for this gain and these data: give a part of alpha_max";
            return Err(Error::Parameter { name: "alpha", value: alpha, remedy });
        }
        Ok(scaled)
    }

    /// Converts the ridge to that of the scaled problem.
    pub fn ridge(self, ridge: f64) -> f64 {
        times_power(ridge, -2 * self.gain)
    }

    /// Converts a correlation G'M, of which alpha_max is one, to the caller's units.
    pub fn correlation(self, value: f64) -> Result<f64, Error> {
        self.representable("alpha_max", value, self.data + self.gain)
    }

    /// Returns the power of two by which sources are larger in the caller's units.
    pub fn of_sources(self) -> i32 {
        self.data - self.gain
    }

    /// Refuses a location whose |X_s|_F overflows or underflows in the caller's units, unless what
    /// is lost moves its correlations, at its optimum as large as `threshold`, by no more than
    /// rounding.
    pub fn check_source(self, norm: f64, threshold: f64, ridge: f64) -> Result<(), Error> {
        let lost = times_power(f64::from_bits(1), -self.of_sources());
        // A gain that was not scaled is within 2^MAX_HARMLESS_EXPONENT of one.
        let largest = if self.gain == 0 { 2.0_f64.powi(2 * MAX_HARMLESS_EXPONENT) } else { 1.0 };
        let moved = lost * (1e4 * largest + self.ridge(ridge));
        if times_power(norm, self.of_sources()).is_finite() && moved <= f64::EPSILON * threshold {
            return Ok(());
        }
        self.representable("the amplitude of a source", norm, self.of_sources()).map(|_| ())
    }

    /// Converts an energy |M|^2 to the caller's units: infinite or zero where double precision
    /// cannot hold it.
    pub fn energy(self, value: f64) -> f64 {
        times_power(value, 2 * self.data)
    }

    /// Converts a number to the caller's units, or [`Error::Scale`] where double precision cannot
    /// hold it.
    fn representable(self, what: &'static str, value: f64, exponent: i32) -> Result<f64, Error> {
        let scaled = times_power(value, exponent);
        if value == 0.0 || (scaled.is_finite() && scaled >= f64::MIN_POSITIVE) {
            return Ok(scaled);
        }
        let size = |exponent: i32| (f64::from(exponent) * 2.0_f64.log10()).round() as i32;
        let log10 = (value.log10() + f64::from(exponent) * 2.0_f64.log10()).round() as i32;
        Err(Error::Scale { what, log10, gain: size(self.gain), data: size(self.data) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_exact_and_reach_both_ends() {
        for x in [1.0, 1.5, 0.7, 3e-310, 5e-324, 1.7e308] {
            for e in [-4, 0, 30] {
                assert_eq!(
                    times_power(times_power(x, 512 + e), -512 - e) / x,
                    if x > 1e150 { f64::INFINITY } else { 1.0 }
                );
            }
            let out = exponent(x);
            assert!(out % 2 == 0 && (out == 0 || (1.0..4.0).contains(&times_power(x, -out))));
        }
        assert_eq!(times_power(5e-324, 2000), 5e-324 * 2.0_f64.powi(1000) * 2.0_f64.powi(1000));
        assert_eq!((exponent(0.0), exponent(1e-13), exponent(1e200) % 2), (0, 0, 0));
    }
}
