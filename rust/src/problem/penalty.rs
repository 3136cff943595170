//! The penalty `sum_s a_s |X_s|_F` with thresholds `a_s = alpha w_s`: value, group soft-thresholding, block minimiser.

use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::problem::curvature::Curvature;
use crate::problem::gain::FAINT;
use ndarray::ArrayViewMut2;

/// Eigenvalues of a block below this part of the largest are rounding.
const SILENT: f64 = 1e-15;

/// Group soft-thresholding in place: the proximal operator of `threshold * |.|_F`,
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
    // Scaled, so that neither tiny nor huge entries lose the norm.
    let norm = largest * block.iter().map(|b| (b / largest).powi(2)).sum::<f64>().sqrt();
    if norm <= threshold {
        block.fill(0.0);
    } else {
        block *= 1.0 - threshold / norm;
    }
}

/// A threshold per location; infinity keeps a location at zero.
#[derive(Debug)]
pub(crate) struct Penalty {
    pub thresholds: Vec<f64>,
}

impl Penalty {
    pub fn new(alpha: f64, weights: Option<&[f64]>, n_locations: usize) -> Result<Self, Error> {
        let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
        let thresholds =
            memory::gathered("the weights", (0..n_locations).map(|s| alpha * weight(s)))?;
        Ok(Penalty { thresholds })
    }

    pub fn select(&self, locations: &[usize]) -> Result<Penalty, Error> {
        let chosen = locations.iter().map(|&s| self.thresholds[s]);
        Ok(Penalty { thresholds: memory::gathered("the weights", chosen)? })
    }

    /// `sum_s a_s |X_s|_F`.
    pub fn value(&self, x: &Panel) -> f64 {
        let n_orient = x.rows / self.thresholds.len().max(1);
        let mut sum = 0.0;
        for (s, a) in self.thresholds.iter().enumerate() {
            let norm = kernels().norm(x.block(s, n_orient));
            if norm > 0.0 {
                sum += a * norm;
            }
        }
        sum
    }

    /// The largest `|C_s|_F / a_s`: at most 1 where the correlations are dual-feasible.
    pub fn largest_ratio(&self, norms: &[f64]) -> f64 {
        norms.iter().zip(&self.thresholds).fold(0.0, |a: f64, (c, b)| a.max(c / b))
    }
}

/// The minimiser of `1/2 <X, (H + ridge) X> - <B, X> + a |X|_F` over one block, written over `block` (which holds B).
///
/// With the eigenvectors U and eigenvalues d of H + ridge and b_i the norm of row i of U'B, the norm nu of the answer
/// solves `sum_i b_i^2 / (d_i nu + a)^2 = 1`; then `X = (H + ridge + a / nu)^-1 B`. The equation is solved for
/// `1 / sqrt(.) - 1`, which is concave and rising: Newton's steps from the left never overshoot.
pub(crate) struct BlockMinimiser {
    rotated: Vec<Lane>,
    norms: Vec<f64>,
}

impl BlockMinimiser {
    pub fn new(n_orient: usize, width: usize) -> Self {
        BlockMinimiser {
            rotated: vec![Lane([0.0; 8]); n_orient * width],
            norms: vec![0.0; n_orient],
        }
    }

    /// Returns whether the block is non-zero.
    pub fn minimise(
        &mut self,
        block: &mut [Lane],
        a: f64,
        ridge: f64,
        curvature: (&Curvature, usize),
    ) -> bool {
        let energy = kernels().energy(block);
        let (d, basis) = (curvature.0.eigenvalues(curvature.1), curvature.0.basis(curvature.1));
        let largest = curvature.0.lipschitz(curvature.1) + ridge;
        if energy <= a * a || a == f64::INFINITY || largest < FAINT {
            block.fill(Lane([0.0; 8]));
            return false;
        }
        let n_orient = d.len();
        let width = block.len() / n_orient;
        if n_orient == 1 {
            let factor = (1.0 - a / energy.sqrt()) / (d[0] + ridge);
            scale(block, factor);
            return true;
        }
        for (j, out) in self.rotated.chunks_exact_mut(width).enumerate() {
            combine(out, block, width, |i| basis[i * n_orient + j]);
            // A direction without curvature holds nothing of B but rounding.
            let seen = d[j] + ridge > SILENT * largest;
            self.norms[j] = if seen { kernels().energy(out) } else { 0.0 };
        }
        let nu = self.norm_of_answer(a, ridge, d);
        if !nu.is_finite() || nu <= 0.0 {
            block.fill(Lane([0.0; 8]));
            return false;
        }
        for ((out, b), d) in self.rotated.chunks_exact_mut(width).zip(&self.norms).zip(d) {
            let factor = if *b > 0.0 { nu / ((d + ridge) * nu + a) } else { 0.0 };
            scale(out, factor);
        }
        for (i, out) in block.chunks_exact_mut(width).enumerate() {
            combine(out, &self.rotated, width, |j| basis[i * n_orient + j]);
        }
        true
    }

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

fn scale(lanes: &mut [Lane], factor: f64) {
    for lane in lanes {
        for value in &mut lane.0 {
            *value *= factor;
        }
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
