//! The verbs on one convex problem: solve it, certify an answer to it, find where it begins to have one.

use crate::error::Error;
use crate::gain::{Gain, check_finite};
use crate::panel::Panel;
use crate::penalty::Penalty;
use crate::problem::{Iterate, Problem};
use crate::products;
use crate::rotation::Rotation;
use crate::solution::{Certificate, Solution, Sources};
use crate::solver::Solver;
use crate::stopping::{Goal, Stopping, Watch};
use crate::threads::Threads;
use crate::working_set::Strategy;
use ndarray::ArrayView2;

/// The part of the tolerance that may be spent on time columns left out.
const SLACK: f64 = 0.1;

/// How a problem is to be solved. `Options::default()` is a good start.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// a penalty weight per location (default all 1); infinity excludes a location
    pub weights: Option<&'a [f64]>,
    /// the ridge term `ridge/2 |X|^2` (default 0)
    pub ridge: f64,
    /// when to stop
    pub stopping: Stopping<'a>,
    /// the inner solver
    pub solver: Solver,
    /// locations by which the working set grows at least (default 10); `None` solves on all locations
    pub active_set_size: Option<usize>,
    /// sources to start from
    pub init: Option<&'a Sources>,
    /// threads for full products
    pub threads: Threads,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            weights: None,
            ridge: 0.0,
            stopping: Stopping::default(),
            solver: Solver::default(),
            active_set_size: Some(10),
            init: None,
            threads: Threads::new(0),
        }
    }
}

/// MxNE: minimises `1/2 |M - G X|_F^2 + alpha sum_s w_s |X_s|_F + ridge/2 |X|_F^2`.
///
/// `data` is M (n_sensors x n_times), whitened like the gain; `alpha` is absolute, see [`alpha_max`].
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`]. A run that stops short is no error: see
/// [`Solution::status`](crate::Solution).
///
/// ```
/// use mxne_rs::{Gain, Options, solve_mxne};
/// use ndarray::array;
///
/// // With an orthonormal gain the answer is group soft-thresholding of G'M.
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// let solution = solve_mxne(&gain, data.view(), 2.5, &Options::default())?;
/// assert_eq!(solution.sources.locations, [0]);
/// assert!((solution.sources.coef[[0, 0]] - 1.5).abs() < 1e-6);
/// assert!(solution.certificate.relative_gap() <= 1e-6);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_mxne(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    options: &Options,
) -> Result<Solution, Error> {
    let setup = Setup::new(gain, data, alpha, options)?;
    let penalty = Penalty::new(alpha, options.weights, gain.n_locations());
    let mut watch = Watch::start(options.stopping);
    let mut descent = setup.strategy().start(gain);
    let start = setup.start()?;
    let goal = setup.goal();
    let (iterate, certificate, status) =
        descent.solve(&setup.problem(gain, &penalty), &start, goal, &mut watch)?;
    Ok(Solution {
        sources: setup.sources(&iterate),
        certificate,
        status,
        alpha,
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: watch.history,
        reweighting: None,
    })
}

/// The smallest alpha for which the answer is exactly zero: `max_s |G_s' M|_F / w_s`.
///
/// # Errors
/// Input that cannot be solved.
///
/// ```
/// use mxne_rs::{Gain, Threads, alpha_max};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// assert_eq!(alpha_max(&gain, data.view(), None, &Threads::new(1))?, 5.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn alpha_max(
    gain: &Gain,
    data: ArrayView2<f64>,
    weights: Option<&[f64]>,
    threads: &Threads,
) -> Result<f64, Error> {
    check_data(gain, data)?;
    check_weights(gain, weights)?;
    let (rotated, _) = Rotation::new(data, 0.0)?;
    let (columns, o) = (gain.columns(), gain.n_orient());
    let norms = products::correlation_norms(columns, o, &rotated, threads)?;
    Ok(Penalty::new(1.0, weights, gain.n_locations()).largest_ratio(&norms))
}

/// The certificate of any X on the full problem: primal, dual and duality gap.
///
/// Only `weights`, `ridge` and `threads` of the options matter here.
///
/// # Errors
/// Input that cannot be solved.
///
/// ```
/// use mxne_rs::{Gain, Options, Sources, duality_gap};
/// use ndarray::{Array2, array};
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// let nothing = Sources::from_dense(Array2::zeros((2, 2)).view(), 1);
/// let certificate = duality_gap(&gain, data.view(), &nothing, 5.0, &Options::default())?;
/// assert_eq!(certificate.gap(), 0.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn duality_gap(
    gain: &Gain,
    data: ArrayView2<f64>,
    sources: &Sources,
    alpha: f64,
    options: &Options,
) -> Result<Certificate, Error> {
    check_all(gain, data, alpha, options)?;
    check_sources("x", gain, data, sources)?;
    let penalty = Penalty::new(alpha, options.weights, gain.n_locations());
    let panel = Panel::from_array(data)?;
    let problem = Problem {
        gain,
        data: &panel,
        penalty: &penalty,
        ridge: options.ridge,
        scale: 0.5 * energy(data),
        left_out: 0.0,
        threads: &options.threads,
    };
    let x = Panel::from_array(sources.coef.view())?;
    let iterate = Iterate { locations: sources.locations.clone(), x };
    Ok(problem.certify(&iterate)?.0)
}

