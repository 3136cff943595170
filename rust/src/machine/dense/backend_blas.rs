//! Dense products by a linked CBLAS (feature `blas`; `build.rs` finds the library).
#![allow(unsafe_code)]

use super::{Target, View};
use std::ffi::c_int;
use std::sync::Once;

const ROW_MAJOR: c_int = 101;
const NO_TRANSPOSE: c_int = 111;
const TRANSPOSE: c_int = 112;

// SAFETY: the signatures of cblas.h and of OpenBLAS, whose int has 32 bits (build.rs looks for no
// other).
unsafe extern "C" {
    #[cfg_attr(scipy_openblas, link_name = "scipy_cblas_dgemm")]
    fn cblas_dgemm(
        order: c_int,
        transpose_a: c_int,
        transpose_b: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        alpha: f64,
        a: *const f64,
        lda: c_int,
        b: *const f64,
        ldb: c_int,
        beta: f64,
        c: *mut f64,
        ldc: c_int,
    );
    #[cfg(openblas)]
    #[cfg_attr(scipy_openblas, link_name = "scipy_openblas_set_num_threads")]
    fn openblas_set_num_threads(count: c_int);
}

/// Multiplies: `out = keep * out + factor * a b`, on the calling thread: the library's own threads
/// are switched off.
pub(crate) fn gemm(out: Target, factor: f64, a: View, b: View) {
    static ONE_THREAD: Once = Once::new();
    #[cfg(openblas)]
    // SAFETY: sets an integer inside the library, once.
    ONE_THREAD.call_once(|| unsafe { openblas_set_num_threads(1) });
    #[cfg(not(openblas))]
    ONE_THREAD.call_once(|| {});

    let (m, n, k) = (a.rows, b.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    assert!(k == b.rows && out.data.len() >= (m - 1) * out.stride + n);
    assert!(a.fits() && b.fits());
    let size = |value: usize| {
        assert!(value <= c_int::MAX as usize, "a CBLAS with 32-bit integers cannot index {value}");
        value as c_int
    };
    let layout = |view: &View| match view.column_stride {
        1 => (NO_TRANSPOSE, size(view.row_stride.max(view.columns))),
        _ => (TRANSPOSE, size(view.column_stride.max(view.rows))),
    };
    let ((transpose_a, lda), (transpose_b, ldb)) = (layout(&a), layout(&b));
    // SAFETY: every element addressed lies inside of its slice (checked above), and `out` is
    // borrowed mutably, so it overlaps neither operand.
    unsafe {
        cblas_dgemm(
            ROW_MAJOR,
            transpose_a,
            transpose_b,
            size(m),
            size(n),
            size(k),
            factor,
            a.data.as_ptr(),
            lda,
            b.data.as_ptr(),
            ldb,
            out.keep,
            out.data.as_mut_ptr(),
            size(out.stride),
        );
    }
}
