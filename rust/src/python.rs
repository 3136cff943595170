//! The boundary to Python: arrays in, plain results out. Everything a user sees is documented in `python/mxne_rs`.
//!
//! Arrays arrive as aligned C- or Fortran-ordered float64 (`mxne_rs.arrays` sees to it), are copied before the GIL is
//! released, and are never written to.
#![allow(missing_docs)]

use crate::{
    Certificate, Error, Gain, Options, Progress, Reweight, Solution, Solver, Sources, Stopping,
    Surrogate, Threads,
};
use ndarray::Array2;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
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
fn detached<T: Send>(
    py: Python<'_>,
    work: impl Send + FnOnce() -> Result<T, Error>,
) -> PyResult<T> {
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    match result {
        Ok(value) => Ok(value?),
        Err(_) => Err(PyRuntimeError::new_err("internal error in mxne_rs: please report it")),
    }
}

#[pyclass(name = "Gain", frozen, module = "mxne_rs._core")]
struct PyGain {
    gain: Gain,
}

#[pymethods]
impl PyGain {
    #[new]
    #[pyo3(signature = (gain, n_orient))]
    fn new(py: Python<'_>, gain: PyReadonlyArray2<'_, f64>, n_orient: usize) -> PyResult<Self> {
        let gain = Gain::new(gain.as_array(), n_orient);
        py.check_signals()?;
        Ok(PyGain { gain: gain? })
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
    fn lipschitz<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let values: Vec<f64> =
            (0..self.gain.n_locations()).map(|s| self.gain.lipschitz(s)).collect();
        PyArray1::from_vec(py, values)
    }

    fn columns<'py>(
        &self,
        py: Python<'py>,
        locations: Vec<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let n = self.gain.n_locations();
        if let Some(s) = locations.iter().find(|&&s| s >= n) {
            let message = format!("locations holds {s}, but the gain has {n} locations");
            return Err(PyValueError::new_err(message));
        }
        Ok(self.gain.columns_of(&locations).to_pyarray(py))
    }

    fn __repr__(&self) -> String {
        let (n, o) = (self.gain.n_sensors(), self.gain.n_orient());
        format!("Gain({n} sensors x {} locations x {o} orientations)", self.gain.n_locations())
    }
}

/// What a solve is asked for, gathered by `mxne_rs.solve`.
#[derive(FromPyObject)]
struct Request<'py> {
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

/// A request copied out of Python.
struct Owned {
    alpha: f64,
    weights: Option<Vec<f64>>,
    ridge: f64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<Duration>,
    init: Option<Sources>,
    solver: Solver,
    active_set_size: Option<usize>,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
}

impl Request<'_> {
    fn own(self, n_orient: usize) -> PyResult<Owned> {
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
                Duration::try_from_secs_f64(s).unwrap_or(Duration::from_secs(u64::MAX / 4))
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
    fn run(
        &self,
        py: Python<'_>,
        solve: impl Send + FnOnce(&Options) -> Result<Solution, Error>,
    ) -> PyResult<Outcome> {
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
        Ok(Outcome { solution: result? })
    }
}

#[pyclass(frozen, module = "mxne_rs._core")]
struct Outcome {
    solution: Solution,
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

fn flat(certificate: &Certificate) -> (f64, f64, f64) {
    (certificate.relative_gap(), certificate.primal, certificate.dual)
}

fn owned(data: &PyReadonlyArray2<'_, f64>) -> Array2<f64> {
    data.as_array().to_owned()
}

#[pyfunction]
fn solve_mxne(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    request: Request<'_>,
) -> PyResult<Outcome> {
    let request = request.own(gain.gain.n_orient())?;
    let (gain, data) = (&gain.gain, owned(&data));
    request.run(py, |options| crate::solve_mxne(gain, data.view(), request.alpha, options))
}

#[pyfunction]
#[pyo3(signature = (gain, data, request, n_reweights, tol_reweight, surrogate))]
fn solve_irmxne(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    request: Request<'_>,
    n_reweights: usize,
    tol_reweight: f64,
    surrogate: &str,
) -> PyResult<Outcome> {
    let surrogate = match surrogate {
        "sqrt" => Surrogate::Sqrt,
        "log" => Surrogate::Log,
        other => {
            let message = format!("surrogate is {other:?}; give \"sqrt\" or \"log\"");
            return Err(PyValueError::new_err(message));
        }
    };
    let reweight = Reweight { n_reweights, tol_reweight, surrogate };
    let request = request.own(gain.gain.n_orient())?;
    let (gain, data) = (&gain.gain, owned(&data));
    request.run(py, |options| {
        crate::solve_irmxne(gain, data.view(), request.alpha, &reweight, options)
    })
}

#[pyfunction]
#[pyo3(signature = (gain, data, weights, n_threads))]
fn alpha_max(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    weights: Option<PyReadonlyArray1<'_, f64>>,
    n_threads: usize,
) -> PyResult<f64> {
    let weights = weights.map(|w| w.as_array().to_vec());
    let (gain, data) = (&gain.gain, owned(&data));
    detached(py, || {
        crate::alpha_max(gain, data.view(), weights.as_deref(), &Threads::new(n_threads))
    })
}

#[pyfunction]
fn duality_gap(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    x: PyReadonlyArray2<'_, f64>,
    request: Request<'_>,
) -> PyResult<(f64, f64, f64)> {
    let request = request.own(gain.gain.n_orient())?;
    let (gain, data, x) = (&gain.gain, owned(&data), owned(&x));
    let certificate = detached(py, || {
        if x.nrows() != gain.n_sources() {
            let (got, expected) = (x.nrows(), gain.n_sources());
            let (what, other) = ("rows (sources)", "columns of gain");
            return Err(Error::Mismatch { name: "x", what, got, expected, other });
        }
        let options = Options {
            weights: request.weights.as_deref(),
            ridge: request.ridge,
            threads: Threads::new(request.n_threads),
            ..Options::default()
        };
        let sources = Sources::from_dense(x.view(), gain.n_orient());
        crate::duality_gap(gain, data.view(), &sources, request.alpha, &options)
    })?;
    Ok(flat(&certificate))
}

#[pyfunction]
fn group_soft_threshold<'py>(
    py: Python<'py>,
    block: PyReadonlyArray2<'py, f64>,
    threshold: f64,
) -> Bound<'py, PyArray2<f64>> {
    let mut block = owned(&block);
    crate::group_soft_threshold(block.view_mut(), threshold);
    block.to_pyarray(py)
}

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("back_end", if cfg!(feature = "blas") { "blas" } else { "gemm" })?;
    module.add_class::<PyGain>()?;
    module.add_class::<Outcome>()?;
    module.add_function(wrap_pyfunction!(solve_mxne, module)?)?;
    module.add_function(wrap_pyfunction!(solve_irmxne, module)?)?;
    module.add_function(wrap_pyfunction!(alpha_max, module)?)?;
    module.add_function(wrap_pyfunction!(duality_gap, module)?)?;
    module.add_function(wrap_pyfunction!(group_soft_threshold, module)?)?;
    Ok(())
}
