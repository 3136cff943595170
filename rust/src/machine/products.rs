//! The products of the method, in chunks of rows that do not depend on the number of threads: nor
//! do results.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt, MAX_WORK_UNWATCHED};
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::threads::Threads;
use ndarray::{Array2, ArrayView2};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

/// Rows of the gain that one task multiplies at most.
const MAX_TASK_ROWS: usize = 768;
/// Numbers that a task may write: they stay in the cache until they are squared.
const MAX_TASK_NUMBERS: usize = 1 << 16;

/// Views a panel without its padding.
fn whole(panel: &Panel) -> View<'_> {
    View::new(panel.values(), panel.rows, panel.n_times, panel.stride())
}

/// Chooses how many rows one task multiplies with `n` x `n_times`: at most [`MAX_TASK_ROWS`], fewer
/// where that takes long or fills the cache.
fn rows_per_task(n: usize, n_times: usize) -> usize {
    let work = n.saturating_mul(n_times).max(1);
    (4 * MAX_WORK_UNWATCHED / work).min(MAX_TASK_NUMBERS / n_times.max(1)).clamp(8, MAX_TASK_ROWS)
}

/// Chooses how many tasks of `rows` x `n` x `n_times` run before the clock is checked.
fn tasks_in_a_row(rows: usize, n: usize, n_times: usize, threads: &Threads) -> usize {
    let work = rows.saturating_mul(n).saturating_mul(n_times).max(1);
    (MAX_WORK_UNWATCHED / work).max(1) * threads.count()
}

/// Computes `out = columns residual`: the correlations G'R, where a row of `columns` is a column of
/// the gain.
pub(crate) fn correlations(
    columns: &[f64],
    residual: &Panel,
    out: &mut Panel,
    threads: &Threads,
    clock: &Clock,
) -> Result<(), Halt> {
    let (n, stride) = (residual.rows, out.stride());
    let rows = rows_per_task(n, stride);
    let at_once = tasks_in_a_row(rows, n, stride, threads);
    let some = out.values_mut().chunks_mut(at_once * rows * stride);
    for (out, columns) in some.zip(columns.chunks(at_once * rows * n)) {
        let tasks = out.chunks_mut(rows * stride).zip(columns.chunks(rows * n));
        threads.for_each(tasks, |_, (target, columns)| {
            let view = View::new(columns, columns.len() / n, n, n);
            gemm(Target { data: target, stride, keep: 0.0 }, 1.0, view, whole(residual));
        });
        clock.check()?;
    }
    Ok(())
}

/// Computes |G_s'R|_F for every location, without keeping G'R.
pub(crate) fn correlation_norms(
    columns: &[f64],
    n_orient: usize,
    residual: &Panel,
    threads: &Threads,
    clock: &Clock,
) -> Result<Vec<f64>, Halt> {
    let (n, stride) = (residual.rows, residual.stride());
    let size = n_orient * n;
    let mut norms = memory::zeros("the correlations", columns.len() / size)?;
    let per_task = (rows_per_task(n, stride) / n_orient).max(1);
    let at_once = tasks_in_a_row(per_task * n_orient, n, stride, threads);
    let mut products = Vec::new();
    for _ in 0..threads.count() {
        products.push(Mutex::new(Panel::zeros(per_task * n_orient, residual.n_times)?));
    }
    let some = norms.chunks_mut(at_once * per_task);
    for (norms, columns) in some.zip(columns.chunks(at_once * per_task * size)) {
        let tasks = norms.chunks_mut(per_task).zip(columns.chunks(per_task * size));
        threads.for_each(tasks, |thread, (norms, columns)| {
            let product = &mut *products[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let view = View::new(columns, columns.len() / n, n, n);
            let target = Target { data: product.values_mut(), stride, keep: 0.0 };
            gemm(target, 1.0, view, whole(residual));
            for (s, norm) in norms.iter_mut().enumerate() {
                *norm = kernels().energy(product.block(s, n_orient)).sqrt();
            }
        });
        clock.check()?;
    }
    Ok(norms)
}

/// Subtracts G X from the residual: `residual -= columns' x`.
pub(crate) fn subtract_projection(
    columns: &[f64],
    x: &Panel,
    residual: &mut Panel,
    clock: &Clock,
) -> Result<(), Halt> {
    let (n, n_times, stride) = (residual.rows, residual.n_times, residual.stride());
    let rows = rows_per_task(n, stride);
    for (first, columns) in columns.chunks(rows * n).enumerate() {
        let x = &x.values()[first * rows * stride..];
        let view = View::new(columns, columns.len() / n, n, n).transpose();
        let target = Target { data: residual.values_mut(), stride, keep: 1.0 };
        gemm(target, -1.0, view, View::new(x, columns.len() / n, n_times, stride));
        clock.check()?;
    }
    Ok(())
}

/// Multiplies arrays of any strides: `a b`.
pub(crate) fn dot(
    a: ArrayView2<f64>,
    b: ArrayView2<f64>,
    clock: &Clock,
) -> Result<Array2<f64>, Halt> {
    const WHAT: &str = "time courses";
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let left = in_rows(a)?;
    let right = in_rows(b)?;
    let mut out = memory::array(WHAT, m, n)?;
    if let (Some(out), true) = (out.as_slice_mut(), k > 0 && n > 0) {
        let rows = rows_per_task(k, n);
        for (out, left) in out.chunks_mut(rows * n).zip(left.chunks(rows * k)) {
            let left = View::new(left, left.len() / k, k, k);
            let target = Target { data: out, stride: n, keep: 0.0 };
            gemm(target, 1.0, left, View::new(&right, k, n, n));
            clock.check()?;
        }
    }
    Ok(out)
}

/// Returns the numbers in row order, copied only where they are not.
fn in_rows(array: ArrayView2<'_, f64>) -> Result<Cow<'_, [f64]>, Error> {
    match array.to_slice() {
        Some(slice) => Ok(Cow::Borrowed(slice)),
        None => Ok(Cow::Owned(memory::gathered("time courses", array.iter().copied())?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_ndarray() -> Result<(), Halt> {
        let clock = Clock::endless();
        for (n, p, t) in [(3, 6, 1), (20, 2000, 7), (31, 90, 17)] {
            let wave = |a: f64| move |(i, j): (usize, usize)| ((i * 7 + j * 3) as f64 * a).sin();
            let gain = Array2::from_shape_fn((p, n), wave(0.3));
            let residual = Array2::from_shape_fn((n, t), wave(0.7));
            let columns: Vec<f64> = gain.iter().copied().collect();
            let panel = Panel::from_array(residual.view())?;
            let exact = gain.dot(&residual);
            let mut out = Panel::zeros(p, t)?;
            for threads in [1, 2] {
                correlations(&columns, &panel, &mut out, &Threads::new(threads), &clock)?;
                assert!((&out.to_array()? - &exact).iter().all(|d| d.abs() < 1e-12));
            }
            let norms = correlation_norms(&columns, 2, &panel, &Threads::new(2), &clock)?;
            for (s, norm) in norms.iter().enumerate() {
                let block = exact.slice(ndarray::s![2 * s..2 * s + 2, ..]);
                assert!((norm - block.iter().map(|v| v * v).sum::<f64>().sqrt()).abs() < 1e-12);
            }
            let mut back = panel.copy()?;
            subtract_projection(&columns, &out, &mut back, &clock)?;
            let exact = &residual - &gain.t().dot(&exact);
            let scale = exact.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            assert!((&back.to_array()? - &exact).iter().all(|d| d.abs() < 1e-13 * scale));
        }
        Ok(())
    }
}
