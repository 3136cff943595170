//! The penalty of MxNE, `alpha sum_s w_s |X_s|_F`.

use super::{BlockHessian, BlockMinimiser, Penalty, scale, shrinkage, values_mut};
use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::machine::panel::{add_scaled, is_zero};

const WHAT: &str = "the weights";

/// `alpha sum_s w_s |X_s|_F`; an infinite weight keeps a location at zero.
#[derive(Debug)]
pub(crate) struct GroupNorm {
    alpha: f64,
    weights: Vec<f64>,
}

impl GroupNorm {
    /// Makes the penalty of `n_locations` locations, with weights of 1 where none are given.
    pub fn new(alpha: f64, weights: Option<&[f64]>, n_locations: usize) -> Result<Self, Error> {
        let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
        let weights = memory::gathered(WHAT, (0..n_locations).map(weight))?;
        Ok(GroupNorm { alpha, weights })
    }

    /// Replaces alpha and all weights, in the memory at hand where that is enough.
    pub fn renew(&mut self, alpha: f64, weights: impl Iterator<Item = f64>) {
        self.alpha = alpha;
        self.weights.clear();
        self.weights.extend(weights);
    }
}

impl Penalty for GroupNorm {
    fn n_locations(&self) -> usize {
        self.weights.len()
    }

    fn select(&self, locations: &[usize]) -> Result<Box<dyn Penalty>, Error> {
        let weights = memory::gathered(WHAT, locations.iter().map(|&s| self.weights[s]))?;
        Ok(Box::new(GroupNorm { alpha: self.alpha, weights }))
    }

    fn threshold(&self, s: usize) -> f64 {
        self.alpha * self.weights[s]
    }

    fn is_bound_exact(&self) -> bool {
        true
    }

    fn value(&self, x: &Panel) -> f64 {
        let n_orient = x.rows / self.n_locations().max(1);
        let mut sum = 0.0;
        for s in 0..self.n_locations() {
            let norm = kernels().norm(x.block(s, n_orient));
            if norm > 0.0 {
                sum += self.threshold(s) * norm;
            }
        }
        sum
    }

    fn prox(&self, s: usize, block: &mut [Lane], lipschitz: f64) {
        let norm = kernels().energy(block).sqrt();
        scale(values_mut(block), shrinkage(norm, self.threshold(s) / lipschitz));
    }

    /// Minimises over the block exactly: `B = C_s + (H_s + ridge) X_s`, then X_s is the minimiser
    /// for B.
    fn minimise(
        &self,
        s: usize,
        block: &mut [Lane],
        x: &[Lane],
        hessian: BlockHessian,
        minimiser: &mut BlockMinimiser,
    ) -> bool {
        let BlockHessian { matrix, eigen, ridge } = hessian;
        if !is_zero(x) {
            add_curvature(block, matrix, ridge, x);
        }
        minimiser.minimise(block, self.threshold(s), ridge, eigen)
    }

    fn as_group_norm(&self) -> Option<&GroupNorm> {
        Some(self)
    }
}

/// Adds a product: `out += (matrix + ridge) x`.
fn add_curvature(out: &mut [Lane], matrix: &[f64], ridge: f64, x: &[Lane]) {
    let o = matrix.len().isqrt();
    let width = x.len() / o;
    for (i, target) in out.chunks_exact_mut(width).enumerate() {
        for (j, row) in x.chunks_exact(width).enumerate() {
            let factor = matrix[i * o + j] + if i == j { ridge } else { 0.0 };
            add_scaled(target, factor, row);
        }
    }
}
