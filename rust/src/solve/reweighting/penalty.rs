//! The concave penalty of irMxNE in its unit: weights of the next convex problem, value of an
//! answer.

use super::concave::{Concave, Surrogate};
use super::unit::Unit;

/// The penalty `alpha u sum_s w_s g(|X_s| / u)`.
#[derive(Clone, Copy)]
pub(crate) struct ConcavePenalty {
    concave: Concave,
    pub unit: Unit,
}

impl ConcavePenalty {
    /// Prepares the penalty after a first round whose largest `|X_s|` is `largest`.
    pub fn new(surrogate: Surrogate, unit: Unit, largest: f64) -> Self {
        let largest = if largest == 0.0 { 0.0 } else { unit.amplitude(largest) };
        ConcavePenalty { concave: surrogate.with_largest(largest), unit }
    }

    /// Returns the weight `w_s g'(|X_s| / u)` that the next convex problem gives to a location.
    pub fn weight(self, base: f64, norm: f64) -> f64 {
        // Zero would leave the location without a penalty, and infinity would exclude it though it
        // is not at zero.
        let most = if norm > 0.0 { f64::MAX } else { f64::INFINITY };
        (base * self.concave.weight(self.amplitude(norm))).clamp(f64::from_bits(1), most)
    }

    /// Returns `g(|X_s| / u)`.
    pub fn value(self, norm: f64) -> f64 {
        self.concave.value(self.amplitude(norm))
    }

    /// Returns the penalty `alpha u sum` of the `sum` of `w_s g(|X_s| / u)` over locations.
    pub fn of_sum(self, alpha: f64, sum: f64) -> f64 {
        if sum == 0.0 { 0.0 } else { self.unit.times(alpha * sum) }
    }

    fn amplitude(self, norm: f64) -> f64 {
        if norm > 0.0 { self.unit.amplitude(norm) } else { 0.0 }
    }
}
