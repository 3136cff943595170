//! Memory for arrays whose size comes from the input: refused rather than aborted, in huge pages
//! where the system has them.
#![allow(unsafe_code)]

use crate::error::Error;
use bytemuck::Zeroable;
use ndarray::Array2;

/// Allocates zeros, or [`Error::Memory`]. The system provides the pages as they are first touched.
pub(crate) fn zeros<T: Zeroable>(what: &'static str, size: usize) -> Result<Vec<T>, Error> {
    let zeros =
        bytemuck::allocation::try_zeroed_slice_box(size).map_err(|()| refusal::<T>(what, size))?;
    advise(&zeros);
    Ok(Vec::from(zeros))
}

/// Allocates a matrix of zeros, or [`Error::Memory`].
pub(crate) fn array(what: &'static str, rows: usize, columns: usize) -> Result<Array2<f64>, Error> {
    let size = rows.saturating_mul(columns);
    let refused = |_| refusal::<f64>(what, size);
    Array2::from_shape_vec((rows, columns), zeros(what, size)?).map_err(refused)
}

/// Allocates an empty vector with room for `size` items, or [`Error::Memory`].
pub(crate) fn room<T>(what: &'static str, size: usize) -> Result<Vec<T>, Error> {
    let mut out = Vec::new();
    out.try_reserve_exact(size).map_err(|_| refusal::<T>(what, size))?;
    Ok(out)
}

/// Collects the items of an iterator of known length, or [`Error::Memory`].
pub(crate) fn gathered<T>(
    what: &'static str,
    items: impl ExactSizeIterator<Item = T>,
) -> Result<Vec<T>, Error> {
    let mut out = room(what, items.len())?;
    out.extend(items);
    Ok(out)
}

/// Copies, or [`Error::Memory`].
pub(crate) fn copied<T: Copy>(what: &'static str, items: &[T]) -> Result<Vec<T>, Error> {
    let mut out = room(what, items.len())?;
    out.extend_from_slice(items);
    Ok(out)
}

/// Appends, or [`Error::Memory`].
pub(crate) fn append<T: Copy>(
    what: &'static str,
    out: &mut Vec<T>,
    items: &[T],
) -> Result<(), Error> {
    out.try_reserve(items.len()).map_err(|_| refusal::<T>(what, out.len() + items.len()))?;
    out.extend_from_slice(items);
    Ok(())
}

/// Shortens, or appends zeros, or [`Error::Memory`].
pub(crate) fn resize<T: Zeroable + Clone>(
    what: &'static str,
    out: &mut Vec<T>,
    size: usize,
) -> Result<(), Error> {
    if out.capacity() == 0 {
        *out = zeros(what, size)?;
        return Ok(());
    }
    let more = size.saturating_sub(out.len());
    out.try_reserve(more).map_err(|_| refusal::<T>(what, size))?;
    out.resize(size, T::zeroed());
    Ok(())
}

/// Refuses where `bytes` cannot be allocated: for libraries that allocate by themselves and would
/// abort.
pub(crate) fn expect_room(what: &'static str, bytes: usize) -> Result<(), Error> {
    // Without the black box the compiler would remove the allocation.
    room::<u8>(what, bytes).map(|room| drop(std::hint::black_box(room)))
}

/// Makes the error for `size` items.
fn refusal<T>(what: &'static str, size: usize) -> Error {
    Error::Memory { what, bytes: size.saturating_mul(size_of::<T>()) }
}

/// Asks for huge pages: touching a gain for the first time page by page costs more than copying it.
#[cfg(target_os = "linux")]
fn advise<T>(memory: &[T]) {
    const HUGE: usize = 1 << 21;
    const PAGE: usize = 1 << 12;
    let bytes = size_of_val(memory);
    if bytes >= 2 * HUGE {
        let start = memory.as_ptr().addr().next_multiple_of(PAGE);
        let length = (memory.as_ptr().addr() + bytes - start) / PAGE * PAGE;
        // SAFETY: advice about pages that lie inside of the allocation; their contents do not
        // change.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_memory: &[T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides of the size from which huge pages are asked for; every number of what was made
    /// can be used.
    #[test]
    #[cfg_attr(miri, ignore = "miri knows no madvise")]
    fn zeros_can_be_used() -> Result<(), Error> {
        const FROM: usize = (2 << 21) / 8;
        for size in [0, 1, 7, 511, FROM - 1, FROM, FROM + 1, FROM + 513, 3 * FROM + 5] {
            let mut numbers = zeros::<f64>("numbers", size)?;
            assert_eq!(numbers.len(), size);
            assert!(numbers.iter().all(|value| *value == 0.0));
            numbers.fill(1.5);
            assert!(numbers.iter().all(|value| *value == 1.5));
        }
        Ok(())
    }

    /// Tells whether memory is refused. Without the black box the compiler would remove the
    /// allocation.
    fn refused<T>(made: Result<T, Error>) -> bool {
        matches!(std::hint::black_box(made), Err(Error::Memory { .. }))
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no allocator that refuses")]
    fn too_much_is_refused() {
        for size in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8 + 1, 1 << 58] {
            assert!(refused(zeros::<f64>("numbers", size)));
            assert!(refused(room::<f64>("numbers", size)));
            assert!(refused(array("numbers", size, 2)));
            assert!(matches!(append("numbers", &mut vec![0.0; 2], &[]), Ok(())));
        }
        assert!(refused(expect_room("numbers", 1 << 58)));
    }
}
