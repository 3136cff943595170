//! What a user may ask for, checked, in the form that solving needs.

use crate::error::Error;
use crate::gain::{Gain, check_finite};
use crate::panel::Panel;
use crate::penalty::Penalty;
use crate::problem::{Iterate, Problem};
use crate::rotation::Rotation;
use crate::solution::Sources;
use crate::solver::Solver;
use crate::stopping::{Goal, Stopping, Watch};
use crate::threads::Threads;
use crate::working_set::{Descended, Descent, Strategy};
use ndarray::ArrayView2;

/// The energy of the time columns left out, in units of the tolerance.
const SLACK: f64 = 0.1;
/// Where what was left out matters, this part of it may be left out instead, and nothing once that is tiny.
const FINER: f64 = 0.03;
const LEAST_SLACK: f64 = 1e-12;
/// The part of the energy that a first approach may leave out.
const COARSE: f64 = 1e-3;

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

/// Checked input in the form that solving needs: what the verbs share.
#[derive(Clone)]
pub(crate) struct Setup<'a> {
    options: &'a Options<'a>,
    n_orient: usize,
    unrotated: ArrayView2<'a, f64>,
    rotation: Rotation,
    /// the part of the energy that the rotation may leave out
    slack: f64,
    data: Panel,
    scale: f64,
}

impl<'a> Setup<'a> {
    pub fn new(
        gain: &Gain,
        data: ArrayView2<'a, f64>,
        alpha: f64,
        options: &'a Options,
    ) -> Result<Self, Error> {
        check_all(gain, data, alpha, options)?;
        options.stopping.check()?;
        if let Some(init) = options.init {
            check_sources("init", gain, data, init)?;
        }
        // Without a working set no certificate looks beyond the rotated problem: leave nothing out.
        let slack = options.active_set_size.map_or(0.0, |_| SLACK * options.stopping.tol);
        let (rotated, rotation) = Rotation::new(data, slack)?;
        let (n_orient, scale) = (gain.n_orient(), 0.5 * energy(data));
        Ok(Setup { options, n_orient, unrotated: data, rotation, slack, data: rotated, scale })
    }

    /// Solves; where what the rotation left out turns out to matter, again with less left out. `start` follows
    /// the rotation.
    pub fn solve(
        &mut self,
        descent: &mut Descent,
        (gain, penalty): (&Gain, &Penalty),
        start: &mut Iterate,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Descended, Error> {
        if start.locations.is_empty() {
            *start = self.approach(gain, penalty, watch)?;
        }
        let mut end = descent.solve(&self.problem(gain, penalty), start, goal, watch)?;
        while end.too_coarse {
            let (old, old_start) =
                (self.rotation.back(&end.iterate.x), self.rotation.back(&start.x));
            self.slack = if self.slack > LEAST_SLACK { FINER * self.slack } else { 0.0 };
            (self.data, self.rotation) = Rotation::new(self.unrotated, self.slack)?;
            start.x = self.rotation.forward(old_start.view())?;
            let warm = Iterate { x: self.rotation.forward(old.view())?, ..end.iterate };
            *descent = self.strategy().start(gain);
            end = descent.solve(&self.problem(gain, penalty), &warm, goal, watch)?;
        }
        Ok(end)
    }

    /// The user's weights.
    pub fn weights(&self) -> Option<&'a [f64]> {
        self.options.weights
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
            left_out: self.rotation.left_out.as_ref(),
            threads: &self.options.threads,
        }
    }

    /// The sources to start from, rotated; excluded locations start at zero, and a start that is worse than zero is not
    /// used: descending from it can take longer than the whole solve.
    pub fn start(&self, gain: &Gain, penalty: &Penalty) -> Result<Iterate, Error> {
        let Some(init) = self.options.init else { return Iterate::zero(self.data.n_times) };
        let x = self.rotation.forward(init.coef.view())?;
        let allowed = |s: usize| self.options.weights.is_none_or(|weights| weights[s].is_finite());
        let kept: Vec<usize> =
            (0..init.locations.len()).filter(|&i| allowed(init.locations[i])).collect();
        let locations = kept.iter().map(|&i| init.locations[i]).collect();
        let start = Iterate { locations, x: x.select(&kept, self.n_orient)? };
        match self.problem(gain, penalty).objective(&start) < self.scale {
            true => Ok(start),
            false => Iterate::zero(self.data.n_times),
        }
    }

    /// `1 - |M - G X|^2 / |M|^2`, 0 where there are no data.
    pub fn explained_variance(&self, gain: &Gain, iterate: &Iterate) -> f64 {
        let none = Penalty { thresholds: Vec::new() };
        let problem = Problem { ridge: 0.0, ..self.problem(gain, &none) };
        if self.scale > 0.0 { 1.0 - problem.smooth(iterate) / self.scale } else { 0.0 }
    }

    /// A start from the few time columns that carry nearly all of the data, where they are few enough to be cheap: the
    /// gain is ranked and most epochs are made on a part of the samples. Its certificates are not those of the problem.
    fn approach(
        &self,
        gain: &Gain,
        penalty: &Penalty,
        watch: &mut Watch,
    ) -> Result<Iterate, Error> {
        let zero = Iterate::zero(self.data.n_times);
        if self.options.active_set_size.is_none() || COARSE <= self.options.stopping.tol {
            return zero;
        }
        let (data, rotation) = Rotation::new(self.unrotated, COARSE)?;
        if 2 * data.width > self.data.width {
            return zero;
        }
        let problem = Problem { data: &data, left_out: None, ..self.problem(gain, penalty) };
        let goal = Goal { gap: SLACK * COARSE * self.scale, work_first: false };
        let seen = watch.history.len();
        let start = Iterate::zero(data.n_times)?;
        let end = self.strategy().start(gain).solve(&problem, &start, goal, watch)?.iterate;
        watch.history.truncate(seen);
        let x = self.rotation.forward(rotation.back(&end.x).view())?;
        Ok(Iterate { x, ..end })
    }

    pub fn sources(&self, iterate: &Iterate) -> Sources {
        Sources {
            locations: iterate.locations.clone(),
            coef: self.rotation.back(&iterate.x),
            n_orient: self.n_orient,
        }
    }
}

pub(crate) fn energy(data: ArrayView2<f64>) -> f64 {
    data.iter().map(|m| m * m).sum()
}

pub(crate) fn check_all(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    options: &Options,
) -> Result<(), Error> {
    check_data(gain, data)?;
    check_alpha(alpha)?;
    if !(options.ridge >= 0.0 && options.ridge.is_finite()) {
        let remedy = "give zero or a positive number";
        return Err(Error::Parameter { name: "ridge", value: options.ridge, remedy });
    }
    check_weights(gain, options.weights)
}

pub(crate) fn check_alpha(alpha: f64) -> Result<(), Error> {
    if alpha > 0.0 && alpha.is_finite() {
        return Ok(());
    }
    let remedy = "give a positive number, such as a part of alpha_max";
    Err(Error::Parameter { name: "alpha", value: alpha, remedy })
}

pub(crate) fn check_data(gain: &Gain, data: ArrayView2<f64>) -> Result<(), Error> {
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

pub(crate) fn check_weights(gain: &Gain, weights: Option<&[f64]>) -> Result<(), Error> {
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

pub(crate) fn check_sources(
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
