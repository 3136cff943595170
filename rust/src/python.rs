//! The boundary to Python: arrays in, plain results out. Everything a user sees is documented in
//! `python/mxne_rs`.
//!
//! Arrays arrive as aligned C- or Fortran-ordered float64 (`mxne_rs._arguments.convert` sees to
//! it), are copied while the GIL is held, and are never written to.
#![allow(missing_docs)]

/// Arrays copied out of Python.
mod arrays;
/// Work without the GIL that answers signals.
mod run;
/// A request taken out of Python.
mod request;
/// A prepared gain.
mod gain;
/// One answer as Python reads it.
mod outcome;
/// A stream of windows.
mod stream;

use crate::machine::memory;
use crate::{
    Certificate, Coefficients, Debiasing, Error, Options, Run, Solution, Sources, Threads,
    TimeFrequency,
};
use arrays::{indices, matrix, vector};
use gain::PyGain;
use numpy::{Complex64, IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use outcome::PyOutcome;
use pyo3::prelude::*;
use request::{Request, ReweightRequest};
use run::watched;

/// Lists relative gap, primal and dual value.
fn flat(certificate: &Certificate) -> (f64, f64, f64) {
    (certificate.relative_gap(), certificate.primal, certificate.dual)
}

#[pyfunction]
fn solve_mxne(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    request: Bound<'_, PyAny>,
) -> PyResult<PyOutcome> {
    let request = Request::new(&request, gain.gain.n_orient())?;
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let solve = |run: Run| crate::solve_mxne(gain, data.view(), request.alpha, run);
    PyOutcome::new(py, request.run(py, solve)?)
}

#[pyfunction]
fn solve_irmxne(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    request: Bound<'_, PyAny>,
    rounds: ReweightRequest,
) -> PyResult<PyOutcome> {
    let reweight = rounds.own()?;
    let request = Request::new(&request, gain.gain.n_orient())?;
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let solution = request
        .run(py, |run| crate::solve_irmxne(gain, data.view(), request.alpha, &reweight, run))?;
    PyOutcome::new(py, solution)
}

/// Time-frequency coefficients: coefficients of a row, where rows begin, places, values.
type CoefficientsGiven<'py> = (
    usize,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, Complex64>,
);

/// The answers of a path: MxNE, and irMxNE where it was asked for.
type Outcomes = (Vec<PyOutcome>, Vec<PyOutcome>);

fn outcomes(py: Python<'_>, solutions: Vec<Solution>) -> PyResult<Vec<PyOutcome>> {
    solutions.into_iter().map(|solution| PyOutcome::new(py, solution)).collect()
}

fn both(py: Python<'_>, path: crate::Path) -> PyResult<Outcomes> {
    Ok((outcomes(py, path.solutions)?, outcomes(py, path.reweighted)?))
}

#[pyfunction]
fn solve_path(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    alphas: PyReadonlyArray1<'_, f64>,
    request: Bound<'_, PyAny>,
    rounds: ReweightRequest,
) -> PyResult<Outcomes> {
    let (reweight, alphas) = (rounds.own_if_any()?, vector(&alphas)?);
    let request = Request::new(&request, gain.gain.n_orient())?;
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let path = request
        .run(py, |run| crate::solve_path(gain, data.view(), &alphas, reweight.as_ref(), run))?;
    both(py, path)
}

#[pyfunction]
fn solve_paths(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: Vec<PyReadonlyArray2<'_, f64>>,
    alphas: PyReadonlyArray1<'_, f64>,
    request: Bound<'_, PyAny>,
    rounds: ReweightRequest,
) -> PyResult<Vec<Outcomes>> {
    let (reweight, alphas) = (rounds.own_if_any()?, vector(&alphas)?);
    let request = Request::new(&request, gain.gain.n_orient())?;
    let gain = gain.gain.as_ref();
    let data = data.iter().map(matrix).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = data.iter().map(|array| array.view()).collect();
    let paths =
        request.run(py, |run| crate::solve_paths(gain, &views, &alphas, reweight.as_ref(), run))?;
    paths.into_iter().map(|path| both(py, path)).collect()
}

#[pyfunction]
fn solve_batch(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: Vec<PyReadonlyArray2<'_, f64>>,
    alphas: PyReadonlyArray1<'_, f64>,
    request: Bound<'_, PyAny>,
    rounds: ReweightRequest,
) -> PyResult<Vec<PyOutcome>> {
    let (reweight, alphas) = (rounds.own_if_any()?, vector(&alphas)?);
    let request = Request::new(&request, gain.gain.n_orient())?;
    let gain = gain.gain.as_ref();
    let data = data.iter().map(matrix).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = data.iter().map(|array| array.view()).collect();
    let solutions =
        request.run(py, |run| crate::solve_batch(gain, &views, &alphas, reweight.as_ref(), run))?;
    outcomes(py, solutions)
}

