//! Every dense product: one `gemm` with two back ends.
//!
//! The default back end is the `gemm` crate; the feature `blas` takes a linked CBLAS instead
//! (`backend_blas`).

#[cfg(feature = "blas")]
mod backend_blas;
#[cfg(not(feature = "blas"))]
mod backend_gemm;

use crate::error::Error;
use crate::machine::memory;
#[cfg(feature = "blas")]
pub(crate) use backend_blas::gemm;
#[cfg(not(feature = "blas"))]
pub(crate) use backend_gemm::gemm;
use std::cell::Cell;

/// A bound on what a back end keeps on a thread for its products.
pub(crate) const SCRATCH_BYTES: usize = 1 << 23;

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
    /// Views rows that are `stride` numbers apart.
    pub fn new(data: &'a [f64], rows: usize, columns: usize, stride: usize) -> Self {
        View { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Tells whether every element addressed lies inside of the data.
    pub fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }

    /// Exchanges rows and columns.
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

/// Where a product goes, in row order: `out = keep * out + factor * a b`.
pub(crate) struct Target<'a> {
    pub data: &'a mut [f64],
    pub stride: usize,
    pub keep: f64,
}

/// Allocates the scratch that products keep on this thread: inside of a product a lack of memory
/// would abort.
pub(crate) fn prepare_this_thread() -> Result<(), Error> {
    thread_local! {
        static PREPARED: Cell<bool> = const { Cell::new(false) };
    }
    if !PREPARED.get() {
        memory::expect_room("products", SCRATCH_BYTES)?;
        const N: usize = 64;
        let (ones, mut out) =
            (memory::zeros("products", N * N)?, memory::zeros("products", N * N)?);
        let view = View::new(&ones, N, N, N);
        gemm(Target { data: &mut out, stride: N, keep: 0.0 }, 1.0, view, view);
        PREPARED.set(true);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wave(n: usize, seed: f64) -> Vec<f64> {
        (0..n).map(|i| ((i + 1) as f64 * seed).sin()).collect()
    }

    /// `stride` numbers from row to row, the last row no longer than it has to be.
    fn length(rows: usize, columns: usize, stride: usize) -> usize {
        if rows == 0 || columns == 0 { 0 } else { (rows - 1) * stride + columns }
    }

    /// A product against the formula; what lies between the rows of the target is not touched.
    fn agree((m, n, k): (usize, usize, usize), gap: usize, transposed: (bool, bool), keep: f64) {
        let view = |data, rows, columns, transposed: bool| match transposed {
            true => View::new(data, columns, rows, rows + gap).transpose(),
            false => View::new(data, rows, columns, columns + gap),
        };
        let of = |rows, columns, transposed: bool| match transposed {
            true => length(columns, rows, rows + gap),
            false => length(rows, columns, columns + gap),
        };
        let left = wave(of(m, k, transposed.0), 0.7);
        let right = wave(of(k, n, transposed.1), 0.3);
        let (a, b) = (view(&left, m, k, transposed.0), view(&right, k, n, transposed.1));
        let at = |view: &View, i: usize, j: usize| {
            view.data[i * view.row_stride + j * view.column_stride]
        };
        let stride = n + gap;
        let before = wave(length(m, n, stride), 0.9);
        let mut out = before.clone();
        if keep == 0.0 {
            // What is not kept is not read: not even where it is no number.
            (0..m).for_each(|i| (0..n).for_each(|j| out[i * stride + j] = f64::NAN));
        }
        gemm(Target { data: &mut out, stride, keep }, -1.5, a, b);
        for (place, value) in out.iter().enumerate() {
            let (i, j) = (place / stride, place % stride);
            let kept = if keep == 0.0 { 0.0 } else { keep * before[place] };
            let exact = match j < n {
                true => kept - 1.5 * (0..k).map(|l| at(&a, i, l) * at(&b, l, j)).sum::<f64>(),
                false => before[place],
            };
            assert!((value - exact).abs() < 1e-12, "{value} {exact} at {i} {j}");
        }
    }

    #[test]
    fn edges() {
        for (m, n, k) in [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 9, 1), (17, 1, 33)] {
            for gap in [0, 3] {
                for transposed in [(false, false), (true, false), (false, true), (true, true)] {
                    agree((m, n, k), gap, transposed, 0.0);
                    agree((m, n, k), gap, transposed, 1.0);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "out.data.len()")]
    fn short_target_is_refused() {
        let (a, b, mut out) = (wave(6, 0.3), wave(6, 0.7), wave(8, 0.1));
        let target = Target { data: &mut out, stride: 3, keep: 0.0 };
        gemm(target, 1.0, View::new(&a, 3, 2, 2), View::new(&b, 2, 3, 3));
    }

    #[test]
    #[should_panic(expected = "a.fits()")]
    fn short_operand_is_refused() {
        let (a, b, mut out) = (wave(5, 0.3), wave(6, 0.7), wave(9, 0.1));
        let target = Target { data: &mut out, stride: 3, keep: 0.0 };
        gemm(target, 1.0, View::new(&a, 3, 2, 2), View::new(&b, 2, 3, 3));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn products_of_any_shape(
            shape in (0usize..40, 0usize..40, 0usize..40),
            gap in 0usize..4,
            transposed in any::<(bool, bool)>(),
            keep in prop::sample::select(vec![0.0, 1.0]),
        ) {
            agree(shape, gap, transposed, keep);
        }
    }
}
