//! The convex problems of reweighting, on the locations that may be non-zero.

use super::WHAT;
use super::majorant::Majorant;
use super::rounds::{Reweighted, Rounds};
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::memory;
use crate::machine::panel::add_scaled;
use crate::method::stopping::{Goal, Watch};
use crate::method::working_set::{Descended, Descent};
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::solution::Status;
use crate::solve::setup::Setup;
use std::borrow::Cow;

/// The last answer, and what the next one takes.
pub(super) struct Problems<'a> {
    /// the gain of the locations that may be non-zero
    pub part: Cow<'a, Gain>,
    pub majorant: Box<dyn Majorant + 'a>,
    pub setup: Setup<'a>,
    pub descent: Descent,
    /// the last answer, and the weights of which it is the answer
    pub last: Descended,
    pub weights: Vec<f64>,
    /// the answer of a round that is not accepted yet
    pub new: Option<New>,
    /// the objective of every answer that was accepted
    pub objectives: Vec<f64>,
}

/// An answer that is not accepted yet.
pub(super) struct New {
    answer: Descended,
    weights: Vec<f64>,
    objective: f64,
}

impl Problems<'_> {
    /// Describes the round that was solved before.
    pub fn first_round(&mut self) -> Result<Rounds, Error> {
        let status = self.last.status;
        let nothing = self.last.iterate.locations.is_empty();
        let objective = self.objective_of(&self.last, &self.weights)?;
        self.objectives.push(objective);
        let converged = nothing && status == Status::Converged;
        Ok(Rounds { n_reweights: 1, status, objective, converged })
    }

    fn objective_of(&self, answer: &Descended, weights: &[f64]) -> Result<f64, Error> {
        let smooth = self.setup.smooth(answer);
        self.majorant.objective(&self.part, answer, weights, smooth).map_err(Halt::into_error)
    }
}

impl Reweighted for Problems<'_> {
    fn solve(&mut self, watch: &mut Watch) -> Result<Status, Halt> {
        let (part, answer) = (self.part.as_ref(), &self.last.iterate);
        let weights = self.majorant.weights(part, answer, &self.weights)?;
        let penalty = self.majorant.penalty(part, answer, &weights)?;
        let goal = Goal { work_first: true, ..self.setup.goal() };
        let (start, penalty) = (&mut self.last.iterate, penalty.as_ref());
        let answer = self.setup.solve(&mut self.descent, part, penalty, start, goal, watch)?;
        let status = answer.status;
        self.new = Some(New { answer, weights, objective: f64::INFINITY });
        Ok(status)
    }

    fn objective(&mut self) -> Result<f64, Error> {
        let Some(mut new) = self.new.take() else { return Ok(f64::INFINITY) };
        new.objective = self.objective_of(&new.answer, &new.weights)?;
        Ok(self.new.insert(new).objective)
    }

    fn has_settled(&mut self, tol: f64) -> Result<bool, Error> {
        let (before, after) = match &self.new {
            Some(new) if new.answer.iterate.locations == self.last.iterate.locations => {
                (&self.last.iterate, &new.answer.iterate)
            }
            _ => return Ok(false),
        };
        let mut moved = after.copy()?;
        add_scaled(moved.x.lanes_mut(), -1.0, before.x.lanes());
        let o = self.part.n_orient();
        let largest = |iterate: &Iterate| iterate.norms(o).into_iter().fold(0.0, f64::max);
        Ok(largest(&moved) <= tol * largest(after))
    }

    fn accept(&mut self) -> Result<(), Error> {
        if let Some(New { answer, weights, objective }) = self.new.take() {
            (self.last, self.weights) = (answer, weights);
            memory::append(WHAT, &mut self.objectives, &[objective])?;
        }
        Ok(())
    }
}
