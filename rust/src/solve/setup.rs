//! Input in the form that solving needs, checked, scaled and rotated: what all functions that solve
//! share.

mod rotated;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::prepare_this_thread;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::units::{Units, times_power};
use crate::method::stopping::Goal;
use crate::method::working_set::{Descended, Strategy};
use crate::problem::convex::{Iterate, Problem};
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use crate::problem::rotation::Rotation;
use crate::problem::scaled::Scaled;
use crate::problem::solution::Sources;
use crate::solve::checks::{check_method, check_problem};
use crate::solve::options::Options;
use ndarray::{Array2, ArrayView2};

/// The energy that the rotation may leave out, and the goal of a first approach, in units of the
/// tolerance.
const SLACK_FRACTION: f64 = 0.1;
/// The rotation leaves out at least so much at first: the locations that a tight gap needs are
/// those that this one finds, and only they need all of time.
const LEAST_FIRST_SLACK: f64 = 1e-7;

/// A gain, data and options, checked, scaled and rotated.
pub(crate) struct Setup<'a> {
    options: &'a Options,
    clock: &'a Clock<'a>,
    n_orient: usize,
    pub units: Units,
    unrotated: ArrayView2<'a, f64>,
    rotation: Rotation,
    /// the part of the energy that the rotation may leave out
    slack: f64,
    data: Panel,
    scale: f64,
}

impl<'a> Setup<'a> {
    /// Checks, scales and rotates.
    pub fn new(
        gain: &Gain,
        data: &'a Scaled,
        alpha: f64,
        options: &'a Options,
        clock: &'a Clock,
    ) -> Result<Self, Error> {
        let values = data.values.view();
        check_problem(gain, values, alpha, options)?;
        check_method(gain, values, options)?;
        prepare_this_thread()?;
        // Without a working set no certificate looks beyond the rotated problem: leave nothing out.
        let first = (SLACK_FRACTION * options.stopping.tol).max(LEAST_FIRST_SLACK);
        let slack = options.active_set_size.map_or(0.0, |_| first);
        let (rotated, rotation) = match Rotation::new(values, slack, clock) {
            // The time is over: the answer is X = 0, in any frame.
            Err(Halt::OutOfTime) => Rotation::none(values),
            other => other,
        }
        .map_err(Halt::into_error)?;
        let setup = Setup {
            options,
            clock,
            n_orient: gain.n_orient(),
            units: data.units,
            unrotated: values,
            rotation,
            slack,
            data: rotated,
            scale: 0.5 * data.energy,
        };
        if options.active_set_size.is_none() {
            setup.measure(gain.n_sources())?;
        }
        Ok(setup)
    }

    /// Measures what handing over takes: without a working set an answer can have as many rows as
    /// the gain has columns.
    fn measure(&self, n_sources: usize) -> Result<(), Error> {
        self.clock.measure(n_sources, |rows| {
            let x = Panel::zeros(rows, self.data.n_times)?.copy()?;
            self.in_units(self.rotation.back(&x)?);
            Ok(())
        })
    }

    /// Copies, or [`Error::Memory`].
    pub fn copy(&self) -> Result<Self, Error> {
        Ok(Setup { rotation: self.rotation.copy()?, data: self.data.copy()?, ..*self })
    }

    /// Computes alpha_max of the scaled problem.
    pub fn largest_correlation(&self, gain: &Gain) -> Result<f64, Halt> {
        largest_correlation(gain, self.unrotated, self.options, self.clock)
    }

    /// Returns the user's weight of a location.
    pub fn weight(&self, s: usize) -> f64 {
        self.options.weights.as_ref().map_or(1.0, |weights| weights[s])
    }

    /// Computes `1/2 |M - G X|^2 + ridge/2 |X|^2` of an answer.
    pub fn smooth(&self, answer: &Descended) -> f64 {
        let energy = kernels().energy(answer.iterate.x.lanes());
        0.5 * (answer.misfit + self.units.ridge(self.options.ridge) * energy)
    }

    /// Returns how the options ask to solve.
    pub fn strategy(&self) -> Strategy {
        let Options { solver, active_set_size, .. } = *self.options;
        Strategy { solver, active_set_size }
    }

    /// Returns the gap that the options ask for.
    pub fn goal(&self) -> Goal {
        Goal { gap: self.options.stopping.tol * self.scale, work_first: false }
    }

