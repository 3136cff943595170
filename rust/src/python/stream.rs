//! A stream of windows; the GIL is released while one is solved.

use super::arrays::matrix;
use super::flat;
use super::gain::PyGain;
use super::request::{ReweightRequest, count, seconds};
use super::run::watched;
use crate::machine::memory;
use crate::{AlphaRule, Estimate, Reweight, Stream, StreamOptions, Threads};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, TryLockError};

/// The options of a stream, gathered by `mxne_rs.live.stream`.
#[derive(FromPyObject)]
struct Settings {
    n_times: usize,
    hop: usize,
    /// "absolute", "percent" or "tracked", and the number
    rule: String,
    alpha: f64,
    alpha_floor: f64,
    rounds: ReweightRequest,
    tol: f64,
    max_iter: i64,
    deadline: Option<f64>,
    warm_start: bool,
    n_threads: i64,
}

impl Settings {
    fn own(self) -> PyResult<StreamOptions> {
        let Reweight { n_reweights, tol_reweight, surrogate, amplitude_unit } =
            self.rounds.own()?;
        Ok(StreamOptions {
            n_times: self.n_times,
            hop: self.hop,
            alpha: match self.rule.as_str() {
                "absolute" => AlphaRule::Absolute(self.alpha),
                "percent" => AlphaRule::Percent(self.alpha),
                "tracked" => AlphaRule::Tracked,
                other => {
                    let message = format!(
                        "alpha_mode is {other:?}; give \"percent\", \"absolute\" or \"tracked\""
                    );
                    return Err(PyValueError::new_err(message));
                }
            },
            alpha_floor: self.alpha_floor,
            n_reweights,
            tol_reweight,
            surrogate,
            amplitude_unit,
            tol: self.tol,
            max_iter: count("max_iter", self.max_iter, 1)?,
            deadline: self.deadline.map(|s| seconds("deadline", s)).transpose()?,
            warm_start: self.warm_start,
            threads: Threads::new(count("n_threads", self.n_threads, 0)?),
        })
    }
}

#[pyclass(name = "Stream", frozen, module = "mxne_rs._core")]
pub(super) struct PyStream {
    stream: Mutex<Stream>,
}

#[pyclass(name = "Estimate", frozen, get_all, module = "mxne_rs._core")]
pub(super) struct PyEstimate {
    locations: Py<PyArray1<i64>>,
    sources: Py<PyArray2<f64>>,
    certificate: (f64, f64, f64),
    status: &'static str,
    channel: Option<usize>,
    deadline_hit: bool,
    alpha: f64,
    alpha_max: Option<f64>,
    explained_variance: f64,
    n_iter: usize,
    n_looks: usize,
    n_reweights: usize,
    elapsed: f64,
}

#[pymethods]
impl PyStream {
    #[new]
    #[pyo3(signature = (gain, whitener, settings))]
    fn new(
        py: Python<'_>,
        gain: PyRef<'_, PyGain>,
        whitener: Option<PyReadonlyArray2<'_, f64>>,
        settings: Settings,
    ) -> PyResult<Self> {
        let whitener = whitener.as_ref().map(matrix).transpose()?;
        let (gain, options) = (gain.gain.clone(), settings.own()?);
        let view = whitener.as_ref().map(|array| array.view());
        let stream = watched(py, None, |_| Stream::new(gain, view, options))?;
        Ok(PyStream { stream: Mutex::new(stream) })
    }

    fn update(&self, py: Python<'_>, window: PyReadonlyArray2<'_, f64>) -> PyResult<PyEstimate> {
        let window = matrix(&window)?;
        let mut stream = self.stream.try_lock().map_err(busy)?;
        let stream = &mut *stream;
        watched(py, None, |monitor| {
            stream.update_watched(window.view(), Some(monitor)).map(|_| ())
        })?;
        PyEstimate::new(py, stream.estimate())
    }

    fn skip(&self, n_windows: usize) -> PyResult<()> {
        self.stream.try_lock().map_err(busy)?.skip(n_windows);
        Ok(())
    }

    fn reset(&self) -> PyResult<()> {
        self.stream.try_lock().map_err(busy)?.reset();
        Ok(())
    }
}

fn busy<T>(_: TryLockError<T>) -> PyErr {
    PyRuntimeError::new_err(
        "this Stream is solving a window in another thread; make one for each thread",
    )
}

impl PyEstimate {
    fn new(py: Python<'_>, estimate: &Estimate) -> PyResult<Self> {
        let locations = estimate.locations.iter().map(|&s| s as i64);
        let amplitudes = estimate.amplitudes()?;
        let mut sources = memory::array("time courses", amplitudes.nrows(), amplitudes.ncols())?;
        sources.assign(&amplitudes);
        Ok(PyEstimate {
            locations: memory::gathered("the locations", locations)?.into_pyarray(py).unbind(),
            sources: sources.into_pyarray(py).unbind(),
            certificate: flat(&estimate.certificate),
            status: estimate.outcome.name(),
            channel: estimate.outcome.channel(),
            deadline_hit: estimate.deadline_hit,
            alpha: estimate.alpha,
            alpha_max: estimate.alpha_max,
            explained_variance: estimate.explained_variance,
            n_iter: estimate.n_iter,
            n_looks: estimate.n_looks,
            n_reweights: estimate.n_reweights,
            elapsed: estimate.elapsed.as_secs_f64(),
        })
    }
}
