//! The rounds of reweighting: one convex problem after another, each with the weights of the last
//! answer.

use crate::error::Error;
use crate::machine::clock::Halt;
use crate::method::stopping::Watch;
use crate::problem::solution::Status;

/// The objective may rise by this part of itself: that much is rounding.
const ROUNDING: f64 = 1e-14;

/// A problem that can be solved again with the weights that its last answer gives.
pub(crate) trait Reweighted {
    /// Solves from the last answer, with its weights; the new answer waits for
    /// [`accept`](Reweighted::accept).
    fn solve(&mut self, watch: &mut Watch) -> Result<Status, Halt>;

    /// Computes the concave objective of the new answer.
    fn objective(&mut self) -> Result<f64, Error>;

    /// Tells whether the support stayed and no amplitude moved by more than `tol` times the
    /// largest.
    fn has_settled(&mut self, tol: f64) -> Result<bool, Error>;

    /// Makes the new answer the last one.
    fn accept(&mut self) -> Result<(), Error>;
}

/// How far the rounds have come.
pub(crate) struct Rounds {
    /// convex problems solved
    pub n_reweights: usize,
    /// how the last one ended
    pub status: Status,
    /// the concave objective of the last answer that was accepted
    pub objective: f64,
    pub converged: bool,
}

impl Rounds {
    /// Solves rounds until nothing moves, the objective rises, one falls short, or there were
    /// enough. `scale` is `|M|^2 / 2`.
    pub fn run(
        &mut self,
        problem: &mut impl Reweighted,
        (limit, tol): (usize, f64),
        scale: f64,
        watch: &mut Watch,
    ) -> Result<(), Error> {
        while self.n_reweights < limit && !self.converged && self.status == Status::Converged {
            self.status = match problem.solve(watch) {
                Ok(status) => status,
                Err(Halt::OutOfTime) => {
                    self.status = Status::TimeLimit;
                    return Ok(());
                }
                Err(Halt::Failed(error)) => return Err(error),
            };
            self.n_reweights += 1;
            self.converged = problem.has_settled(tol)?;
            let objective = problem.objective()?;
            if objective > self.objective + ROUNDING * (self.objective.abs() + scale) {
                return Ok(());
            }
            self.objective = objective;
            problem.accept()?;
        }
        Ok(())
    }
}
