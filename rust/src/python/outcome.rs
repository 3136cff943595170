//! One answer, read piece by piece from Python.

use super::flat;
use crate::Solution;
use numpy::{PyArray1, PyArray2, ToPyArray};
use pyo3::prelude::*;

#[pyclass(frozen, module = "mxne_rs._core")]
pub(super) struct Outcome {
    pub solution: Solution,
}

#[pymethods]
impl Outcome {
    #[getter]
    fn locations(&self) -> Vec<usize> {
        self.solution.sources.locations.clone()
    }

    #[getter]
    fn sources<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        self.solution.sources.coef.to_pyarray(py)
    }

    #[getter]
    fn certificate(&self) -> (f64, f64, f64) {
        flat(&self.solution.certificate)
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.solution.status.name()
    }

    #[getter]
    fn explained_variance(&self) -> f64 {
        self.solution.explained_variance
    }

    #[getter]
    fn n_iter(&self) -> usize {
        self.solution.n_iter
    }

    #[getter]
    fn elapsed(&self) -> f64 {
        self.solution.elapsed
    }

    #[getter]
    fn history(&self) -> Vec<(usize, f64, f64, usize)> {
        let history = &self.solution.history;
        history.iter().map(|r| (r.n_iter, r.primal, r.gap, r.n_active)).collect()
    }

    #[getter]
    fn reweighting<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<(f64, Bound<'py, PyArray1<f64>>, usize, bool)> {
        let r = self.solution.reweighting.as_ref()?;
        Some((r.objective, r.weights.to_pyarray(py), r.n_reweights, r.converged))
    }
}
