//! One answer as Python reads it: arrays are handed over, not copied.

use super::flat;
use crate::machine::memory;
use crate::{Coefficients, Error, Solution};
use numpy::{Complex64, IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;

/// Objectives, weights, problems solved, whether settled, unit of the amplitudes, locations of the
/// first round.
type Reweighting = (Vec<f64>, Py<PyArray1<f64>>, usize, bool, f64, usize);

/// Time-frequency coefficients: coefficients of a row, where rows begin, places, values.
type Given = (usize, Py<PyArray1<i64>>, Py<PyArray1<i64>>, Py<PyArray1<Complex64>>);

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
    coefficients: Option<Given>,
}

impl PyOutcome {
    /// Hands a solution over to Python.
    pub fn new(py: Python<'_>, solution: Solution) -> PyResult<Self> {
        let certificate = flat(&solution.certificate);
        let Solution { sources, status, explained_variance, n_iter, elapsed, .. } = solution;
        let locations = sources.locations.iter().map(|&s| s as i64);
        let history = solution.history.iter().map(|r| (r.n_iter, r.primal, r.gap, r.n_active));
        let indices = |values: &[usize]| -> Result<_, Error> {
            let values = values.iter().map(|&value| value as i64);
            Ok(memory::gathered("the coefficients", values)?.into_pyarray(py).unbind())
        };
        let coefficients = match solution.coefficients {
            None => None,
            Some(Coefficients { n_coefs, starts, places, values, .. }) => {
                let (starts, places) = (indices(&starts)?, indices(&places)?);
                Some((n_coefs, starts, places, values.into_pyarray(py).unbind()))
            }
        };
        Ok(PyOutcome {
            coefficients,
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
                (r.objectives, weights, n, r.converged, unit, r.n_active_first)
            }),
        })
    }
}
