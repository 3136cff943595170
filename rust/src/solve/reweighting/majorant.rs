//! What reweighting lowers, and the convex penalty that bounds it near an answer.

use crate::error::Error;
use crate::machine::clock::Halt;
use crate::method::working_set::Descended;
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;

/// A non-convex objective that convex problems with new weights lower: each bounds it from above,
/// and touches it at the last answer.
pub(crate) trait Majorant {
    /// Computes the weights that follow from an answer, itself the answer for some weights.
    fn weights(&self, part: &Gain, answer: &Iterate, weights: &[f64]) -> Result<Vec<f64>, Halt>;

    /// Makes the convex penalty that has these weights and touches at the answer.
    fn penalty(
        &self,
        part: &Gain,
        answer: &Iterate,
        weights: &[f64],
    ) -> Result<Box<dyn Penalty>, Error>;

    /// Computes the objective of an answer for the weights it was solved with.
    ///
    /// `smooth` is `1/2 |M - G X|^2 + ridge/2 |X|^2`.
    fn objective(
        &self,
        part: &Gain,
        answer: &Descended,
        weights: &[f64],
        smooth: f64,
    ) -> Result<f64, Halt>;

    /// Converts an objective to the caller's units.
    fn objective_in_units(&self, objective: f64) -> f64;

    /// Converts a weight to the caller's units.
    fn weight_in_units(&self, weight: f64) -> f64 {
        weight
    }
}