#[pyfunction]
#[pyo3(signature = (gain, data, weights, n_threads, time_frequency))]
fn alpha_max(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    weights: Option<PyReadonlyArray1<'_, f64>>,
    n_threads: usize,
    time_frequency: Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let options = Options {
        weights: weights.as_ref().map(vector).transpose()?,
        threads: Threads::new(n_threads),
        time_frequency: request::time_frequency(&time_frequency)?,
        ..Options::default()
    };
    watched(py, None, |monitor| crate::alpha_max(gain, data.view(), options.monitored(monitor)))
}

#[pyfunction]
fn duality_gap(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    x: PyReadonlyArray2<'_, f64>,
    request: Bound<'_, PyAny>,
) -> PyResult<(f64, f64, f64)> {
    let request = Request::new(&request, gain.gain.n_orient())?;
    let (gain, data, x) = (gain.gain.as_ref(), matrix(&data)?, matrix(&x)?);
    let certificate = request.run(py, |run| {
        if x.nrows() != gain.n_sources() {
            let (got, expected) = (x.nrows(), gain.n_sources());
            let (what, other) = ("rows (sources)", "columns of gain");
            return Err(Error::Mismatch { name: "x", what, got, expected, other });
        }
        // What `from_dense` allocates would abort the process where it does not fit.
        memory::expect_room("x", 3 * size_of_val(x.as_slice().unwrap_or_default()) / 2)?;
        let sources = Sources::from_dense(x.view(), gain.n_orient());
        crate::duality_gap(gain, data.view(), &sources, request.alpha, run)
    })?;
    Ok(flat(&certificate))
}

/// Certifies coefficients, given as where rows begin, places and values.
#[pyfunction]
fn tf_duality_gap(
    py: Python<'_>,
    gain: PyRef<'_, PyGain>,
    data: PyReadonlyArray2<'_, f64>,
    locations: PyReadonlyArray1<'_, i64>,
    coefficients: CoefficientsGiven<'_>,
    request: Bound<'_, PyAny>,
) -> PyResult<(f64, f64, f64)> {
    let n_orient = gain.gain.n_orient();
    let request = Request::new(&request, n_orient)?;
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let (n_coefs, starts, places, values) = coefficients;
    let values = memory::gathered("the coefficients", values.as_array().iter().copied())?;
    let (locations, starts) = (indices(&locations)?, indices(&starts)?);
    let places = indices(&places)?;
    let z = Coefficients { locations, n_orient, n_coefs, starts, places, values };
    let certificate = request.run(py, |run| {
        let nothing = TimeFrequency { l1_ratio: 0.0, stfts: Vec::new() };
        let penalty = run.options.time_frequency.as_ref().unwrap_or(&nothing);
        crate::tf_duality_gap(gain, data.view(), &z, request.alpha, penalty, run)
    })?;
    Ok(flat(&certificate))
}

/// The factors, how far they are from optimal, and how far they may be.
#[pyfunction]
fn debias<'py>(
    py: Python<'py>,
    gain: PyRef<'py, PyGain>,
    data: PyReadonlyArray2<'py, f64>,
    locations: PyReadonlyArray1<'py, i64>,
    sources: PyReadonlyArray2<'py, f64>,
) -> PyResult<(Bound<'py, PyArray1<f64>>, f64, f64)> {
    let (gain, data) = (gain.gain.as_ref(), matrix(&data)?);
    let (locations, coef) = (indices(&locations)?, matrix(&sources)?);
    let sources = Sources { locations, coef, n_orient: gain.n_orient() };
    let debiasing =
        watched(py, None, |monitor| crate::debias(gain, data.view(), &sources, Some(monitor)))?;
    Ok((debiasing.factors.into_pyarray(py), debiasing.violation, Debiasing::TOLERANCE))
}

#[pyfunction]
fn group_soft_threshold<'py>(
    py: Python<'py>,
    block: PyReadonlyArray2<'py, f64>,
    threshold: f64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let mut block = matrix(&block)?;
    crate::group_soft_threshold(block.view_mut(), threshold);
    Ok(block.into_pyarray(py))
}

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("back_end", if cfg!(feature = "blas") { "blas" } else { "gemm" })?;
    // Both once and now: a process forked while another thread is inside of them could never finish
    // them.
    crate::machine::kernels::kernels();
    let _ = crate::machine::dense::prepare_this_thread();
    module.add_class::<PyGain>()?;
    module.add_class::<PyOutcome>()?;
    module.add_class::<stream::PyStream>()?;
    module.add_class::<stream::PyEstimate>()?;
    module.add_function(wrap_pyfunction!(solve_mxne, module)?)?;
    module.add_function(wrap_pyfunction!(solve_irmxne, module)?)?;
    module.add_function(wrap_pyfunction!(solve_path, module)?)?;
    module.add_function(wrap_pyfunction!(solve_paths, module)?)?;
    module.add_function(wrap_pyfunction!(solve_batch, module)?)?;
    module.add_function(wrap_pyfunction!(alpha_max, module)?)?;
    module.add_function(wrap_pyfunction!(duality_gap, module)?)?;
    module.add_function(wrap_pyfunction!(tf_duality_gap, module)?)?;
    module.add_function(wrap_pyfunction!(debias, module)?)?;
    module.add_function(wrap_pyfunction!(group_soft_threshold, module)?)?;
    Ok(())
}
