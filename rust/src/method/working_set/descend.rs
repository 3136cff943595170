//! The loop around a subset: certify, improve on the subset where the gap is too large, repeat.

use super::Subset;
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Certified, Iterate, Problem, Seen};
use crate::problem::solution::{Certificate, Status};

/// A subset need not be solved beyond this part of the goal.
const SUBSET_GAP_FRACTION: f64 = 0.6;
/// By how much the goal of a subset shrinks with every try that found no location to add.
const GOAL_SHRINKAGE: f64 = 0.1;
/// The part of the goal that may be owed to what the rotation left out.
const LEFT_OUT_FRACTION: f64 = 0.3;
/// Tries that change nothing after which a descent is called stalled.
const MAX_UNPRODUCTIVE_TRIES: usize = 2;

/// Where a descent starts.
pub(super) struct Start {
    pub iterate: Iterate,
    /// correlations at a residual nearby, where there are some
    pub seen: Option<Seen>,
}

/// Where a descent ended.
pub(crate) struct Descended {
    pub iterate: Iterate,
    /// correlations at a residual nearby, where they are at hand
    pub seen: Option<Seen>,
    pub certificate: Certificate,
    pub status: Status,
    /// `|M - G X|^2`
    pub misfit: f64,
    /// whether what the rotation left out keeps the gap from the goal: rotating again, leaving out
    /// less, would help
    pub too_coarse: bool,
}

impl Descended {
    /// Makes X = 0, whose certificate costs nothing.
    pub fn nothing(n_times: usize, scale: f64) -> Result<Self, Error> {
        Ok(Descended {
            iterate: Iterate::zero(n_times)?,
            seen: None,
            certificate: Certificate::of_nothing(scale),
            status: Status::TimeLimit,
            misfit: 2.0 * scale,
            too_coarse: false,
        })
    }

    /// Chooses the one with the smaller gap, with the status of the later.
    pub fn or_earlier(self, earlier: Descended) -> Self {
        match self.certificate.gap() <= earlier.certificate.gap() {
            true => self,
            false => Descended { status: self.status, too_coarse: self.too_coarse, ..earlier },
        }
    }
}

/// Certifies, improves on a subset where the gap is too large, and repeats; `report` sees every
/// certificate.
///
/// Where it ends before the goal, the answer is the best iterate that was certified; it is a halt
/// where there is none.
pub(super) fn descend(
    problem: &Problem,
    start: Start,
    subset: &mut dyn Subset,
    goal: Goal,
    watch: &mut Watch,
    report: impl Fn(&mut Watch, &Certificate, usize),
) -> Result<Descended, Halt> {
    let mut tries = Tries { goal, best: None, shrinkage: 1.0, n_unproductive: 0 };
    match tries.run(problem, start, subset, watch, report) {
        Ok(end) if end.status == Status::Converged || end.too_coarse => Ok(end),
        Ok(end) => match tries.best {
            Some(best) => Ok(end.or_earlier(best)),
            None => Ok(end),
        },
        Err(Halt::OutOfTime) => tries.best.ok_or(Halt::OutOfTime),
        Err(failed) => Err(failed),
    }
}

/// The goal of a descent, and what became of its tries on a subset.
struct Tries {
    goal: Goal,
    /// the best iterate that was certified
    best: Option<Descended>,
    /// the factor of the subset's goal, smaller with every try that found no location to add
    shrinkage: f64,
    n_unproductive: usize,
}

impl Tries {
    /// Tries until a certificate decides how the descent ends; keeps the best iterate on the way.
    fn run(
        &mut self,
        problem: &Problem,
        start: Start,
        subset: &mut dyn Subset,
        watch: &mut Watch,
        report: impl Fn(&mut Watch, &Certificate, usize),
    ) -> Result<Descended, Halt> {
        let Start { mut iterate, mut seen } = start;
        loop {
            let certified = problem.certify(&iterate, seen.take())?;
            report(watch, &certified.certificate, iterate.locations.len());
            let verdict = self.verdict(&certified, watch);
            let Certified { certificate, ratios, misfit, .. } = certified;
            seen = Some(certified.seen);
            if let Some((status, too_coarse)) = verdict {
                return Ok(Descended { iterate, seen, certificate, status, misfit, too_coarse });
            }
            let gap = certificate.gap();
            if self.best.as_ref().is_none_or(|best| gap <= best.certificate.gap()) {
                let (iterate, status) = (iterate.copy()?, Status::TimeLimit);
                let (seen, too_coarse) = (None, false);
                let best = Descended { iterate, seen, certificate, status, misfit, too_coarse };
                self.best = Some(best);
            }
            watch.clock.check()?;
            let least = SUBSET_GAP_FRACTION * self.goal.gap;
            let goal = Goal {
                gap: self.shrinkage * (subset.gap_fraction() * gap).max(least),
                work_first: std::mem::take(&mut self.goal.work_first),
            };
            let epochs = watch.n_iter;
            let step = subset.improve(problem, iterate, &ratios, goal, watch)?;
            iterate = step.iterate.support(problem.gain.n_orient())?;
            if step.nothing_new {
                self.shrinkage *= GOAL_SHRINKAGE;
            }
            let is_stuck = step.nothing_new && step.status == Status::Stalled;
            self.n_unproductive += usize::from(is_stuck || watch.n_iter == epochs);
        }
    }

    /// Decides whether the descent ends with this certificate: how, and whether the rotation is too
    /// coarse.
    fn verdict(&self, certified: &Certified, watch: &Watch) -> Option<(Status, bool)> {
        let Certified { certificate, rounding, hidden, .. } = certified;
        let (gap, may_end) = (certificate.gap(), !self.goal.work_first);
        if gap <= self.goal.gap && may_end {
            return Some((Status::Converged, false));
        }
        if watch.used_up() {
            return Some((Status::IterationLimit, false));
        }
        let is_rounding = gap - rounding <= self.goal.gap && may_end;
        let is_stuck = self.n_unproductive > MAX_UNPRODUCTIVE_TRIES;
        // What the rotation left out is added once nearly all of the gap is owed to it.
        let is_owed = gap - rounding - hidden <= *hidden || is_stuck;
        if *hidden > LEFT_OUT_FRACTION * self.goal.gap && is_owed && !is_rounding {
            return Some((Status::Stalled, true));
        }
        (is_rounding || is_stuck).then_some((Status::Stalled, false))
    }
}
