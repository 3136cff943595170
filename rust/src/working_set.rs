//! Nested working sets: rank all locations, solve a few, let the certificate on all of them decide.

use crate::drive::{Task, drive};
use crate::error::Error;
use crate::gain::Gain;
use crate::panel::Panel;
use crate::problem::{Certified, Iterate, Problem, is_zero};
use crate::quadratic::gram::Gram;
use crate::quadratic::sensors::Sensors;
use crate::solution::{Certificate, Status};
use crate::solver::Solver;
use crate::stopping::{Goal, Watch};

/// Candidates taken from the whole gain at the first ranking.
const CANDIDATES: usize = 256;
/// A subset is solved to this part of the gap that the larger problem has.
const EASE: f64 = 0.1;
/// The part of the goal that may be owed to what the rotation left out.
const HIDDEN: f64 = 0.5;
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
}

impl Strategy {
    pub fn start(self, gain: &Gain) -> Descent {
        let subset = self.active_set_size.map(|size| -> Box<dyn Subset> {
            let candidates = CANDIDATES.max(2 * size);
            if gain.n_locations() > 4 * candidates {
                Box::new(Candidates { size: candidates, strategy: self, last: Vec::new() })
            } else {
                Box::new(WorkingSet::new(size, self.solver))
            }
        });
        Descent { solver: self.solver, subset }
    }
}

