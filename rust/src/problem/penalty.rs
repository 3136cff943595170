//! The penalty `alpha sum_s w_s |X_s|_F`: value, proximal operator, dual norm and exact block
//! minimiser.

use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::problem::curvature::Eigen;
use crate::problem::gain::FAINT_LIPSCHITZ;
use ndarray::ArrayViewMut2;

/// Eigenvalues of a block below this part of the largest are rounding.
const NEGLIGIBLE_EIGENVALUE: f64 = 1e-15;
const WHAT: &str = "the weights";

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

/// `alpha sum_s w_s |X_s|_F`; an infinite weight keeps a location at zero.
#[derive(Debug)]
pub(crate) struct Penalty {
    alpha: f64,
    weights: Vec<f64>,
}

impl Penalty {
    /// Makes the penalty of `n_locations` locations, with weights of 1 where none are given.
    pub fn new(alpha: f64, weights: Option<&[f64]>, n_locations: usize) -> Result<Self, Error> {
        let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
        let weights = memory::gathered(WHAT, (0..n_locations).map(weight))?;
        Ok(Penalty { alpha, weights })
    }

    /// Replaces alpha and all weights, in the memory at hand where that is enough.
    pub fn renew(&mut self, alpha: f64, weights: impl Iterator<Item = f64>) {
        self.alpha = alpha;
        self.weights.clear();
        self.weights.extend(weights);
    }

    /// Makes the penalty of some locations, in the order given.
    pub fn select(&self, locations: &[usize]) -> Result<Penalty, Error> {
        let weights = memory::gathered(WHAT, locations.iter().map(|&s| self.weights[s]))?;
        Ok(Penalty { alpha: self.alpha, weights })
    }

    /// Returns the number of locations.
    pub fn n_locations(&self) -> usize {
        self.weights.len()
    }

    /// Returns `alpha w_s`, the norm up to which correlations leave location `s` at zero.
    pub fn threshold(&self, s: usize) -> f64 {
        self.alpha * self.weights[s]
    }

    /// Computes `alpha sum_s w_s |X_s|_F`.
    pub fn value(&self, x: &Panel) -> f64 {
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

    /// Applies the proximal operator of `1 / lipschitz` times the penalty to the block of location
    /// `s`.
    pub fn prox(&self, s: usize, block: &mut [Lane], lipschitz: f64) {
        let norm = kernels().energy(block).sqrt();
        scale(values_mut(block), shrinkage(norm, self.threshold(s) / lipschitz));
    }

    /// Computes `|C_s|_F / (alpha w_s)`: above 1, correlations of this norm violate the dual
    /// constraint.
    pub fn ratio(&self, s: usize, norm: f64) -> f64 {
        norm / self.threshold(s)
    }

    /// Computes the square of the ratio from the square of the norm.
    pub fn squared_ratio(&self, s: usize, energy: f64) -> f64 {
        let threshold = self.threshold(s);
        energy / (threshold * threshold)
    }

    /// Computes the dual norm `max_s |C_s|_F / (alpha w_s)` from the norms of all locations:
    /// correlations are dual-feasible where it is at most 1.
    pub fn dual_norm(&self, norms: impl Iterator<Item = f64>) -> f64 {
        norms.enumerate().fold(0.0, |largest: f64, (s, norm)| largest.max(self.ratio(s, norm)))
    }
}

/// Minimises `1/2 <X, (H + ridge) X> - <B, X> + a |X|_F` over one block exactly.
///
/// With the eigenvectors U and eigenvalues d of H + ridge and b_i the norm of row i of U'B, the
/// norm nu of the answer solves `sum_i b_i^2 / (d_i nu + a)^2 = 1`; then `X = (H + ridge + a /
/// nu)^-1 B`. The equation is solved for `1 / sqrt(.) - 1`, which is concave and rising: Newton's
/// steps from the left never overshoot.
pub(crate) struct BlockMinimiser {
    rotated: Vec<Lane>,
    norms: Vec<f64>,
}

impl BlockMinimiser {
    /// Makes a minimiser for blocks of this shape.
    pub fn new(n_orient: usize, width: usize) -> Self {
        BlockMinimiser {
            rotated: vec![Lane([0.0; 8]); n_orient * width],
            norms: vec![0.0; n_orient],
        }
    }

