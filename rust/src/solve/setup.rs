//! Input in the form that solving needs, checked, scaled and rotated: what all functions that solve
//! share.

mod penalised;
mod rotated;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::prepare_this_thread;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::threads::Threads;
use crate::machine::units::{Units, times_power};
use crate::method::stopping::Goal;
use crate::method::working_set::{Descended, Strategy};
use crate::problem::convex::{Iterate, Problem};
use crate::problem::frame::Frame;
use crate::problem::gain::Gain;
use crate::problem::penalty::{Penalty, SparseGroupNorm};
use crate::problem::rotation::Rotation;
use crate::problem::scaled::Scaled;
use crate::problem::solution::Sources;
use crate::solve::checks::{check_method, check_problem};
use crate::solve::options::Options;
use ndarray::{Array2, ArrayView2};
use penalised::l1_ratio;
pub(crate) use penalised::{frame_of, largest_correlation, penalty_of};
use std::sync::Arc;

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
    pub n_orient: usize,
    pub units: Units,
    unrotated: ArrayView2<'a, f64>,
    rotation: Rotation,
    /// the part of the energy that the rotation may leave out
    slack: f64,
    data: Panel,
    scale: f64,
    /// the frame of TF-MxNE
    pub frame: Option<Arc<Frame>>,
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
        let frame = frame_of(options, values.ncols())?;
        // Time is left as it is where a frame of it counts.
        let rotated = match frame {
            Some(_) => Rotation::none(values),
            None => Rotation::new(values, slack, clock),
        };
        let (rotated, rotation) = match rotated {
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
            frame,
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
            let x = Panel::zeros(rows, self.row_length())?.copy()?;
            self.in_units(self.time_courses(&x)?);
            Ok(())
        })
    }

    /// Copies, or [`Error::Memory`].
    pub fn copy(&self) -> Result<Self, Error> {
        let (rotation, data) = (self.rotation.copy()?, self.data.copy()?);
        Ok(Setup { rotation, data, frame: self.frame.clone(), ..*self })
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
    pub fn penalty(&self, alpha: f64, n_locations: usize) -> Result<Box<dyn Penalty>, Error> {
        penalty_of(self.options, self.frame.as_ref(), self.units.alpha(alpha)?, n_locations)
    }

    /// Makes the penalty of TF-MxNE for some locations of the scaled problem, where it is that.
    pub fn sparse_group_norm(
        &self,
        alpha: f64,
        weights: Vec<f64>,
    ) -> Result<Option<SparseGroupNorm>, Error> {
        let made = |frame: &Arc<Frame>| {
            SparseGroupNorm::new(frame.clone(), (alpha, l1_ratio(self.options)), weights)
        };
        self.frame.as_ref().map(made).transpose()
    }

    /// Returns the scaled data in the caller's frame of time.
    pub fn unrotated(&self) -> ArrayView2<'a, f64> {
        self.unrotated
    }

    /// Returns the threads for full products.
    pub fn threads(&self) -> &'a Threads {
        &self.options.threads
    }

    /// Returns the clock of the run.
    pub fn clock(&self) -> &'a Clock<'a> {
        self.clock
    }

    /// Returns the length of the rows of an iterate.
    pub fn row_length(&self) -> usize {
        self.frame.as_ref().map_or(self.data.n_times, |frame| frame.row_length())
    }

    /// Computes the time courses of the rows of an iterate, in the caller's frame of time.
    fn time_courses(&self, x: &Panel) -> Result<Array2<f64>, Error> {
        match &self.frame {
            None => self.rotation.back(x),
            Some(frame) => frame.synthesised(x)?.to_array(),
        }
    }

    /// Makes the scaled and rotated problem.
    pub fn problem<'b>(&'b self, gain: &'b Gain, penalty: &'b dyn Penalty) -> Problem<'b> {
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
    pub fn start(&self, gain: &Gain, penalty: &dyn Penalty) -> Result<Iterate, Error> {
        match self.user_start(gain, penalty) {
            Err(Halt::OutOfTime) => Iterate::zero(self.row_length()),
            start => start.map_err(Halt::into_error),
        }
    }

    fn user_start(&self, gain: &Gain, penalty: &dyn Penalty) -> Result<Iterate, Halt> {
        let nothing = Iterate::zero(self.row_length())?;
        let Some(init) = &self.options.init else { return Ok(nothing) };
        let allowed = |s: usize| self.weight(s).is_finite();
        let kept: Vec<usize> =
            (0..init.locations.len()).filter(|&i| allowed(init.locations[i])).collect();
        let mut x = Panel::from_array(init.coef.view())?.select(&kept, self.n_orient)?;
        x.scale(-self.units.of_sources());
        let x = match &self.frame {
            None => self.rotation.forward(x.to_array()?.view(), self.clock)?,
            Some(frame) => frame.analysed(&x)?,
        };
        let start = Iterate { locations: kept.iter().map(|&i| init.locations[i]).collect(), x };
        match self.problem(gain, penalty).objective(&start)? < self.scale {
            true => Ok(start),
            false => Ok(nothing),
        }
    }

    /// Makes the answer X = 0, for a run whose time is over before anything is certified.
    pub fn nothing(&self) -> Result<Descended, Error> {
        Descended::nothing(self.row_length(), self.scale)
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
        let coef = self.time_courses(&iterate.x)?;
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
