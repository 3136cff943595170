//! Arrays copied out of Python while the GIL is held, so that other threads cannot change them
//! during a solve.

use crate::Error;
use crate::machine::memory;
use ndarray::Array2;
use numpy::{PyReadonlyArray1, PyReadonlyArray2};

/// Copies a matrix.
pub(super) fn matrix(array: &PyReadonlyArray2<'_, f64>) -> Result<Array2<f64>, Error> {
    let view = array.as_array();
    let mut copy = memory::array("a copy of the data", view.nrows(), view.ncols())?;
    copy.assign(&view);
    Ok(copy)
}

/// Copies a vector.
pub(super) fn vector(array: &PyReadonlyArray1<'_, f64>) -> Result<Vec<f64>, Error> {
    memory::gathered("a copy of a vector", array.as_array().iter().copied())
}

/// Copies indices; negative ones become too large, so that they are refused.
pub(super) fn indices(array: &PyReadonlyArray1<'_, i64>) -> Result<Vec<usize>, Error> {
    let index = |&value: &i64| usize::try_from(value).unwrap_or(usize::MAX);
    memory::gathered("a copy of the locations", array.as_array().iter().map(index))
}