    /// Writes the minimiser over `block`, which holds B, for `a = threshold`; returns whether it is
    /// non-zero.
    pub fn minimise(
        &mut self,
        block: &mut [Lane],
        threshold: f64,
        ridge: f64,
        hessian: Eigen,
    ) -> bool {
        let energy = kernels().energy(block);
        let Eigen { values: d, vectors } = hessian;
        let largest = d.iter().fold(0.0, |a: f64, &b| a.max(b)) + ridge;
        let is_zero = energy <= threshold * threshold || threshold == f64::INFINITY;
        if is_zero || largest < FAINT_LIPSCHITZ {
            block.fill(Lane([0.0; 8]));
            return false;
        }
        let n_orient = d.len();
        let width = block.len() / n_orient;
        if n_orient == 1 {
            scale(values_mut(block), shrinkage(energy.sqrt(), threshold) / (d[0] + ridge));
            return true;
        }
        for (j, out) in self.rotated.chunks_exact_mut(width).enumerate() {
            combine(out, block, width, |i| vectors[i * n_orient + j]);
            // A direction without curvature holds nothing of B but rounding.
            let seen = d[j] + ridge > NEGLIGIBLE_EIGENVALUE * largest;
            self.norms[j] = if seen { kernels().energy(out) } else { 0.0 };
        }
        let nu = self.norm_of_answer(threshold, ridge, d);
        if !nu.is_finite() || nu <= 0.0 {
            block.fill(Lane([0.0; 8]));
            return false;
        }
        for ((out, b), d) in self.rotated.chunks_exact_mut(width).zip(&self.norms).zip(d) {
            let factor = if *b > 0.0 { nu / ((d + ridge) * nu + threshold) } else { 0.0 };
            scale(values_mut(out), factor);
        }
        for (i, out) in block.chunks_exact_mut(width).enumerate() {
            combine(out, &self.rotated, width, |j| vectors[i * n_orient + j]);
        }
        true
    }

    /// Solves the equation for nu by Newton's method.
    fn norm_of_answer(&self, a: f64, ridge: f64, d: &[f64]) -> f64 {
        let largest = d.iter().fold(0.0, |a: f64, &b| a.max(b)) + ridge;
        let mut nu = (self.norms.iter().sum::<f64>().sqrt() - a) / largest;
        for _ in 0..100 {
            let (mut value, mut slope) = (0.0, 0.0);
            for (b, d) in self.norms.iter().zip(d) {
                let d = d + ridge;
                let inverse = 1.0 / (d * nu + a);
                let term = b * inverse * inverse;
                value += term;
                slope += term * d * inverse;
            }
            // Newton's step for value^(-1/2) - 1, whose slope is value^(-3/2) * slope.
            let step = value * (value.sqrt() - 1.0) / slope;
            nu += step;
            if step <= 1e-14 * nu {
                break;
            }
        }
        nu
    }
}

fn values_mut(lanes: &mut [Lane]) -> impl Iterator<Item = &mut f64> {
    bytemuck::cast_slice_mut(lanes).iter_mut()
}

/// `out = sum_i factor(i) * rows[i]`.
fn combine(out: &mut [Lane], rows: &[Lane], width: usize, factor: impl Fn(usize) -> f64) {
    out.fill(Lane([0.0; 8]));
    for (i, row) in rows.chunks_exact(width).enumerate() {
        let factor = factor(i);
        for (target, lane) in out.iter_mut().zip(row) {
            for (value, x) in target.0.iter_mut().zip(lane.0) {
                *value += factor * x;
            }
        }
    }
}
