//! Penalties: value, proximal operator and dual norm, and what follows from these three.
//!
//! A penalty is one file of this folder. Solvers, working sets, certificates and reweighting know
//! the trait [`Penalty`] only.

mod block;
mod group_norm;
mod sparse_group_norm;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::panel::{Lane, Panel, is_zero};
use crate::problem::curvature::Eigen;
use crate::problem::frame::Frame;
use crate::problem::gain::FAINT_LIPSCHITZ;
pub(crate) use block::BlockMinimiser;
pub(crate) use group_norm::GroupNorm;
use ndarray::ArrayViewMut2;
pub(crate) use sparse_group_norm::{EXCLUDED, SparseGroupNorm};

/// A penalty that is a sum over locations of a norm of each block of X.
///
/// The penalty of a block is at least [`threshold`](Penalty::threshold) times its Frobenius norm:
/// correlations `C_s` have a dual norm of at most `|C_s|_F / threshold`. That bound costs no more
/// than the norm: it ranks locations, and rules most of them out.
pub(crate) trait Penalty: std::fmt::Debug + Sync {
    /// Returns the number of locations.
    fn n_locations(&self) -> usize;

    /// Makes the penalty of some locations, in the order given.
    fn select(&self, locations: &[usize]) -> Result<Box<dyn Penalty>, Error>;

    /// Computes the penalty of X.
    fn value(&self, x: &Panel) -> f64;

    /// Applies the proximal operator of `1 / lipschitz` times the penalty to the block of location
    /// `s`.
    fn prox(&self, s: usize, block: &mut [Lane], lipschitz: f64);

    /// Returns the largest factor of `|X_s|_F` that stays below the penalty: correlations of at
    /// most this norm leave location `s` at zero.
    fn threshold(&self, s: usize) -> f64;

    /// Computes the dual norm of the correlations of location `s`, which it may overwrite, or
    /// `floor` where that is larger: above 1, the dual constraint is violated.
    fn dual_norm(&self, s: usize, correlations: &mut [Lane], floor: f64) -> f64 {
        self.bound(s, kernels().energy(correlations).sqrt()).max(floor)
    }

    /// Tells whether the dual norm is the bound.
    fn is_bound_exact(&self) -> bool;

    /// Computes `|C_s|_F / threshold`, an upper bound on the dual norm.
    fn bound(&self, s: usize, norm: f64) -> f64 {
        norm / self.threshold(s)
    }

    /// Computes the square of the bound from the square of the norm.
    fn squared_bound(&self, s: usize, energy: f64) -> f64 {
        let threshold = self.threshold(s);
        energy / (threshold * threshold)
    }

    /// Computes the largest bound: where it is exact and at most 1, correlations are dual-feasible.
    fn largest_bound(&self, correlations: &Panel) -> f64 {
        let n_orient = correlations.rows / self.n_locations().max(1);
        let norm = |s| kernels().energy(correlations.block(s, n_orient)).sqrt();
        let bounds = (0..self.n_locations()).map(|s| self.bound(s, norm(s)));
        bounds.fold(0.0, f64::max)
    }

    /// Lowers the objective over the block of location `s`: `block` holds `C_s`, and becomes the
    /// new X_s; `x` is the old one. Returns whether the new one is non-zero.
    ///
    /// A step of the proximal gradient, where a penalty has no exact minimiser.
    fn minimise(
        &self,
        s: usize,
        block: &mut [Lane],
        x: &[Lane],
        hessian: BlockHessian,
        _minimiser: &mut BlockMinimiser,
    ) -> bool {
        let lipschitz = hessian.lipschitz();
        if lipschitz < FAINT_LIPSCHITZ {
            block.fill(Lane([0.0; 8]));
            return false;
        }
        for (c, x) in block.iter_mut().zip(x) {
            for (c, x) in c.0.iter_mut().zip(x.0) {
                *c = x + *c / lipschitz;
            }
        }
        self.prox(s, block, lipschitz);
        !is_zero(block)
    }

    /// Returns the frame of time whose coefficients are penalised, where it is not the time courses
    /// themselves: then X stands for these coefficients.
    fn frame(&self) -> Option<&Frame> {
        None
    }

    /// Marks the frequencies of the frame at which correlations of location `s` come close to
    /// moving a coefficient from zero.
    fn mark_open(&self, _s: usize, _correlations: &[Lane], _open: &mut [bool]) {}

    /// Makes the penalty for coefficients of some frequencies alone; none where there is no frame.
    fn on_band(&self, _open: &[bool]) -> Result<Option<Box<dyn Penalty>>, Error> {
        Ok(None)
    }

    /// Returns the penalty of MxNE, where it is that: Newton's steps know no other.
    fn as_group_norm(&self) -> Option<&GroupNorm> {
        None
    }
}

/// The quadratic over one block: `1/2 <X, (H_s + ridge) X>`.
#[derive(Clone, Copy)]
pub(crate) struct BlockHessian<'a> {
    /// H_s = G_s'G_s
    pub matrix: &'a [f64],
    pub eigen: Eigen<'a>,
    pub ridge: f64,
}

impl BlockHessian<'_> {
    /// Returns the largest eigenvalue, ridge included.
    fn lipschitz(&self) -> f64 {
        self.eigen.values.iter().fold(0.0, |a: f64, &b| a.max(b)) + self.ridge
    }
}

/// Soft-thresholds a block in place, the proximal operator of `threshold * |.|_F`:
/// `B -> max(0, 1 - threshold / |B|_F) B` (Strohmeier et al. 2016, equation 8).
///
/// ```
/// use ndarray::array;
///
/// let mut block = array![[3.0, 4.0]];
/// mxne_rs::group_soft_threshold(block.view_mut(), 2.5);
/// assert_eq!(block, array![[1.5, 2.0]]);
/// ```
pub fn group_soft_threshold(mut block: ArrayViewMut2<f64>, threshold: f64) {
    let largest = block.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    if largest == 0.0 {
        return;
    }
    // Divided by the largest entry, so that no square overflows or vanishes.
    let norm = largest * block.iter().map(|b| (b / largest).powi(2)).sum::<f64>().sqrt();
    scale(block.iter_mut(), shrinkage(norm, threshold));
}

/// The factor by which group soft-thresholding multiplies a block of this norm.
fn shrinkage(norm: f64, threshold: f64) -> f64 {
    if norm <= threshold { 0.0 } else { 1.0 - threshold / norm }
}

/// Multiplies the values; a factor of zero gives zeros without a sign.
fn scale<'v>(values: impl Iterator<Item = &'v mut f64>, factor: f64) {
    values.for_each(|value| *value = if factor == 0.0 { 0.0 } else { *value * factor });
}

fn values_mut(lanes: &mut [Lane]) -> impl Iterator<Item = &mut f64> {
    bytemuck::cast_slice_mut(lanes).iter_mut()
}
