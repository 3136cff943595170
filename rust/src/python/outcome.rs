//! One answer as Python reads it: arrays are handed over, not copied.

use super::flat;
use crate::Solution;
use crate::machine::memory;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;

/// Objective, weights, problems solved, whether settled, unit of the amplitudes, locations of the
/// first round.
type Reweighting = (f64, Py<PyArray1<f64>>, usize, bool, f64, usize);

#[pyclass(name = "Outcome", frozen, get_all, module = "mxne_rs._core")]
pub(super) struct PyOutcome {
    locations: Py<PyArray1<i64>>,
    sources: Py<PyArray2<f64>>,
    certificate: (f64, f64, f64),
    status: &'static str,
    explained_variance: f64,
    n_iter: usize,
    elapsed: f64,
    history: Vec<(usize, f64, f64, usize)>,
    reweighting: Option<Reweighting>,
}

impl PyOutcome {
    /// Hands a solution over to Python.
    pub fn new(py: Python<'_>, solution: Solution) -> PyResult<Self> {
        let certificate = flat(&solution.certificate);
        let Solution { sources, status, explained_variance, n_iter, elapsed, .. } = solution;
        let locations = sources.locations.iter().map(|&s| s as i64);
        let history = solution.history.iter().map(|r| (r.n_iter, r.primal, r.gap, r.n_active));
        Ok(PyOutcome {
            locations: memory::gathered("the locations", locations)?.into_pyarray(py).unbind(),
            sources: sources.coef.into_pyarray(py).unbind(),
            certificate,
            status: status.name(),
            explained_variance,
            n_iter,
            elapsed,
            history: memory::gathered("the history", history)?,
            reweighting: solution.reweighting.map(|r| {
                let weights = r.weights.into_pyarray(py).unbind();
                let (n, unit) = (r.n_reweights, r.amplitude_unit);
                (r.objective, weights, n, r.converged, unit, r.n_active_first)
            }),
        })
    }
}
