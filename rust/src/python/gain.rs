//! A prepared gain, shared by calls and threads.

use super::arrays::{indices, matrix};
use super::run::watched;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::problem::gain::Preparation;
use crate::{Gain, Threads};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;

#[pyclass(name = "Gain", frozen, module = "mxne_rs._core")]
pub(super) struct PyGain {
    pub(super) gain: Arc<Gain>,
}

#[pymethods]
impl PyGain {
    /// Copies piece by piece: other threads and signals get their turn in between.
    #[new]
    #[pyo3(signature = (gain, n_orient))]
    fn new(py: Python<'_>, gain: Bound<'_, PyArray2<f64>>, n_orient: usize) -> PyResult<Self> {
        let mut preparation = Preparation::new((gain.shape()[0], gain.shape()[1]), n_orient)?;
        loop {
            let (rows, columns) = preparation.shape();
            if gain.shape() != [rows, columns] || !gain.is_contiguous() {
                let message = "gain was given another shape while it was being read";
                return Err(PyValueError::new_err(message));
            }
            if !preparation.copy_some(gain.try_readonly()?.as_array()) {
                break;
            }
            py.check_signals()?;
            py.detach(|| ());
        }
        let gain = watched(py, None, |monitor| {
            preparation.finish(&Clock::start(None, Some(monitor))).map_err(Halt::into_error)
        })?;
        Ok(PyGain { gain: Arc::new(gain) })
    }

    #[getter]
    fn n_sensors(&self) -> usize {
        self.gain.n_sensors()
    }

    #[getter]
    fn n_locations(&self) -> usize {
        self.gain.n_locations()
    }

    #[getter]
    fn n_orient(&self) -> usize {
        self.gain.n_orient()
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.gain.n_sensors(), self.gain.n_sources())
    }

    #[getter]
    fn lipschitz<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let all = (0..self.gain.n_locations()).map(|s| self.gain.lipschitz(s));
        Ok(memory::gathered("the block Lipschitz constants", all)?.into_pyarray(py))
    }

    fn columns<'py>(
        &self,
        py: Python<'py>,
        locations: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        Ok(self.gain.columns_of(&indices(&locations)?)?.into_pyarray(py))
    }

    /// Measures the seconds of one product G'R: the unit of cost in `benches/`.
    fn product_seconds(
        &self,
        py: Python<'_>,
        residual: PyReadonlyArray2<'_, f64>,
        n_threads: usize,
    ) -> PyResult<f64> {
        let residual = matrix(&residual)?;
        watched(py, None, |_| self.gain.product_seconds(residual.view(), &Threads::new(n_threads)))
    }

    fn __repr__(&self) -> String {
        let (n, o) = (self.gain.n_sensors(), self.gain.n_orient());
        format!("Gain({n} sensors x {} locations x {o} orientations)", self.gain.n_locations())
    }
}
