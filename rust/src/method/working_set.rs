//! Nested working sets: rank all locations, solve a few, let the certificate on all of them decide.

mod candidates;
mod grown;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::method::drive::{Room, Task, drive};
use crate::method::sensors::Sensors;
use crate::method::solver::Solver;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Certified, Iterate, Problem, is_zero};
use crate::problem::gain::Gain;
use crate::problem::solution::{Certificate, Status};
use candidates::{CANDIDATES, Candidates};
use grown::WorkingSet;

/// Every try on an unchanged subset is solved to this part of the last one's goal.
const HARDER: f64 = 0.1;
/// A subset need not be solved beyond this part of the goal.
const ENOUGH: f64 = 0.6;
/// The part of the goal that may be owed to what the rotation left out.
const HIDDEN: f64 = 0.3;
/// Tries on an unchanged subset that rounding may spoil.
const MERCY: usize = 2;

/// How a convex problem is solved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strategy {
    pub solver: Solver,
    /// locations that the working set grows by at least; none solves on all locations
    pub active_set_size: Option<usize>,
}

/// A strategy at work on one gain; what it learned of the gain is kept for the next problem on it.
pub(crate) struct Descent {
    solver: Solver,
    /// none solves on all locations
    subset: Option<Box<dyn Subset>>,
    /// the last answer and the norms of its correlations: the next problem may start from there
    last: Option<(Iterate, Vec<f64>)>,
}

impl Strategy {
    pub fn start(self, gain: &Gain) -> Descent {
        let subset = self.active_set_size.map(|size| -> Box<dyn Subset> {
            if gain.n_locations() > 4 * CANDIDATES.max(size) {
                Box::new(Candidates { size: 0, strategy: self, last: Vec::new() })
            } else {
                Box::new(WorkingSet::new(size, self.solver))
            }
        });
        Descent { solver: self.solver, subset, last: None }
    }
}

impl Descent {
    /// Solves from `start` to the goal; the certificate is that of the problem given. Out of time before anything is
    /// certified, it halts.
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
                let start = start.support(problem.gain.n_orient())?;
                let last = self.last.take().filter(|(iterate, _)| *iterate == start);
                let known = last.map(|(_, norms)| norms);
                let (end, norms) =
                    descend(problem, (start, known), subset.as_mut(), goal, watch, true)?;
                if let Some(norms) = norms {
                    self.last = Some((end.iterate.copy()?, norms));
                }
                Ok(end)
            }
        }
    }
}

/// Where a descent ended.
pub(crate) struct Descended {
    pub iterate: Iterate,
    pub certificate: Certificate,
    pub status: Status,
    /// `|M - G X|^2`
    pub misfit: f64,
    /// what the rotation left out keeps the gap from the goal: rotate again, leaving out less
    pub too_coarse: bool,
}

impl Descended {
    /// X = 0, which is certified for nothing.
    pub fn nothing(n_times: usize, scale: f64) -> Result<Self, Error> {
        Ok(Descended {
            iterate: Iterate::zero(n_times)?,
            certificate: Certificate::of_nothing(scale),
            status: Status::TimeLimit,
            misfit: 2.0 * scale,
            too_coarse: false,
        })
    }

    /// The one with the smaller gap, with the status of the later.
    pub fn or_earlier(self, earlier: Descended) -> Self {
        match self.certificate.gap() <= earlier.certificate.gap() {
            true => self,
            false => Descended { status: self.status, too_coarse: self.too_coarse, ..earlier },
        }
    }
}

/// A part of a problem that is solved in its place.
trait Subset {
    /// A new problem begins.
    fn begin(&mut self);

