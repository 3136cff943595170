//! Dense products by the `gemm` crate: a BLAS-3 in Rust that picks its kernels for the CPU at run
//! time.
#![allow(unsafe_code)]

use super::{Target, View};

/// Multiplies: `out = keep * out + factor * a b`, on the calling thread.
pub(crate) fn gemm(out: Target, factor: f64, a: View, b: View) {
    let (m, n) = (a.rows, b.columns);
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.columns == b.rows && out.data.len() >= (m - 1) * out.stride + n);
    assert!(a.fits() && b.fits());
    // SAFETY: every element addressed lies inside of its slice (checked above), and `out` is
    // borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            a.columns,
            out.data.as_mut_ptr(),
            1,
            out.stride as isize,
            out.keep != 0.0,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            out.keep,
            factor,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