    /// Makes the penalty of the scaled problem.
    pub fn penalty(&self, alpha: f64, n_locations: usize) -> Result<Penalty, Error> {
        Penalty::new(self.units.alpha(alpha)?, self.options.weights.as_deref(), n_locations)
    }

    /// Makes the scaled and rotated problem.
    pub fn problem<'b>(&'b self, gain: &'b Gain, penalty: &'b Penalty) -> Problem<'b> {
        Problem {
            gain,
            data: &self.data,
            penalty,
            ridge: self.units.ridge(self.options.ridge),
            scale: self.scale,
            left_out: self.rotation.left_out.as_ref(),
            threads: &self.options.threads,
            clock: self.clock,
        }
    }

    /// Scales and rotates the sources to start from.
    ///
    /// Excluded locations start at zero, and so do all where the start is worse than zero:
    /// descending from it can take longer than the whole solve.
    pub fn start(&self, gain: &Gain, penalty: &Penalty) -> Result<Iterate, Error> {
        match self.user_start(gain, penalty) {
            Err(Halt::OutOfTime) => Iterate::zero(self.data.n_times),
            start => start.map_err(Halt::into_error),
        }
    }

    fn user_start(&self, gain: &Gain, penalty: &Penalty) -> Result<Iterate, Halt> {
        let nothing = Iterate::zero(self.data.n_times)?;
        let Some(init) = &self.options.init else { return Ok(nothing) };
        let allowed = |s: usize| self.weight(s).is_finite();
        let kept: Vec<usize> =
            (0..init.locations.len()).filter(|&i| allowed(init.locations[i])).collect();
        let mut x = Panel::from_array(init.coef.view())?.select(&kept, self.n_orient)?;
        x.scale(-self.units.of_sources());
        let x = self.rotation.forward(x.to_array()?.view(), self.clock)?;
        let start = Iterate { locations: kept.iter().map(|&i| init.locations[i]).collect(), x };
        match self.problem(gain, penalty).objective(&start)? < self.scale {
            true => Ok(start),
            false => Ok(nothing),
        }
    }

    /// Makes the answer X = 0, for a run whose time is over before anything is certified.
    pub fn nothing(&self) -> Result<Descended, Error> {
        Descended::nothing(self.data.n_times, self.scale)
    }

    /// Computes `1 - |M - G X|^2 / |M|^2`, 0 where the data are zero.
    pub fn explained_variance(&self, misfit: f64) -> f64 {
        if self.scale > 0.0 { 1.0 - 0.5 * misfit / self.scale } else { 0.0 }
    }

    /// Converts sources to the caller's units.
    fn in_units(&self, mut coef: Array2<f64>) -> Array2<f64> {
        if self.units.of_sources() != 0 {
            coef.mapv_inplace(|value| times_power(value, self.units.of_sources()));
        }
        coef
    }

    /// Rotates the sources back and converts them to the caller's units.
    pub fn sources(&self, iterate: &Iterate, alpha: f64) -> Result<Sources, Error> {
        let coef = self.rotation.back(&iterate.x)?;
        if self.units.of_sources() != 0 {
            let (alpha, ridge) = (self.units.alpha(alpha)?, self.options.ridge);
            for (&s, norm) in iterate.locations.iter().zip(iterate.norms(self.n_orient)) {
                self.units.check_source(norm, alpha * self.weight(s), ridge)?;
            }
        }
        let coef = self.in_units(coef);
        let locations = memory::copied("time courses", &iterate.locations)?;
        Ok(Sources { locations, coef, n_orient: self.n_orient })
    }
}

/// Computes `max_s |G_s'M|_F / w_s`.
pub(crate) fn largest_correlation(
    gain: &Gain,
    data: ArrayView2<f64>,
    options: &Options,
    clock: &Clock,
) -> Result<f64, Halt> {
    let (rotated, _) = Rotation::new(data, 0.0, clock)?;
    let penalty = Penalty::new(1.0, options.weights.as_deref(), gain.n_locations())?;
    let problem = Problem {
        gain,
        data: &rotated,
        penalty: &penalty,
        ridge: 0.0,
        scale: 0.0,
        left_out: None,
        threads: &options.threads,
        clock,
    };
    let norms = problem.correlation_norms(&Iterate::zero(rotated.n_times)?, &rotated)?;
    Ok(penalty.dual_norm(norms.into_iter()))
}
