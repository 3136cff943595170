//! A solve on rotated data: first on the few columns of time that carry them, then on more where
//! what was left out matters.

use super::{SLACK_FRACTION, Setup};
use crate::machine::clock::Halt;
use crate::machine::panel::Panel;
use crate::method::stopping::{Goal, Watch};
use crate::method::working_set::{Descended, Descent};
use crate::problem::convex::{Iterate, Problem, Seen};
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use crate::problem::rotation::Rotation;
use crate::problem::solution::Status;

/// Where what was left out matters, the slack is multiplied by this, and becomes zero once it is at
/// most `MIN_SLACK`.
const SLACK_SHRINKAGE: f64 = 0.03;
const MIN_SLACK: f64 = 1e-12;
/// The part of the energy that a first approach may leave out.
const APPROACH_SLACK: f64 = 1e-3;

impl Setup<'_> {
    /// Solves, and again with less left out where what the rotation left out turns out to matter.
    ///
    /// `start` is moved to the new rotation too. It halts where the time is over before anything is
    /// certified.
    pub fn solve(
        &mut self,
        descent: &mut Descent,
        gain: &Gain,
        penalty: &dyn Penalty,
        start: &mut Iterate,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Descended, Halt> {
        if start.locations.is_empty() {
            *start = self.approach(gain, penalty, watch)?;
        }
        let mut end = descent.solve(&self.problem(gain, penalty), start, goal, watch)?;
        while end.too_coarse {
            let seen = descent.seen.take();
            let refined = self.refine(start, &mut end.iterate, seen).and_then(|seen| {
                *descent = self.strategy().start(gain);
                descent.seen = seen;
                descent.solve(&self.problem(gain, penalty), &end.iterate, goal, watch)
            });
            end = match refined {
                Ok(finer) => finer.or_earlier(end),
                Err(Halt::OutOfTime) => {
                    Descended { status: Status::TimeLimit, too_coarse: false, ..end }
                }
                Err(failed) => return Err(failed),
            };
        }
        Ok(end)
    }

    /// Rotates again, leaving out less, and moves both iterates and what was seen.
    fn refine(
        &mut self,
        start: &mut Iterate,
        iterate: &mut Iterate,
        seen: Option<Seen>,
    ) -> Result<Option<Seen>, Halt> {
        let asked = SLACK_FRACTION * self.options.stopping.tol;
        let less = asked.min(SLACK_SHRINKAGE * self.slack);
        let slack = if self.slack > MIN_SLACK { less } else { 0.0 };
        let (data, rotation) =
            self.rotation.refined(self.unrotated, &self.data, slack, self.clock)?;
        let moved = |x: &Panel| self.rotation.moved(x, &rotation);
        (start.x, iterate.x) = (moved(&start.x)?, moved(&iterate.x)?);
        let seen = seen.map(|seen| seen.moved(moved)).transpose()?;
        (self.slack, self.data, self.rotation) = (slack, data, rotation);
        Ok(seen)
    }

    /// Solves for the few time columns that carry nearly all of the data, where they are few, and
    /// returns where to start.
    ///
    /// The gain is ranked and most epochs are made on a fraction of the columns. The certificates
    /// on the way are not those of the problem, and not recorded.
    fn approach(
        &self,
        gain: &Gain,
        penalty: &dyn Penalty,
        watch: &mut Watch,
    ) -> Result<Iterate, Halt> {
        let zero = Iterate::zero(self.row_length());
        let is_whole = self.options.active_set_size.is_none() || self.frame.is_some();
        if is_whole || APPROACH_SLACK <= self.options.stopping.tol {
            return Ok(zero?);
        }
        let (data, rotation) = Rotation::new(self.unrotated, APPROACH_SLACK, self.clock)?;
        if 2 * data.width > self.data.width {
            return Ok(zero?);
        }
        let problem = Problem { data: &data, left_out: None, ..self.problem(gain, penalty) };
        let goal = Goal { gap: SLACK_FRACTION * APPROACH_SLACK * self.scale, work_first: false };
        let seen = watch.history.len();
        let start = Iterate::zero(data.n_times)?;
        let end = self.strategy().start(gain).solve(&problem, &start, goal, watch)?.iterate;
        watch.history.truncate(seen);
        let x = self.rotation.forward(rotation.back(&end.x)?.view(), self.clock)?;
        Ok(Iterate { x, ..end })
    }
}
