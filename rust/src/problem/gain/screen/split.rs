//! A residual, split into its first components and a rest.

use super::WHAT;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::{Factors, kernels};
use crate::machine::memory;
use crate::machine::panel::Panel;
use std::ops::Range;

/// Samples up to which the spectral norm of what is left out is bounded closely, by products of
/// samples x samples matrices.
const MAX_SQUARED_TIMES: usize = 256;
/// Half a unit in the last place of single precision.
pub(super) const SINGLE_ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// Some samples of a residual.
#[derive(Clone)]
pub(crate) struct Samples<'a> {
    pub panel: &'a Panel,
    pub range: Range<usize>,
}

impl<'a> Samples<'a> {
    /// Takes all samples.
    pub fn all(panel: &'a Panel) -> Self {
        Samples { panel, range: 0..panel.n_times }
    }

    /// Lists the rows.
    fn rows(&self) -> impl Iterator<Item = &'a [f64]> + Clone {
        let (stride, range) = (self.panel.stride(), self.range.clone());
        self.panel.values().chunks(stride).map(move |row| &row[range.clone()])
    }
}

/// A residual R and its components, in single precision.
pub(super) struct Split {
    n_sensors: usize,
    /// R over |R|
    whole: Vec<f32>,
    /// its components
    projected: Vec<f32>,
    gram: [Vec<f32>; 2],
}

/// How large a residual and its rest are.
pub(super) struct Norms {
    /// |R|
    pub whole: f64,
    /// at least the spectral norm of R - P R, as a part of |R|
    pub left_out: f64,
}

impl Split {
    /// Allocates what splitting up to `n_times` samples needs.
    pub fn new(n_sensors: usize, n_times: usize) -> Result<Self, Error> {
        let stride = n_times.next_multiple_of(16);
        let is_squared = n_times <= MAX_SQUARED_TIMES.min(n_sensors);
        let square = if is_squared { stride * stride } else { 0 };
        Ok(Split {
            n_sensors,
            whole: memory::zeros(WHAT, n_sensors * stride)?,
            projected: memory::zeros(WHAT, n_sensors * stride)?,
            gram: [memory::zeros(WHAT, square)?, memory::zeros(WHAT, square)?],
        })
    }

    /// Computes the first `k` components, rows of `basis`, and the norms; `None` where R is zero.
    pub fn compute(
        &mut self,
        basis: &[f32],
        k: usize,
        samples: &Samples,
        clock: &Clock,
    ) -> Result<Option<Norms>, Halt> {
        let (n, stride) = (self.n_sensors, samples.range.len().next_multiple_of(16));
        let norm = samples.rows().map(|row| kernels().dot_slices(row, row)).sum::<f64>().sqrt();
        if norm == 0.0 {
            return Ok(None);
        }
        let whole = &mut self.whole[..n * stride];
        for (to, from) in whole.chunks_mut(stride).zip(samples.rows()) {
            to.fill(0.0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = (from / norm) as f32);
        }
        let projected = &mut self.projected[..k * stride];
        kernels().multiply_single(projected, Factors::Rows(basis, n), whole, stride);
        clock.check()?;
        let left_out = self.left_out(k, stride);
        clock.check()?;
        Ok(Some(Norms { whole: norm, left_out }))
    }

    /// Returns the `k` components computed for so many samples, and the length of their rows.
    pub fn projected(&self, k: usize, n_times: usize) -> (&[f32], usize) {
        let stride = n_times.next_multiple_of(16);
        (&self.projected[..k * stride], stride)
    }

    /// Bounds the spectral norm of R - P R for |R| = 1, in rows of `t` samples.
    ///
    /// The largest eigenvalue of a matrix C is at most the eighth root of the trace of its eighth
    /// power.
    fn left_out(&mut self, k: usize, t: usize) -> f64 {
        let n = self.n_sensors;
        if k == n {
            // With all components |E_s| is only rounding, and R - P R is at most R.
            return 1.0;
        }
        let (whole, projected) = (&self.whole[..n * t], &self.projected[..k * t]);
        let error = (n + k + 8) as f64 * SINGLE_ROUNDING + 3.0 * projection_error(n, k);
        let left = 1.0 - kernels().energy_single(projected);
        let left = left.max(0.0) + error;
        let [a, b] = &mut self.gram;
        if a.is_empty() {
            return left.sqrt();
        }
        let (a, b) = (&mut a[..t * t], &mut b[..t * t]);
        kernels().multiply_single(a, Factors::Columns(whole, t), whole, t);
        kernels().multiply_single(b, Factors::Columns(projected, t), projected, t);
        // In units of its trace no power overflows.
        let factor = (1.0 / left) as f32;
        a.iter_mut().zip(&*b).for_each(|(a, b)| *a = (*a - b) * factor);
        kernels().multiply_single(b, Factors::Rows(a, t), a, t);
        kernels().multiply_single(a, Factors::Rows(b, t), b, t);
        let trace = kernels().energy_single(a);
        // Each squaring loses at most `t^1.5` roundings of what it makes.
        let squares = 1.0 + 4.0 * (t as f64).powf(1.5) * SINGLE_ROUNDING;
        (left * trace.powf(0.125) * squares + error).sqrt().min(left.sqrt())
    }
}

/// Bounds how far the components of an R with |R| = 1 are from what single precision makes of them.
pub(super) fn projection_error(n_sensors: usize, k: usize) -> f64 {
    (n_sensors + 4) as f64 * SINGLE_ROUNDING * (k as f64).sqrt()
}
