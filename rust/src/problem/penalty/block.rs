//! The exact minimiser over one block of a quadratic and a multiple of the norm.

use super::{scale, shrinkage, values_mut};
use crate::machine::kernels::kernels;
use crate::machine::panel::Lane;
use crate::problem::curvature::Eigen;
use crate::problem::gain::FAINT_LIPSCHITZ;

/// Eigenvalues of a block below this part of the largest are rounding.
const NEGLIGIBLE_EIGENVALUE: f64 = 1e-15;

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
