//! Every dense product: one `gemm` with two back ends.
//!
//! The default back end is the `gemm` crate; the feature `blas` takes a linked CBLAS instead (`backend_blas`).

#[cfg(feature = "blas")]
mod backend_blas;
#[cfg(not(feature = "blas"))]
mod backend_gemm;

use crate::error::Error;
use crate::memory;
#[cfg(feature = "blas")]
pub(crate) use backend_blas::gemm;
#[cfg(not(feature = "blas"))]
pub(crate) use backend_gemm::gemm;
use std::cell::Cell;

/// At most what a back end keeps on a thread for its products.
pub(crate) const SCRATCH: usize = 1 << 23;

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

/// Makes the scratch that products keep on this thread: later it could not be refused.
pub(crate) fn prepare_this_thread() -> Result<(), Error> {
    thread_local! {
        static PREPARED: Cell<bool> = const { Cell::new(false) };
    }
    if !PREPARED.get() {
        memory::expect_room("products", SCRATCH)?;
        const N: usize = 64;
        let (ones, mut out) =
            (memory::zeros("products", N * N)?, memory::zeros("products", N * N)?);
        let view = View::new(&ones, N, N, N);
        gemm(Target { data: &mut out, stride: N, keep: 0.0 }, 1.0, view, view);
        PREPARED.set(true);
    }
    Ok(())
}