impl Descent {
    /// Solves from `start` to the goal; the certificate is that of the problem given.
    pub fn solve(
        &mut self,
        problem: &Problem,
        start: &Iterate,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Descended, Error> {
        match &mut self.subset {
            None => solve_on_all(problem, start, self.solver, goal, watch),
            Some(subset) => descend(problem, start, subset.as_mut(), goal, watch, true),
        }
    }
}

/// Where a descent ended.
pub(crate) struct Descended {
    pub iterate: Iterate,
    pub certificate: Certificate,
    pub status: Status,
    /// what the rotation left out keeps the gap from the goal: rotate again, leaving out less
    pub too_coarse: bool,
}

/// A part of a problem that is solved in its place.
trait Subset {
    /// Chooses locations by how far they violate the dual constraint, and solves on them.
    fn improve(
        &mut self,
        problem: &Problem,
        iterate: Iterate,
        ratios: &[f64],
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Step, Error>;
}

/// What became of one try on a subset.
struct Step {
    iterate: Iterate,
    status: Status,
    /// no location outside of the last subset violated the dual constraint
    nothing_new: bool,
}

/// Certify; if the gap is too large, improve on a subset; repeat.
fn descend(
    problem: &Problem,
    start: &Iterate,
    subset: &mut dyn Subset,
    goal: Goal,
    watch: &mut Watch,
    is_full: bool,
) -> Result<Descended, Error> {
    let o = problem.gain.n_orient();
    let mut iterate = start.support(o)?;
    let (mut ease, mut stalled) = (EASE, 0);
    let mut work_first = goal.work_first;
    loop {
        let Certified { certificate, ratios, hidden } = problem.certify(&iterate)?;
        let end =
            |iterate, status| Ok(Descended { iterate, certificate, status, too_coarse: false });
        if is_full {
            watch.record(&certificate, iterate.locations.len());
        }
        let gap = certificate.gap();
        if gap <= goal.gap && !work_first {
            return end(iterate, Status::Converged);
        }
        if let Some(limit) = watch.spent()? {
            return end(iterate, limit);
        }
        if stalled > MERCY {
            return end(iterate, Status::Stalled);
        }
        if hidden > HIDDEN * goal.gap {
            let status = Status::Stalled;
            return Ok(Descended { iterate, certificate, status, too_coarse: true });
        }
        let inner = Goal { gap: (ease * gap).max(ease * 3.0 * goal.gap), work_first };
        work_first = false;
        let step = subset.improve(problem, iterate, &ratios, inner, watch)?;
        iterate = step.iterate.support(o)?;
        if step.nothing_new {
            ease *= EASE;
            stalled += usize::from(step.status == Status::Stalled);
        }
    }
}

/// A few hundred locations of a large gain, copied side by side.
struct Candidates {
    size: usize,
    strategy: Strategy,
    /// the last choice, rising
    last: Vec<usize>,
}

impl Subset for Candidates {
    fn improve(
        &mut self,
        problem: &Problem,
        iterate: Iterate,
        ratios: &[f64],
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Step, Error> {
        self.size = self.size.max(3 * iterate.locations.len());
        let mut chosen = iterate.locations.clone();
        let is_new = |s: &usize| iterate.locations.binary_search(s).is_err();
        chosen.extend(largest(ratios, self.size, 0.0).into_iter().filter(is_new));
        chosen.sort_unstable();
        let violates = |s: usize| ratios[s] > 1.0 && self.last.binary_search(&s).is_err();
        let nothing_new = !(0..ratios.len()).any(violates);
        let gain = problem.gain.select(&chosen)?;
        let penalty = problem.penalty.select(&chosen);
        let part = Problem { gain: &gain, penalty: &penalty, left_out: None, ..*problem };
        let at = |s: &usize| chosen.partition_point(|c| c < s);
        let start = Iterate { locations: iterate.locations.iter().map(at).collect(), ..iterate };
        let size = self.strategy.active_set_size.unwrap_or(1).max(1);
        let mut subset = WorkingSet::new(size, self.strategy.solver);
        let end = descend(&part, &start, &mut subset, goal, watch, false)?;
        self.size = (2 * self.size).min(problem.gain.n_locations());
        let locations = end.iterate.locations.iter().map(|&i| chosen[i]).collect();
        self.last = chosen;
        Ok(Step {
            iterate: Iterate { locations, x: end.iterate.x },
            status: end.status,
            nothing_new,
        })
    }
}

/// The locations being solved, as a Gram matrix that grows by blocks.
struct WorkingSet {
    size: usize,
    solver: Solver,
    gram: Option<Gram>,
    locations: Vec<usize>,
}

impl WorkingSet {
    fn new(size: usize, solver: Solver) -> Self {
        WorkingSet { size, solver, gram: None, locations: Vec::new() }
    }
}

impl Subset for WorkingSet {
    fn improve(
        &mut self,
        problem: &Problem,
        iterate: Iterate,
        ratios: &[f64],
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Step, Error> {
        let o = problem.gain.n_orient();
        let mut gram = match self.gram.take() {
            Some(gram) => gram,
            None => Gram::empty(problem.gain, problem.data, problem.ridge)?,
        };
        let is_alive = |s: &usize| iterate.locations.contains(s) || ratios[*s] > 1.0;
        let kept: Vec<usize> =
            (0..self.locations.len()).filter(|&i| is_alive(&self.locations[i])).collect();
        if kept.len() < self.locations.len() {
            gram = gram.select(&kept)?;
            self.locations = kept.iter().map(|&i| self.locations[i]).collect();
        }
        let is_new = |s: &usize| !self.locations.contains(s);
        let mut new: Vec<usize> = iterate.locations.iter().copied().filter(is_new).collect();
        let is_new = |s: &usize| is_new(s) && iterate.locations.binary_search(s).is_err();
        let violators = largest(ratios, ratios.len(), 1.0).into_iter().filter(is_new);
        let room = self.size.max(iterate.locations.len());
        let before = new.len();
        new.extend(violators.take(room));
        let nothing_new = new.len() == before;
        gram.extend(problem.gain, &new, problem.data)?;
        self.locations.extend(&new);

        let mut x = Panel::zeros(self.locations.len() * o, problem.data.n_times)?;
        for (i, s) in self.locations.iter().enumerate() {
            if let Ok(j) = iterate.locations.binary_search(s) {
                x.block_mut(i, o).copy_from_slice(iterate.x.block(j, o));
            }
        }
        let penalty = problem.penalty.select(&self.locations);
        let task = Task { quadratic: &mut gram, penalty: &penalty, scale: problem.scale };
        let mut solver = self.solver.start();
        let (_, status) = drive(task, solver.as_mut(), &mut x, goal, watch, |_, _, _| {})?;
        self.gram = Some(gram);
        let iterate = in_order(&self.locations, &x, o)?;
        Ok(Step { iterate, status, nothing_new })
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
fn largest(ratios: &[f64], count: usize, floor: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ratios.len()).filter(|&s| ratios[s] > floor).collect();
    let by_ratio = |&a: &usize, &b: &usize| ratios[b].total_cmp(&ratios[a]).then(a.cmp(&b));
    if count < order.len() {
        order.select_nth_unstable_by(count, by_ratio);
        order.truncate(count);
    }
    order.sort_unstable_by(by_ratio);
    order
}

/// The problem over all its locations at once, sensors and all.
fn solve_on_all(
    problem: &Problem,
    start: &Iterate,
    solver: Solver,
    goal: Goal,
    watch: &mut Watch,
) -> Result<Descended, Error> {
    let o = problem.gain.n_orient();
    let all: Vec<usize> = (0..problem.gain.n_locations()).collect();
    let mut x = Panel::zeros(problem.gain.n_sources(), problem.data.n_times)?;
    for (i, &s) in start.locations.iter().enumerate() {
        x.block_mut(s, o).copy_from_slice(start.x.block(i, o));
    }
    let mut quadratic = Sensors::new(problem);
    let (penalty, scale) = (problem.penalty, problem.scale);
    let task = Task { quadratic: &mut quadratic, penalty, scale };
    let report = |watch: &mut Watch, now: &Certificate, x: &Panel| {
        let alive = all.iter().filter(|&&s| !is_zero(x.block(s, o))).count();
        watch.record(now, alive);
    };
    let (certificate, status) = drive(task, solver.start().as_mut(), &mut x, goal, watch, report)?;
    let iterate = in_order(&all, &x, o)?;
    Ok(Descended { iterate, certificate, status, too_coarse: false })
}
