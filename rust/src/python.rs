//! The boundary to Python: arrays in, plain results out. Everything a user sees is documented in `python/mxne_rs`.
//!
//! Arrays arrive as aligned C- or Fortran-ordered float64 (`mxne_rs.arrays` sees to it), are copied before the GIL is
//! released, and are never written to.
#![allow(missing_docs)]

mod outcome;
mod request;

use crate::{Certificate, Error, Gain, Options, Solution, Sources, Threads};
use ndarray::Array2;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use outcome::Outcome;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use request::{Request, Rounds, detached};

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

    /// Seconds of one product G'R in the crate's own product module: the unit of cost in `benches/`.
    fn product_seconds(
        &self,
        py: Python<'_>,
        residual: PyReadonlyArray2<'_, f64>,
        n_threads: usize,
    ) -> PyResult<f64> {
        let residual = owned(&residual);
        detached(py, || self.gain.product_seconds(residual.view(), &Threads::new(n_threads)))
    }

    fn __repr__(&self) -> String {
        let (n, o) = (self.gain.n_sensors(), self.gain.n_orient());
        format!("Gain({n} sensors x {} locations x {o} orientations)", self.gain.n_locations())
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
    let solve = |options: &Options| crate::solve_mxne(gain, data.view(), request.alpha, options);
    Ok(Outcome { solution: request.run(py, solve)? })
}

#[pyfunction]
fn solve_irmxne(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    request: Request<'_>,
    rounds: Rounds,
) -> PyResult<Outcome> {
    let reweight = rounds.own()?;
    let request = request.own(gain.gain.n_orient())?;
    let (gain, data) = (&gain.gain, owned(&data));
    let solution = request.run(py, |options| {
        crate::solve_irmxne(gain, data.view(), request.alpha, &reweight, options)
    })?;
    Ok(Outcome { solution })
}

/// A path as two lists: MxNE, and irMxNE where it was asked for.
type Outcomes = (Vec<Outcome>, Vec<Outcome>);

fn outcomes(path: crate::Path) -> Outcomes {
    let list = |solutions: Vec<Solution>| {
        solutions.into_iter().map(|solution| Outcome { solution }).collect()
    };
    (list(path.solutions), list(path.reweighted))
}

#[pyfunction]
#[pyo3(signature = (gain, data, alphas, request, rounds))]
fn solve_path(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    alphas: Vec<f64>,
    request: Request<'_>,
    rounds: Option<Rounds>,
) -> PyResult<Outcomes> {
    let reweight = rounds.map(Rounds::own).transpose()?;
    let request = request.own(gain.gain.n_orient())?;
    let (gain, data) = (&gain.gain, owned(&data));
    let path = request.run(py, |options| {
        crate::solve_path(gain, data.view(), &alphas, reweight.as_ref(), options)
    })?;
    Ok(outcomes(path))
}

#[pyfunction]
#[pyo3(signature = (gain, data, alphas, request, rounds))]
fn solve_paths(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: Vec<PyReadonlyArray2<'_, f64>>,
    alphas: Vec<f64>,
    request: Request<'_>,
    rounds: Option<Rounds>,
) -> PyResult<Vec<Outcomes>> {
    let reweight = rounds.map(Rounds::own).transpose()?;
    let request = request.own(gain.gain.n_orient())?;
    let gain = &gain.gain;
    let data: Vec<Array2<f64>> = data.iter().map(owned).collect();
    let views: Vec<_> = data.iter().map(|array| array.view()).collect();
    let paths = request
        .run(py, |options| crate::solve_paths(gain, &views, &alphas, reweight.as_ref(), options))?;
    Ok(paths.into_iter().map(outcomes).collect())
}

#[pyfunction]
#[pyo3(signature = (gain, data, alphas, request, rounds))]
fn solve_batch(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: Vec<PyReadonlyArray2<'_, f64>>,
    alphas: Vec<f64>,
    request: Request<'_>,
    rounds: Option<Rounds>,
) -> PyResult<Vec<Outcome>> {
    let reweight = rounds.map(Rounds::own).transpose()?;
    let request = request.own(gain.gain.n_orient())?;
    let gain = &gain.gain;
    let data: Vec<Array2<f64>> = data.iter().map(owned).collect();
    let views: Vec<_> = data.iter().map(|array| array.view()).collect();
    let solutions = request
        .run(py, |options| crate::solve_batch(gain, &views, &alphas, reweight.as_ref(), options))?;
    Ok(solutions.into_iter().map(|solution| Outcome { solution }).collect())
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
    module.add_function(wrap_pyfunction!(solve_path, module)?)?;
    module.add_function(wrap_pyfunction!(solve_paths, module)?)?;
    module.add_function(wrap_pyfunction!(solve_batch, module)?)?;
    module.add_function(wrap_pyfunction!(alpha_max, module)?)?;
    module.add_function(wrap_pyfunction!(duality_gap, module)?)?;
    module.add_function(wrap_pyfunction!(group_soft_threshold, module)?)?;
    Ok(())
}
