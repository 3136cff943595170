//! A request taken out of Python, and the run it asks for.

use super::arrays::{indices, matrix, vector};
use super::run::watched;
use crate::{
    AmplitudeUnit, Error, Options, Reweight, Solver, Sources, Stopping, Surrogate, Threads,
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::time::Duration;

/// What a solve is asked for, gathered by `mxne_rs.solve`.
#[derive(FromPyObject)]
pub(super) struct Request<'py> {
    alpha: f64,
    weights: Option<PyReadonlyArray1<'py, f64>>,
    ridge: f64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<f64>,
    init: Option<(PyReadonlyArray1<'py, i64>, PyReadonlyArray2<'py, f64>)>,
    solver: String,
    active_set_size: Option<usize>,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
}

/// How to reweight, gathered by `mxne_rs.request`.
#[derive(FromPyObject)]
pub(super) struct Rounds {
    n_reweights: usize,
    tol_reweight: f64,
    surrogate: String,
    amplitude_unit: UnitGiven,
}

/// A number, or the name of a unit.
#[derive(FromPyObject)]
pub(super) enum UnitGiven {
    Number(f64),
    Name(String),
}

impl UnitGiven {
    pub fn own(self) -> PyResult<AmplitudeUnit> {
        match self {
            UnitGiven::Number(value) => Ok(AmplitudeUnit::Number(value)),
            UnitGiven::Name(name) => match name.as_str() {
                "mne" => Ok(AmplitudeUnit::Mne),
                "gain" => Ok(AmplitudeUnit::Gain),
                "relative" => Ok(AmplitudeUnit::Relative),
                "largest" => Ok(AmplitudeUnit::Largest),
                other => Err(PyValueError::new_err(format!(
                    "amplitude_unit is {other:?}; give a positive number, or one of \"relative\", \"largest\", \"mne\", \"gain\""
                ))),
            },
        }
    }
}

impl Rounds {
    pub fn own(self) -> PyResult<Reweight> {
        let surrogate = match self.surrogate.as_str() {
            "sqrt" => Surrogate::Sqrt,
            "log" => Surrogate::Log,
            other => {
                let message = format!("surrogate is {other:?}; give \"sqrt\" or \"log\"");
                return Err(PyValueError::new_err(message));
            }
        };
        let (n_reweights, tol_reweight) = (self.n_reweights, self.tol_reweight);
        let amplitude_unit = self.amplitude_unit.own()?;
        Ok(Reweight { n_reweights, tol_reweight, surrogate, amplitude_unit })
    }
}

/// A request copied out of Python.
pub(super) struct Owned {
    pub alpha: f64,
    pub weights: Option<Vec<f64>>,
    pub ridge: f64,
    pub tol: f64,
    pub max_iter: usize,
    pub time_limit: Option<Duration>,
    pub init: Option<Sources>,
    pub solver: Solver,
    pub active_set_size: Option<usize>,
    pub n_threads: usize,
    pub progress: Option<Py<PyAny>>,
}

impl Request<'_> {
    pub fn own(self, n_orient: usize) -> PyResult<Owned> {
        let solver = match self.solver.as_str() {
            "bcd" => Solver::Bcd,
            "fista" => Solver::Fista,
            other => {
                let message = format!("solver is {other:?}; give \"bcd\" or \"fista\"");
                return Err(PyValueError::new_err(message));
            }
        };
        let init = match self.init {
            Some((locations, coef)) => {
                let (locations, coef) = (indices(&locations)?, matrix(&coef)?);
                Some(Sources { locations, coef, n_orient })
            }
            None => None,
        };
        Ok(Owned {
            alpha: self.alpha,
            weights: self.weights.as_ref().map(vector).transpose()?,
            ridge: self.ridge,
            tol: self.tol,
            max_iter: self.max_iter,
            time_limit: self.time_limit.map(|s| {
                let limit = Duration::try_from_secs_f64(s);
                limit.unwrap_or(Duration::MAX).max(Duration::from_nanos(1))
            }),
            init,
            solver,
            active_set_size: self.active_set_size,
            n_threads: self.n_threads,
            progress: self.progress,
        })
    }
}

impl Owned {
    /// Runs `solve` with the options asked for.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        solve: impl Send + FnOnce(&Options) -> Result<T, Error>,
    ) -> PyResult<T> {
        watched(py, self.progress.as_ref(), |monitor| {
            let stopping = Stopping {
                tol: self.tol,
                max_iter: self.max_iter,
                time_limit: self.time_limit,
                monitor: Some(monitor),
            };
            solve(&Options {
                weights: self.weights.as_deref(),
                ridge: self.ridge,
                stopping,
                solver: self.solver,
                active_set_size: self.active_set_size,
                init: self.init.as_ref(),
                threads: Threads::new(self.n_threads),
            })
        })
    }
}
