//! The one loop over epochs.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::panel::Panel;
use crate::method::framed::Framed;
use crate::method::pace::{Pace, Round};
use crate::method::quadratic::Quadratic;
use crate::method::solver::Epoch;
use crate::method::solver::newton::Aim;
use crate::method::stopping::{Goal, Watch};
use crate::problem::penalty::Penalty;
use crate::problem::solution::{Certificate, Status};

/// The part of the smallest gap so far below which another gap is progress.
const GAP_PROGRESS: f64 = 0.99;
/// Certificates without progress after which a run is called stalled, where X stands still and
/// where it moves. The objective alone cannot tell: its error is the square of that of X, so it
/// stands still long before the gap.
const PATIENCE_STANDING: usize = 20;
const PATIENCE_MOVING: usize = 400;
/// The part of itself by which the objective falls during `PATIENCE_MOVING` where a run is slow,
/// not stalled.
const OBJECTIVE_PROGRESS: f64 = 1e-11;
/// X stands still when it moves by less than this part of itself between two certificates.
const STANDSTILL: f64 = 1e-14;

/// The problem that epochs work on: all rows of X belong to it.
pub(crate) struct EpochProblem<'a> {
    pub quadratic: &'a mut dyn Quadratic,
    pub penalty: &'a dyn Penalty,
    pub scale: f64,
}

impl EpochProblem<'_> {
    /// Computes the certificate of `x`, with the state loaded afresh.
    pub fn certify(
        &mut self,
        x: &Panel,
        correlations: &mut Panel,
        clock: &Clock,
    ) -> Result<Certificate, Halt> {
        self.quadratic.load(x, clock)?;
        let largest = if self.penalty.is_bound_exact() {
            self.quadratic.correlations(x, correlations, clock)?;
            self.penalty.largest_bound(correlations)
        } else {
            self.largest_dual_norm(x, correlations, clock)?
        };
        Ok(self.quadratic.energies(x).certificate(self.penalty.value(x), largest, self.scale))
    }

    /// Computes the largest dual norm, with correlations only where the bound exceeds it so far.
    fn largest_dual_norm(
        &mut self,
        x: &Panel,
        scratch: &mut Panel,
        clock: &Clock,
    ) -> Result<f64, Halt> {
        let (o, mut largest) = (self.quadratic.n_orient(), 0.0);
        for s in 0..self.penalty.n_locations() {
            let threshold = largest * self.penalty.threshold(s);
            if !self.quadratic.has_correlation_within(s, threshold) {
                clock.spend(self.quadratic.work())?;
                let block = scratch.block_mut(0, o);
                self.quadratic.correlation(s, x.block(s, o), block);
                largest = self.penalty.dual_norm(s, block, largest);
            }
        }
        Ok(largest)
    }
}

/// The arrays of a run, which the next run may use again.
pub(crate) struct Workspace {
    correlations: Panel,
    /// the iterate with the smallest gap
    best: Panel,
    /// the iterate at the last certificate
    before: Panel,
}

impl Workspace {
    /// Makes empty arrays for rows of `n_times` samples.
    pub fn new(n_times: usize) -> Result<Self, Error> {
        let panel = || Panel::zeros(0, n_times);
        Ok(Workspace { correlations: panel()?, best: panel()?, before: panel()? })
    }

    /// Makes room for so many rows.
    pub fn reserve(&mut self, rows: usize) -> Result<(), Error> {
        [&mut self.correlations, &mut self.best, &mut self.before]
            .into_iter()
            .try_for_each(|panel| panel.reset(rows))
    }
}

/// The iterate with the smallest gap so far.
struct Best<'a> {
    x: &'a mut Panel,
    certificate: Certificate,
}

impl Best<'_> {
    /// Takes the iterate over where its gap is no larger.
    fn consider(&mut self, x: &Panel, certificate: Certificate) {
        if certificate.gap() <= self.certificate.gap() {
            self.certificate = certificate;
            self.x.lanes_mut().copy_from_slice(x.lanes());
        }
    }

    /// Puts the best iterate into `x`, where a run ends without having converged.
    fn instead_of(self, x: &mut Panel, status: Status) -> (Certificate, Status) {
        std::mem::swap(x, self.x);
        (self.certificate, status)
    }
}

/// Watches whether a run makes progress.
struct Patience<'a> {
    /// the iterate at the last certificate
    before: &'a mut Panel,
    smallest_gap: f64,
    objective: f64,
    /// certificates since the last progress
    waited: usize,
}

