//! Every dense product: one `gemm` with two back ends, and the products of the method in fixed chunks of rows.
//!
//! The default back end is the `gemm` crate; the feature `blas` takes a linked CBLAS instead (`backend_blas`).
//! Chunks are the same whatever the number of threads, so results are too.

#[cfg(feature = "blas")]
mod backend_blas;
#[cfg(not(feature = "blas"))]
mod backend_gemm;

use crate::error::Error;
use crate::kernels::kernels;
use crate::panel::Panel;
use crate::threads::Threads;
#[cfg(feature = "blas")]
use backend_blas::gemm;
#[cfg(not(feature = "blas"))]
use backend_gemm::gemm;
use ndarray::{Array2, ArrayView2};
use std::sync::{Mutex, PoisonError};

/// Rows of the gain that one task multiplies.
const CHUNK: usize = 768;

/// A matrix seen through its strides.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub data: &'a [f64],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> View<'a> {
    pub fn new(data: &'a [f64], rows: usize, columns: usize, stride: usize) -> Self {
        View { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    pub fn panel(panel: &'a Panel) -> Self {
        View::new(panel.values(), panel.rows, panel.n_times, panel.stride())
    }

    /// Whether every element addressed lies inside of the data.
    pub fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }

    pub fn transpose(self) -> Self {
        View {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// `out = keep * out + factor * a b`, `out` in row order with the stride given.
pub(crate) struct Target<'a> {
    pub data: &'a mut [f64],
    pub stride: usize,
    pub keep: f64,
}

/// `out = columns residual`: the correlations G'R, where a row of `columns` is a column of the gain.
pub(crate) fn correlations(columns: &[f64], residual: &Panel, out: &mut Panel, threads: &Threads) {
    let (n, stride) = (residual.rows, out.stride());
    let tasks = out.values_mut().chunks_mut(CHUNK * stride).zip(columns.chunks(CHUNK * n));
    threads.for_each(tasks.collect(), |_, (target, columns)| {
        let view = View::new(columns, columns.len() / n, n, n);
        gemm(Target { data: target, stride, keep: 0.0 }, 1.0, view, View::panel(residual));
    });
}

/// |G_s' R|_F for every location, without keeping G'R.
pub(crate) fn correlation_norms(
    columns: &[f64],
    n_orient: usize,
    residual: &Panel,
    threads: &Threads,
) -> Result<Vec<f64>, Error> {
    let n = residual.rows;
    let n_locations = columns.len() / (n * n_orient);
    let mut norms = vec![0.0; n_locations];
    let per_task = (CHUNK / n_orient).max(1);
    let chunks = columns.chunks(per_task * n_orient * n);
    let tasks: Vec<_> = norms.chunks_mut(per_task).zip(chunks).collect();
    let failed = Mutex::new(None);
    let scratch = || Panel::zeros(per_task * n_orient, residual.n_times);
    threads.for_each_with(tasks, scratch, |product, _, (norms, columns)| match product {
        Ok(product) => {
            let stride = product.stride();
            let view = View::new(columns, columns.len() / n, n, n);
            let target = Target { data: product.values_mut(), stride, keep: 0.0 };
            gemm(target, 1.0, view, View::panel(residual));
            for (s, norm) in norms.iter_mut().enumerate() {
                *norm = kernels().energy(product.block(s, n_orient)).sqrt();
            }
        }
        Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone()),
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    Ok(norms)
}

/// `residual -= columns' x`: takes G X out of the residual.
pub(crate) fn subtract_projection(columns: &[f64], x: &Panel, residual: &mut Panel) {
    let (n, stride) = (residual.rows, residual.stride());
    if x.rows == 0 {
        return;
    }
    let view = View::new(columns, x.rows, n, n).transpose();
    let target = Target { data: residual.values_mut(), stride, keep: 1.0 };
    gemm(target, -1.0, view, View::panel(x));
}

/// `a b` for arrays of any strides.
pub(crate) fn dot(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (m, n) = (a.nrows(), b.ncols());
    let mut out = vec![0.0; m * n];
    if let (Some(left), Some(right)) = (a.as_slice(), b.as_slice()) {
        let left = View::new(left, m, a.ncols(), a.ncols());
        let right = View::new(right, b.nrows(), n, n);
        gemm(Target { data: &mut out, stride: n, keep: 0.0 }, 1.0, left, right);
    }
    Array2::from_shape_fn((m, n), |(i, j)| out[i * n + j])
}

/// `out[:, at..] = a b'` for rows `a` and `b` of length `n`, `out` in row order with `stride`.
pub(crate) fn gram_into(out: &mut [f64], stride: usize, a: &[f64], b: &[f64], n: usize) {
    let left = View::new(a, a.len() / n, n, n);
    let right = View::new(b, b.len() / n, n, n).transpose();
    gemm(Target { data: out, stride, keep: 0.0 }, 1.0, left, right);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_ndarray() -> Result<(), Error> {
        for (n, p, t) in [(3, 6, 1), (20, 2000, 7), (31, 90, 17)] {
            let wave = |a: f64| move |(i, j): (usize, usize)| ((i * 7 + j * 3) as f64 * a).sin();
            let gain = Array2::from_shape_fn((p, n), wave(0.3));
            let residual = Array2::from_shape_fn((n, t), wave(0.7));
            let columns: Vec<f64> = gain.iter().copied().collect();
            let panel = Panel::from_array(residual.view())?;
            let exact = gain.dot(&residual);
            let mut out = Panel::zeros(p, t)?;
            for threads in [1, 2] {
                correlations(&columns, &panel, &mut out, &Threads::new(threads));
                assert!((&out.to_array() - &exact).iter().all(|d| d.abs() < 1e-12));
            }
            let norms = correlation_norms(&columns, 2, &panel, &Threads::new(2))?;
            for (s, norm) in norms.iter().enumerate() {
                let block = exact.slice(ndarray::s![2 * s..2 * s + 2, ..]);
                assert!((norm - block.iter().map(|v| v * v).sum::<f64>().sqrt()).abs() < 1e-12);
            }
            let mut back = panel.clone();
            subtract_projection(&columns, &out, &mut back);
            let exact = &residual - &gain.t().dot(&exact);
            let scale = exact.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            assert!((&back.to_array() - &exact).iter().all(|d| d.abs() < 1e-13 * scale));
        }
        Ok(())
    }
}
