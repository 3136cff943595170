//! Nested working sets: rank all locations, solve a few, let the certificate on all of them decide.

mod band;
mod candidates;
mod descend;
mod grown;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::ranking::rank_largest;
use crate::method::sensors::Sensors;
use crate::method::solver::Solver;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Iterate, Problem, Seen, support};
use crate::problem::gain::Gain;
use crate::problem::solution::{Certificate, Status};
use candidates::{Candidates, MIN_CANDIDATES};
pub(crate) use descend::Descended;
use descend::{Start, descend};
use grown::WorkingSet;

/// How a convex problem is solved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strategy {
    pub solver: Solver,
    /// locations that the working set grows by at least; none solves on all locations
    pub active_set_size: Option<usize>,
}

/// A strategy at work on one gain; the candidates that it copied and the correlations that it saw
/// serve the next problem, too.
pub(crate) struct Descent {
    solver: Solver,
    /// none solves on all locations
    subset: Option<Box<dyn Subset>>,
    /// correlations at the last answer: the next problem may start near it
    pub seen: Option<Seen>,
}

impl Strategy {
    /// Chooses nested subsets for the size of the gain.
    pub fn start(self, gain: &Gain) -> Descent {
        let subset = self.active_set_size.map(|size| -> Box<dyn Subset> {
            if gain.n_locations() > 4 * MIN_CANDIDATES.max(size) {
                Box::new(Candidates { size: 0, strategy: self, last: Vec::new() })
            } else {
                Box::new(WorkingSet::new(size, self.solver))
            }
        });
        Descent { solver: self.solver, subset, seen: None }
    }
}

impl Descent {
    /// Solves from `start` to the goal, and certifies on the problem given. It halts where the time
    /// is over before anything is certified.
    pub fn solve(
        &mut self,
        problem: &Problem,
        start: &Iterate,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Descended, Halt> {
        match &mut self.subset {
            None => solve_on_all(problem, start, self.solver, goal, watch),
            Some(subset) => {
                subset.begin();
                let iterate = start.support(problem.gain.n_orient())?;
                let start = Start { iterate, seen: self.seen.take() };
                let report = |watch: &mut Watch, certificate: &Certificate, n_active| {
                    watch.record(certificate, n_active);
                };
                let mut end = descend(problem, start, subset.as_mut(), goal, watch, report)?;
                self.seen = end.seen.take();
                Ok(end)
            }
        }
    }
}

/// Some locations of a problem, which is solved on them.
trait Subset {
    /// Forgets the problem before.
    fn begin(&mut self);

    /// Returns the part of the gap of the whole problem to which the subset is solved.
    fn gap_fraction(&self) -> f64;

    /// Chooses locations by how far they violate the dual constraint, and solves on them.
    fn improve(
        &mut self,
        problem: &Problem,
        iterate: Iterate,
        ratios: &[f64],
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Step, Halt>;
}

/// The result of one try on a subset.
struct Step {
    iterate: Iterate,
    status: Status,
    /// no location outside of the last subset violated the dual constraint
    nothing_new: bool,
}

/// Collects the non-zero blocks, their locations rising.
fn in_order(locations: &[usize], x: &Panel, n_orient: usize) -> Result<Iterate, Error> {
    let mut alive: Vec<usize> = support(x, n_orient).collect();
    alive.sort_unstable_by_key(|&i| locations[i]);
    let sorted = alive.iter().map(|&i| locations[i]).collect();
    Ok(Iterate { locations: sorted, x: x.select(&alive, n_orient)? })
}

/// Lists at most `count` locations whose ratio exceeds `floor`, the largest ratios first, equal
/// ones in their own order.
fn largest(ratios: &[f64], count: usize, floor: f64) -> Result<Vec<usize>, Error> {
    let n_above = ratios.iter().filter(|&&ratio| ratio > floor).count();
    let mut order = memory::room("the locations", n_above)?;
    rank_largest(&mut order, ratios, count, |s| ratios[s] > floor);
    Ok(order)
}

/// Solves on all locations at once, over sensors.
fn solve_on_all(
    problem: &Problem,
    start: &Iterate,
    solver: Solver,
    goal: Goal,
    watch: &mut Watch,
) -> Result<Descended, Halt> {
    let o = problem.gain.n_orient();
    problem.clock.reserve(problem.gain.n_sources());
    problem.clock.check()?;
    let all: Vec<usize> = memory::gathered("the locations", 0..problem.gain.n_locations())?;
    let mut x = Panel::zeros(problem.gain.n_sources(), problem.row_length())?;
    for (i, &s) in start.locations.iter().enumerate() {
        x.block_mut(s, o).copy_from_slice(start.x.block(i, o));
    }
    let mut quadratic = Sensors::new(problem)?;
    let (penalty, scale) = (problem.penalty, problem.scale);
    let on_all = EpochProblem { quadratic: &mut quadratic, penalty, scale };
    let report = |watch: &mut Watch, now: &Certificate, x: &Panel| {
        let alive = support(x, o).count();
        watch.record(now, alive);
        watch.clock.reserve(alive * o);
    };
    let mut workspace = Workspace::new(x.n_times)?;
    // The certificate at the end counts rounding, if it matters: the goal leaves room for it.
    let nothing = Iterate::zero(x.n_times)?;
    let is_rounded = problem.possible_ratio(&problem.courses(&nothing)?, |_| 1.0, 1.0)? > 1.0;
    let goal = Goal { gap: if is_rounded { 0.9 } else { 1.0 } * goal.gap, ..goal };
    let (mut certificate, mut status) =
        drive(on_all, solver.start().as_mut(), &mut x, goal, watch, &mut workspace, report)?;
    let iterate = in_order(&all, &x, o)?;
    // The primal value without penalty and ridge: a product would take time, which may be over.
    let energy = kernels().energy(iterate.x.lanes());
    let mut misfit =
        (2.0 * (certificate.primal - penalty.value(&x)) - problem.ridge * energy).max(0.0);
    let endless = Clock::endless();
    let problem = Problem { clock: &endless, ..*problem };
    let is_rounded = problem.possible_ratio(&problem.courses(&iterate)?, |_| 1.0, 1.0)? > 1.0;
    if is_rounded || !problem.gain.faint().is_empty() {
        let certified = problem.certify(&iterate, None)?;
        (certificate, misfit) = (certified.certificate, certified.misfit);
        if status == Status::Converged && certificate.gap() > goal.gap {
            status = Status::Stalled;
        }
    }
    Ok(Descended { iterate, seen: None, certificate, status, misfit, too_coarse: false })
}