impl Patience<'_> {
    /// Takes in the next certificate; returns whether the run has stalled.
    fn is_over(&mut self, x: &Panel, certificate: &Certificate) -> bool {
        if certificate.gap() < GAP_PROGRESS * self.smallest_gap {
            self.smallest_gap = certificate.gap();
            self.waited = 0;
        }
        let target = (1.0 - OBJECTIVE_PROGRESS) * self.objective;
        if self.waited >= PATIENCE_MOVING && certificate.primal < target {
            self.objective = certificate.primal;
            self.waited = 0;
        }
        let is_standing = stands_still(x, self.before);
        let is_over = self.waited >= if is_standing { PATIENCE_STANDING } else { PATIENCE_MOVING };
        self.waited += 1;
        self.before.lanes_mut().copy_from_slice(x.lanes());
        is_over
    }
}

/// Runs epochs until the gap of the problem reaches the goal, and returns the last certificate and
/// how the run ended.
///
/// Where it ends before, `x` becomes the best iterate that was certified; it is a halt where there
/// is none. `report` sees every certificate.
pub(crate) fn drive(
    problem: EpochProblem,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    goal: Goal,
    watch: &mut Watch,
    workspace: &mut Workspace,
    report: impl FnMut(&mut Watch, &Certificate, &Panel),
) -> Result<(Certificate, Status), Halt> {
    match problem.penalty.frame() {
        None => run(problem, solver, x, goal, watch, workspace, report),
        Some(frame) => {
            let mut framed = Framed::new(problem.quadratic, frame, x.rows)?;
            let problem = EpochProblem { quadratic: &mut framed, ..problem };
            run(problem, solver, x, goal, watch, workspace, report)
        }
    }
}

/// Runs epochs on the problem, X being what the penalty penalises.
fn run(
    mut problem: EpochProblem,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    goal: Goal,
    watch: &mut Watch,
    workspace: &mut Workspace,
    mut report: impl FnMut(&mut Watch, &Certificate, &Panel),
) -> Result<(Certificate, Status), Halt> {
    let clock = watch.clock;
    let Workspace { correlations, best, before } = workspace;
    solver.restart();
    correlations.reset(x.rows)?;
    let first = problem.certify(x, correlations, clock)?;
    for copy in [&mut *best, &mut *before] {
        clock.check()?;
        copy.reset(x.rows)?;
        copy.lanes_mut().copy_from_slice(x.lanes());
    }
    if first.gap() <= goal.gap && !goal.work_first {
        return Ok((first, Status::Converged));
    }
    let mut best = Best { x: best, certificate: first };
    let (smallest_gap, objective) = (first.gap(), first.primal);
    let mut patience = Patience { before, smallest_gap, objective, waited: 0 };
    let mut pace = Pace::new(first.gap(), first.primal, goal.gap);
    loop {
        let round = pace.round(|| {
            problem
                .penalty
                .as_group_norm()
                .and_then(|_| solver.cost_of_polish(problem.quadratic, x))
        });
        let certificate = match make(round, &mut problem, solver, x, goal, watch, correlations) {
            Err(Halt::OutOfTime) => return Ok(best.instead_of(x, Status::TimeLimit)),
            ended => ended?,
        };
        pace.observe(round, certificate.gap(), certificate.primal);
        report(watch, &certificate, x);
        best.consider(x, certificate);
        let status = match clock.check() {
            Err(Halt::Failed(error)) => return Err(error.into()),
            _ if certificate.gap() <= goal.gap => return Ok((certificate, Status::Converged)),
            Err(Halt::OutOfTime) => Status::TimeLimit,
            Ok(()) if patience.is_over(x, &certificate) => Status::Stalled,
            Ok(()) if watch.used_up() => Status::IterationLimit,
            Ok(()) => continue,
        };
        return Ok(best.instead_of(x, status));
    }
}

/// Makes the epochs of a round, as far as they are allowed, and its polish, and certifies where
/// they led.
fn make(
    round: Round,
    problem: &mut EpochProblem,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    goal: Goal,
    watch: &mut Watch,
    correlations: &mut Panel,
) -> Result<Certificate, Halt> {
    watch.clock.check()?;
    for _ in 0..round.epochs {
        if watch.used_up() {
            break;
        }
        solver.epoch(problem.quadratic, problem.penalty, x, watch.clock)?;
        watch.count();
    }
    if let (true, Some(penalty)) = (round.polish, problem.penalty.as_group_norm()) {
        let aim = Aim { gap: goal.gap, scale: problem.scale };
        solver.polish(problem.quadratic, penalty, x, aim, watch.clock)?;
    }
    problem.certify(x, correlations, watch.clock)
}

/// Compares two iterates: whether no entry moved by more than rounding.
fn stands_still(x: &Panel, before: &Panel) -> bool {
    let pairs = x.values().iter().zip(before.values());
    let (moved, size) = pairs.fold((0.0, 0.0), |(moved, size): (f64, f64), (now, old)| {
        (moved.max((now - old).abs()), size.max(now.abs()))
    });
    moved <= STANDSTILL * size
}
