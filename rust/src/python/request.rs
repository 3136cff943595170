//! A request taken out of Python, and the run it asks for: without the GIL, answering signals.

use crate::{Error, Options, Progress, Reweight, Solver, Sources, Stopping, Surrogate, Threads};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        match error {
            Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
            Error::Interrupted => PyKeyboardInterrupt::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        }
    }
}

/// Runs `work` without the GIL; a panic, which would be a bug, becomes a RuntimeError.
pub(super) fn detached<T: Send>(
    py: Python<'_>,
    work: impl Send + FnOnce() -> Result<T, Error>,
) -> PyResult<T> {
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    match result {
        Ok(value) => Ok(value?),
        Err(_) => Err(PyRuntimeError::new_err("internal error in mxne_rs: please report it")),
    }
}

/// What a solve is asked for, gathered by `mxne_rs.solve`.
#[derive(FromPyObject)]
pub(super) struct Request<'py> {
    alpha: f64,
    weights: Option<PyReadonlyArray1<'py, f64>>,
    ridge: f64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<f64>,
    init: Option<(Vec<usize>, PyReadonlyArray2<'py, f64>)>,
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
        let Rounds { n_reweights, tol_reweight, .. } = self;
        Ok(Reweight { n_reweights, tol_reweight, surrogate })
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
        Ok(Owned {
            alpha: self.alpha,
            weights: self.weights.map(|w| w.as_array().to_vec()),
            ridge: self.ridge,
            tol: self.tol,
            max_iter: self.max_iter,
            time_limit: self.time_limit.map(|s| {
                let limit = Duration::try_from_secs_f64(s);
                limit.unwrap_or(Duration::MAX).max(Duration::from_nanos(1))
            }),
            init: self.init.map(|(locations, coef)| Sources {
                locations,
                coef: coef.as_array().to_owned(),
                n_orient,
            }),
            solver,
            active_set_size: self.active_set_size,
            n_threads: self.n_threads,
            progress: self.progress,
        })
    }
}

impl Owned {
    /// Runs `solve` without the GIL. The monitor takes it back to see signals and to report progress.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        solve: impl Send + FnOnce(&Options) -> Result<T, Error>,
    ) -> PyResult<T> {
        let raised: Mutex<Option<PyErr>> = Mutex::new(None);
        let keep = |error: PyErr| {
            if let Ok(mut slot) = raised.lock() {
                *slot = Some(error);
            }
        };
        let result = detached(py, || {
            let monitor = |progress: Progress| {
                Python::attach(|py| {
                    let answer = py.check_signals().and_then(|()| match &self.progress {
                        Some(call) => {
                            let Progress { n_iter, gap, n_active } = progress;
                            call.call1(py, (n_iter, gap, n_active)).map(|_| ())
                        }
                        None => Ok(()),
                    });
                    answer.map_err(keep).is_ok()
                })
            };
            let stopping = Stopping {
                tol: self.tol,
                max_iter: self.max_iter,
                time_limit: self.time_limit,
                monitor: Some(&monitor),
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
        });
        if let Ok(mut slot) = raised.lock()
            && let Some(error) = slot.take()
        {
            return Err(error);
        }
        result
    }
}