    /// To which part of the gap around it a try should go.
    fn ease(&self) -> f64;

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

/// What became of one try on a subset.
struct Step {
    iterate: Iterate,
    status: Status,
    /// no location outside of the last subset violated the dual constraint
    nothing_new: bool,
}

/// Descends; a run that ends before the goal hands back the best iterate that was certified. With it come the norms of its
/// correlations, where they are at hand.
fn descend(
    problem: &Problem,
    start: (Iterate, Option<Vec<f64>>),
    subset: &mut dyn Subset,
    goal: Goal,
    watch: &mut Watch,
    is_full: bool,
) -> Result<(Descended, Option<Vec<f64>>), Halt> {
    let mut best = None;
    let end = descend_to_an_end(problem, start, subset, goal, watch, is_full, &mut best);
    match (end, best) {
        (Ok((end, norms)), _) if end.status == Status::Converged || end.too_coarse => {
            Ok((end, Some(norms)))
        }
        (Ok((end, _)), Some(best)) => Ok((end.or_earlier(best), None)),
        (Ok((end, norms)), None) => Ok((end, Some(norms))),
        (Err(Halt::OutOfTime), Some(best)) => Ok((best, None)),
        (Err(halt), _) => Err(halt),
    }
}

/// Certify; if the gap is too large, improve on a subset; repeat. `best` keeps the best iterate on the way.
#[allow(clippy::too_many_arguments)]
fn descend_to_an_end(
    problem: &Problem,
    (mut iterate, mut known): (Iterate, Option<Vec<f64>>),
    subset: &mut dyn Subset,
    goal: Goal,
    watch: &mut Watch,
    is_full: bool,
    best: &mut Option<Descended>,
) -> Result<(Descended, Vec<f64>), Halt> {
    let o = problem.gain.n_orient();
    let (mut harder, mut stalled) = (1.0, 0);
    let mut work_first = goal.work_first;
    loop {
        let Certified { certificate, rounding, ratios, norms, hidden, misfit } =
            problem.certify(&iterate, known.take())?;
        let now = |iterate, status, too_coarse| Descended {
            iterate,
            certificate,
            status,
            misfit,
            too_coarse,
        };
        if is_full {
            watch.record(&certificate, iterate.locations.len());
        }
        let gap = certificate.gap();
        if gap <= goal.gap && !work_first {
            return Ok((now(iterate, Status::Converged, false), norms));
        }
        if watch.used_up() {
            return Ok((now(iterate, Status::IterationLimit, false), norms));
        }
        if gap - rounding <= goal.gap && !work_first {
            return Ok((now(iterate, Status::Stalled, false), norms));
        }
        if stalled > MERCY || hidden > HIDDEN * goal.gap {
            return Ok((now(iterate, Status::Stalled, stalled <= MERCY), norms));
        }
        if best.as_ref().is_none_or(|best| gap <= best.certificate.gap()) {
            *best = Some(now(iterate.copy()?, Status::TimeLimit, false));
        }
        watch.clock.look()?;
        let inner = harder * (subset.ease() * gap).max(ENOUGH * goal.gap);
        let inner = Goal { gap: inner, work_first };
        work_first = false;
        let epochs = watch.n_iter;
        let step = subset.improve(problem, iterate, &ratios, inner, watch)?;
        iterate = step.iterate.support(o)?;
        if step.nothing_new {
            harder *= HARDER;
        }
        // A try that found nothing to do is as spoilt as one that could not go on.
        let spoilt = step.nothing_new && step.status == Status::Stalled || watch.n_iter == epochs;
        stalled += usize::from(spoilt);
    }
}

/// The non-zero blocks with their locations rising.
fn in_order(locations: &[usize], x: &Panel, n_orient: usize) -> Result<Iterate, Error> {
    let mut alive: Vec<usize> =
        (0..locations.len()).filter(|&i| !is_zero(x.block(i, n_orient))).collect();
    alive.sort_unstable_by_key(|&i| locations[i]);
    let sorted = alive.iter().map(|&i| locations[i]).collect();
    Ok(Iterate { locations: sorted, x: x.select(&alive, n_orient)? })
}

/// At most `count` locations whose ratio exceeds `floor`, the largest ratios first; equal ones in their own order.
fn largest(ratios: &[f64], count: usize, floor: f64) -> Result<Vec<usize>, Error> {
    let above = |&s: &usize| ratios[s] > floor;
    let mut order = memory::room("the locations", (0..ratios.len()).filter(above).count())?;
    order.extend((0..ratios.len()).filter(above));
    let by_ratio = |&a: &usize, &b: &usize| ratios[b].total_cmp(&ratios[a]).then(a.cmp(&b));
    if count < order.len() {
        order.select_nth_unstable_by(count, by_ratio);
        order.truncate(count);
    }
    order.sort_unstable_by(by_ratio);
    Ok(order)
}

/// The problem over all its locations at once, sensors and all.
fn solve_on_all(
    problem: &Problem,
    start: &Iterate,
    solver: Solver,
    goal: Goal,
    watch: &mut Watch,
) -> Result<Descended, Halt> {
    let o = problem.gain.n_orient();
    problem.clock.reserve(problem.gain.n_sources());
    problem.clock.look()?;
    let all: Vec<usize> = memory::gathered("the locations", 0..problem.gain.n_locations())?;
    let mut x = Panel::zeros(problem.gain.n_sources(), problem.data.n_times)?;
    for (i, &s) in start.locations.iter().enumerate() {
        x.block_mut(s, o).copy_from_slice(start.x.block(i, o));
    }
    let mut quadratic = Sensors::new(problem)?;
    let (penalty, scale) = (problem.penalty, problem.scale);
    let task = Task { quadratic: &mut quadratic, penalty, scale };
    let report = |watch: &mut Watch, now: &Certificate, x: &Panel| {
        let alive = all.iter().filter(|&&s| !is_zero(x.block(s, o))).count();
        watch.record(now, alive);
        watch.clock.reserve(alive * o);
    };
    let mut room = Room::new(x.n_times)?;
    // Where rounding will be counted, room is left for it.
    let nothing = Iterate::zero(x.n_times)?;
    let is_rounded = problem.possible_ratio(&nothing, |_| 1.0, 1.0)? > 1.0;
    let goal = Goal { gap: if is_rounded { 0.9 } else { 1.0 } * goal.gap, ..goal };
    let (mut certificate, mut status) =
        drive(task, solver.start().as_mut(), &mut x, goal, watch, &mut room, report)?;
    let iterate = in_order(&all, &x, o)?;
    // Of the primal value, what is not penalty: no product when the time may be over.
    let energy = kernels().energy(iterate.x.lanes());
    let mut misfit =
        (2.0 * (certificate.primal - penalty.value(&x)) - problem.ridge * energy).max(0.0);
    let endless = Clock::endless();
    let problem = Problem { clock: &endless, ..*problem };
    let is_rounded = problem.possible_ratio(&iterate, |_| 1.0, 1.0)? > 1.0;
    if is_rounded || !problem.gain.faint().is_empty() {
        let certified = problem.certify(&iterate, None)?;
        (certificate, misfit) = (certified.certificate, certified.misfit);
        if status == Status::Converged && certificate.gap() > goal.gap {
            status = Status::Stalled;
        }
    }
    Ok(Descended { iterate, certificate, status, misfit, too_coarse: false })
}
