//! Memory for large arrays: refused rather than aborted, and in huge pages where the system has them.
#![allow(unsafe_code)]

use crate::error::Error;

/// An empty vector with room for `size` numbers, or [`Error::Memory`].
pub(crate) fn reserve(size: usize) -> Result<Vec<f64>, Error> {
    let mut out = Vec::new();
    out.try_reserve_exact(size)
        .map_err(|_| Error::Memory { what: "the gain", bytes: size.saturating_mul(8) })?;
    advise(&out);
    Ok(out)
}

/// Asks for huge pages: first touching a gain page by page costs more than copying it, and products walk all of it.
#[cfg(target_os = "linux")]
fn advise(memory: &Vec<f64>) {
    const HUGE: usize = 1 << 21;
    const PAGE: usize = 1 << 12;
    let bytes = memory.capacity() * 8;
    if bytes >= 2 * HUGE {
        let start = memory.as_ptr().addr().next_multiple_of(PAGE);
        let length = (memory.as_ptr().addr() + bytes - start) / PAGE * PAGE;
        // SAFETY: advice about pages that lie inside of the allocation; their contents do not change.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_memory: &Vec<f64>) {}
