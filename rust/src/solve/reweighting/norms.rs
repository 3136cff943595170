//! irMxNE: a concave function of the norm of each location.

use super::WHAT;
use super::majorant::Majorant;
use super::penalty::ConcavePenalty;
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::memory;
use crate::machine::units::Units;
use crate::method::working_set::Descended;
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::penalty::{GroupNorm, Penalty};

/// `alpha u sum_s w_s g(|X_s| / u)` on the locations of a part.
pub(super) struct Norms {
    /// the user's weights
    pub base: Vec<f64>,
    /// of the scaled problem
    pub alpha: f64,
    pub concave: ConcavePenalty,
    pub units: Units,
}

impl Norms {
    /// Returns `|X_s|_F` of every location.
    fn of_all(&self, part: &Gain, iterate: &Iterate) -> Result<Vec<f64>, Error> {
        let mut norms = memory::zeros(WHAT, self.base.len())?;
        let alive = iterate.locations.iter().zip(iterate.norms(part.n_orient()));
        alive.for_each(|(&s, norm)| norms[s] = norm);
        Ok(norms)
    }

    /// Computes `sum_s w_s g(|X_s| / u)` over the locations that may be non-zero.
    pub fn sum(&self, part: &Gain, iterate: &Iterate) -> Result<f64, Error> {
        let norms = self.of_all(part, iterate)?;
        let allowed = self.base.iter().zip(&norms).filter(|(base, _)| base.is_finite());
        Ok(allowed.map(|(base, &norm)| base * self.concave.value(norm)).sum())
    }
}

impl Majorant for Norms {
    fn weights(&self, part: &Gain, answer: &Iterate, _weights: &[f64]) -> Result<Vec<f64>, Halt> {
        let norms = self.of_all(part, answer)?;
        let pairs = self.base.iter().zip(&norms);
        Ok(memory::gathered(WHAT, pairs.map(|(&base, &norm)| self.concave.weight(base, norm)))?)
    }

    fn penalty(
        &self,
        _part: &Gain,
        _answer: &Iterate,
        weights: &[f64],
    ) -> Result<Box<dyn Penalty>, Error> {
        Ok(Box::new(GroupNorm::new(self.alpha, Some(weights), weights.len())?))
    }

    fn objective(
        &self,
        part: &Gain,
        answer: &Descended,
        _weights: &[f64],
        smooth: f64,
    ) -> Result<f64, Halt> {
        let sum = self.sum(part, &answer.iterate)?;
        Ok(smooth + self.concave.of_sum(self.alpha, sum))
    }

    fn objective_in_units(&self, objective: f64) -> f64 {
        self.units.energy(objective)
    }
}