/// Checked input in the form that solving needs: what `solve_mxne` and `solve_irmxne` share.
pub(crate) struct Setup<'a> {
    options: &'a Options<'a>,
    n_orient: usize,
    rotation: Rotation,
    data: Panel,
    scale: f64,
}

impl<'a> Setup<'a> {
    pub fn new(
        gain: &Gain,
        data: ArrayView2<f64>,
        alpha: f64,
        options: &'a Options,
    ) -> Result<Self, Error> {
        check_all(gain, data, alpha, options)?;
        options.stopping.check()?;
        if let Some(init) = options.init {
            check_sources("init", gain, data, init)?;
        }
        let (rotated, rotation) = Rotation::new(data, SLACK * options.stopping.tol)?;
        let n_orient = gain.n_orient();
        Ok(Setup { options, n_orient, rotation, data: rotated, scale: 0.5 * energy(data) })
    }

    pub fn strategy(&self) -> Strategy {
        let active_set_size = self.options.active_set_size.map(|size| size.max(1));
        Strategy { solver: self.options.solver, active_set_size }
    }

    pub fn goal(&self) -> Goal {
        Goal { gap: self.options.stopping.tol * self.scale, work_first: false }
    }

    pub fn problem<'b>(&'b self, gain: &'b Gain, penalty: &'b Penalty) -> Problem<'b> {
        Problem {
            gain,
            data: &self.data,
            penalty,
            ridge: self.options.ridge,
            scale: self.scale,
            left_out: self.rotation.left_out,
            threads: &self.options.threads,
        }
    }

    /// The sources to start from, rotated; excluded locations start at zero.
    pub fn start(&self) -> Result<Iterate, Error> {
        let Some(init) = self.options.init else { return Iterate::zero(self.data.n_times) };
        let x = self.rotation.forward(init.coef.view())?;
        let allowed = |s: usize| self.options.weights.is_none_or(|weights| weights[s].is_finite());
        let kept: Vec<usize> =
            (0..init.locations.len()).filter(|&i| allowed(init.locations[i])).collect();
        let locations = kept.iter().map(|&i| init.locations[i]).collect();
        Ok(Iterate { locations, x: x.select(&kept, self.n_orient)? })
    }

    pub fn sources(&self, iterate: &Iterate) -> Sources {
        Sources {
            locations: iterate.locations.clone(),
            coef: self.rotation.back(&iterate.x),
            n_orient: self.n_orient,
        }
    }
}

fn energy(data: ArrayView2<f64>) -> f64 {
    data.iter().map(|m| m * m).sum()
}

fn check_all(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    options: &Options,
) -> Result<(), Error> {
    check_data(gain, data)?;
    if !(alpha > 0.0 && alpha.is_finite()) {
        let remedy = "give a positive number, such as a part of alpha_max";
        return Err(Error::Parameter { name: "alpha", value: alpha, remedy });
    }
    if !(options.ridge >= 0.0 && options.ridge.is_finite()) {
        let remedy = "give zero or a positive number";
        return Err(Error::Parameter { name: "ridge", value: options.ridge, remedy });
    }
    check_weights(gain, options.weights)
}

fn check_data(gain: &Gain, data: ArrayView2<f64>) -> Result<(), Error> {
    let (rows, columns) = data.dim();
    if rows == 0 || columns == 0 {
        return Err(Error::Empty { name: "data", rows, columns });
    }
    let expected = gain.n_sensors();
    if rows != expected {
        let (what, other) = ("rows (sensors)", "gain");
        return Err(Error::Mismatch { name: "data", what, got: rows, expected, other });
    }
    check_finite("data", data)
}

fn check_weights(gain: &Gain, weights: Option<&[f64]>) -> Result<(), Error> {
    let Some(weights) = weights else { return Ok(()) };
    let (got, expected) = (weights.len(), gain.n_locations());
    if got != expected {
        let (what, other) = ("entries", "locations of gain");
        return Err(Error::Mismatch { name: "weights", what, got, expected, other });
    }
    match weights.iter().position(|w| w.is_nan() || *w <= 0.0) {
        Some(location) => Err(Error::Weight { location, value: weights[location] }),
        None => Ok(()),
    }
}

fn check_sources(
    name: &'static str,
    gain: &Gain,
    data: ArrayView2<f64>,
    sources: &Sources,
) -> Result<(), Error> {
    let mismatch =
        |what, got, expected, other| Error::Mismatch { name, what, got, expected, other };
    if sources.n_orient != gain.n_orient() {
        let other = "gain";
        return Err(mismatch("orientations", sources.n_orient, gain.n_orient(), other));
    }
    let rows = sources.locations.len() * sources.n_orient;
    if sources.coef.nrows() != rows {
        return Err(mismatch("rows", sources.coef.nrows(), rows, "locations"));
    }
    if sources.coef.ncols() != data.ncols() {
        return Err(mismatch("columns (times)", sources.coef.ncols(), data.ncols(), "data"));
    }
    let rising = sources.locations.is_sorted_by(|a, b| a < b);
    if !rising || sources.locations.last().is_some_and(|&s| s >= gain.n_locations()) {
        let last = sources.locations.iter().max().map_or(0, |s| s + 1);
        return Err(mismatch("locations (rising)", last, gain.n_locations(), "gain"));
    }
    check_finite(name, sources.coef.view())
}
