//! Requests copied out of Python objects, and the run that is asked for.

use super::arrays::{indices, matrix, vector};
use super::run::watched;
use crate::{
    AmplitudeUnit, Error, Options, Reweight, Run, Solver, Sources, Stft, Stopping, Surrogate,
    Threads, TimeFrequency,
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::time::Duration;

/// What a solve is asked for, copied out of the object gathered by `mxne_rs.solve`.
pub(super) struct Request {
    pub alpha: f64,
    options: Options,
    progress: Option<Py<PyAny>>,
}

/// How to reweight, as `mxne_rs.solve` gathers it.
#[derive(FromPyObject)]
pub(super) struct ReweightRequest {
    n_reweights: i64,
    tol_reweight: f64,
    surrogate: String,
    amplitude_unit: UnitGiven,
}

/// A unit of amplitudes as it is given: a number, or a name.
#[derive(FromPyObject)]
pub(super) enum UnitGiven {
    Number(f64),
    Name(String),
}

impl UnitGiven {
    /// Reads the name.
    pub fn own(self) -> PyResult<AmplitudeUnit> {
        match self {
            UnitGiven::Number(value) => Ok(AmplitudeUnit::Number(value)),
            UnitGiven::Name(name) => match name.as_str() {
                "mne" => Ok(AmplitudeUnit::Mne),
                "gain" => Ok(AmplitudeUnit::Gain),
                "relative" => Ok(AmplitudeUnit::Relative),
                "largest" => Ok(AmplitudeUnit::Largest),
                other => Err(PyValueError::new_err(format!(
                    "amplitude_unit is {other:?}; give a positive number, or one of \
                     \"relative\", \"largest\", \"mne\", \"gain\""
                ))),
            },
        }
    }
}

impl ReweightRequest {
    /// Reads the names and checks the counts.
    pub fn own(self) -> PyResult<Reweight> {
        let surrogate = match self.surrogate.as_str() {
            "sqrt" => Surrogate::Sqrt,
            "log" => Surrogate::Log,
            "evidence" => Surrogate::Evidence,
            other => {
                let message =
                    format!("surrogate is {other:?}; give \"sqrt\", \"log\" or \"evidence\"");
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

    /// Does the same, and returns nothing where one convex problem is asked for, which is MxNE.
    pub fn own_if_any(self) -> PyResult<Option<Reweight>> {
        let reweight = self.own()?;
        reweight.check()?;
        Ok((reweight.n_reweights > 1).then_some(reweight))
    }
}

impl Request {
    /// Copies the request, for a gain with `n_orient` orientations.
    pub fn new(given: &Bound<'_, PyAny>, n_orient: usize) -> PyResult<Self> {
        let get = |name| given.getattr(name);
        let solver = match get("solver")?.extract::<String>()?.as_str() {
            "bcd" => Solver::Bcd,
            "fista" => Solver::Fista,
            other => {
                let message = format!("solver is {other:?}; give \"bcd\" or \"fista\"");
                return Err(PyValueError::new_err(message));
            }
        };
        let weights: Option<PyReadonlyArray1<'_, f64>> = get("weights")?.extract()?;
        type Init<'py> = (PyReadonlyArray1<'py, i64>, PyReadonlyArray2<'py, f64>);
        let init: Option<Init<'_>> = get("init")?.extract()?;
        let init = init.map(|(locations, coef)| -> PyResult<Sources> {
            Ok(Sources { locations: indices(&locations)?, coef: matrix(&coef)?, n_orient })
        });
        let time_limit: Option<f64> = get("time_limit")?.extract()?;
        let active_set_size: Option<i64> = get("active_set_size")?.extract()?;
        let stopping = Stopping {
            tol: get("tol")?.extract()?,
            max_iter: count("max_iter", get("max_iter")?.extract()?, 1)?,
            time_limit: time_limit.map(|s| seconds("time_limit", s)).transpose()?,
        };
        let options = Options {
            weights: weights.as_ref().map(vector).transpose()?,
            ridge: get("ridge")?.extract()?,
            stopping,
            solver,
            time_frequency: time_frequency(&get("time_frequency")?)?,
            active_set_size: active_set_size
                .map(|size| count("active_set_size", size, 1))
                .transpose()?,
            init: init.transpose()?,
            threads: Threads::new(count("n_threads", get("n_threads")?.extract()?, 0)?),
        };
        let progress = get("progress")?.extract()?;
        Ok(Request { alpha: get("alpha")?.extract()?, options, progress })
    }

    /// Runs `solve` with the options, watched for signals.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        solve: impl Send + FnOnce(Run) -> Result<T, Error>,
    ) -> PyResult<T> {
        watched(py, self.progress.as_ref(), |monitor| solve(self.options.monitored(monitor)))
    }
}

/// Reads `(l1_ratio, wsizes, tsteps)`; none where the penalty is MxNE's.
pub(super) fn time_frequency(given: &Bound<'_, PyAny>) -> PyResult<Option<TimeFrequency>> {
    type Given = (f64, Vec<i64>, Vec<i64>);
    let Some((l1_ratio, wsizes, tsteps)) = given.extract::<Option<Given>>()? else {
        return Ok(None);
    };
    let stft = |(&wsize, &tstep): (&i64, &i64)| -> PyResult<Stft> {
        Ok(Stft { wsize: count("wsize", wsize, 1)?, tstep: count("tstep", tstep, 1)? })
    };
    let stfts = wsizes.iter().zip(&tsteps).map(stft).collect::<PyResult<_>>()?;
    Ok(Some(TimeFrequency { l1_ratio, stfts }))
}

/// Checks that an integer is at least `least`.
pub(super) fn count(name: &str, value: i64, least: usize) -> PyResult<usize> {
    match usize::try_from(value) {
        Ok(count) if count >= least => Ok(count),
        _ => {
            let message = format!("{name} is {value}; give an integer of at least {least}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// Checks that a time is above zero.
pub(super) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    if !(value > 0.0 && value.is_finite()) {
        let message = format!("{name} is {value:?}; give a positive number of seconds, or None");
        return Err(PyValueError::new_err(message));
    }
    let limit = Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX);
    Ok(limit.max(Duration::from_nanos(1)))
}
