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
    max_iter: i64,
    time_limit: Option<f64>,
    init: Option<(PyReadonlyArray1<'py, i64>, PyReadonlyArray2<'py, f64>)>,
    solver: String,
    active_set_size: Option<i64>,
    n_threads: i64,
    progress: Option<Py<PyAny>>,
}

/// How to reweight, gathered by `mxne_rs.solve`.
#[derive(FromPyObject)]
pub(super) struct Rounds {
    n_reweights: i64,
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
        Ok(Reweight {
            n_reweights: count("n_reweights", self.n_reweights, 1)?,
            tol_reweight: self.tol_reweight,
            surrogate,
            amplitude_unit: self.amplitude_unit.own()?,
        })
    }

    /// The same where one convex problem, MxNE, is a choice: then there is nothing to reweight.
    pub fn own_if_any(self) -> PyResult<Option<Reweight>> {
        let reweight = self.own()?;
        reweight.check()?;
        Ok((reweight.n_reweights > 1).then_some(reweight))
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
            max_iter: count("max_iter", self.max_iter, 1)?,
            time_limit: self.time_limit.map(|s| seconds("time_limit", s)).transpose()?,
            init,
            solver,
            active_set_size: self
                .active_set_size
                .map(|size| count("active_set_size", size, 1))
                .transpose()?,
            n_threads: count("n_threads", self.n_threads, 0)?,
            progress: self.progress,
        })
    }
}

/// An integer that is at least `least`.
pub(super) fn count(name: &str, value: i64, least: usize) -> PyResult<usize> {
    match usize::try_from(value) {
        Ok(count) if count >= least => Ok(count),
        _ => {
            let message = format!("{name} is {value}; give an integer of at least {least}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// A time that is above zero.
pub(super) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    if !(value > 0.0 && value.is_finite()) {
        let message = format!("{name} is {value:?}; give a positive number of seconds, or None");
        return Err(PyValueError::new_err(message));
    }
    let limit = Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX);
    Ok(limit.max(Duration::from_nanos(1)))
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
