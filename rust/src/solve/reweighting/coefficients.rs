//! irTF-MxNE: a concave function of the norm of each location, and of each of its coefficients.

use super::WHAT;
use super::majorant::Majorant;
use super::norms::Norms;
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::memory;
use crate::machine::panel::Lane;
use crate::method::working_set::Descended;
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::penalty::{EXCLUDED, Penalty, SparseGroupNorm};

/// `alpha u sum_s ((1 - l1_ratio) w_s g(|Z_s| / u) + l1_ratio sum_k m_k g(|Z_sk| / u))`, with the
/// multiplicity m_k of a coefficient.
pub(super) struct CoefficientNorms {
    pub norms: Norms,
    /// the penalty of the first round
    pub penalty: SparseGroupNorm,
}

impl CoefficientNorms {
    /// Computes `|Z_sk|` of the coefficients of block `i`, in the order of a row.
    fn of_coefs(&self, answer: &Iterate, (i, s): (usize, usize), o: usize) -> Vec<f64> {
        let roots = self.penalty.of_coefs(s);
        let lanes = roots.iter().enumerate().map(|(lane, roots)| {
            let energy = self.penalty.energy(answer.x.block(i, o), lane);
            // The root of its multiplicity stands in a stored coefficient.
            std::array::from_fn::<f64, 8, _>(|j| energy.0[j].sqrt() / roots.0[j])
        });
        lanes.flatten().collect()
    }

    /// Returns the square roots of the multiplicities, in the order of a row.
    fn roots(&self, s: usize) -> &[f64] {
        bytemuck::cast_slice(self.penalty.of_coefs(s))
    }
}

impl Majorant for CoefficientNorms {
    fn weights(&self, part: &Gain, answer: &Iterate, weights: &[f64]) -> Result<Vec<f64>, Halt> {
        self.norms.weights(part, answer, weights)
    }

    fn penalty(
        &self,
        part: &Gain,
        answer: &Iterate,
        weights: &[f64],
    ) -> Result<Box<dyn Penalty>, Error> {
        let (o, half) = (part.n_orient(), self.penalty.of_coefs(0).len());
        // A coefficient at zero stays there.
        let size = weights.len().saturating_mul(half);
        let mut of_coefs: Vec<Lane> = memory::zeros(WHAT, size)?;
        let values: &mut [f64] = bytemuck::cast_slice_mut(&mut of_coefs);
        values.fill(EXCLUDED);
        for (i, &s) in answer.locations.iter().enumerate() {
            let row = values[s * 8 * half..(s + 1) * 8 * half].iter_mut();
            let norms = self.of_coefs(answer, (i, s), o);
            for ((weight, root), norm) in row.zip(self.roots(s)).zip(norms) {
                if norm > 0.0 {
                    *weight = self.norms.concave.weight(*root, norm);
                }
            }
        }
        let weights = memory::copied(WHAT, weights)?;
        Ok(Box::new(self.penalty.reweighted(weights, of_coefs)?))
    }

    fn objective(
        &self,
        part: &Gain,
        answer: &Descended,
        _weights: &[f64],
        smooth: f64,
    ) -> Result<f64, Halt> {
        let (o, concave) = (part.n_orient(), self.norms.concave);
        let mut sum = 0.0;
        for (i, &s) in answer.iterate.locations.iter().enumerate() {
            let norms = self.of_coefs(&answer.iterate, (i, s), o);
            let pairs = self.roots(s).iter().zip(norms).filter(|(_, norm)| *norm > 0.0);
            sum += pairs.map(|(root, norm)| root * root * concave.value(norm)).sum::<f64>();
        }
        let l1_ratio = self.penalty.l1_ratio;
        let of_norms = self.norms.sum(part, &answer.iterate)?;
        let sum = (1.0 - l1_ratio) * of_norms + l1_ratio * sum;
        Ok(smooth + concave.of_sum(self.norms.alpha, sum))
    }

    fn objective_in_units(&self, objective: f64) -> f64 {
        self.norms.objective_in_units(objective)
    }
}
