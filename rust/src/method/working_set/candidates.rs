//! A few hundred locations of a large gain, copied side by side: looking at them costs a fortieth of looking at all.

use super::grown::WorkingSet;
use super::{Step, Strategy, Subset, descend, largest};
use crate::machine::clock::Halt;
use crate::machine::memory;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Iterate, Problem};

/// Candidates taken from the whole gain at the first ranking.
pub(super) const CANDIDATES: usize = 192;
/// Candidates are solved to this part of the gap of the whole problem: a look at the whole gain costs more than epochs.
const EASE_OF_CANDIDATES: f64 = 0.01;

/// A few hundred locations of a large gain, copied side by side.
pub(super) struct Candidates {
    /// how many were chosen last
    pub size: usize,
    pub strategy: Strategy,
    /// the last choice, rising
    pub last: Vec<usize>,
}

impl Subset for Candidates {
    fn begin(&mut self) {
        self.size = 0;
        self.last.clear();
    }

    fn ease(&self) -> f64 {
        EASE_OF_CANDIDATES
    }

    fn improve(
        &mut self,
        problem: &Problem,
        iterate: Iterate,
        ratios: &[f64],
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Step, Halt> {
        let (n, least) = (problem.gain.n_locations(), 3 * iterate.locations.len());
        self.size = (2 * self.size).max(CANDIDATES).max(least).min(n);
        let is_new = |s: &usize| iterate.locations.binary_search(s).is_err();
        let ranked = largest(ratios, self.size, 0.0)?;
        let mut chosen = memory::room("the locations", iterate.locations.len() + ranked.len())?;
        chosen.extend(iterate.locations.iter().copied());
        chosen.extend(ranked.into_iter().filter(is_new));
        chosen.sort_unstable();
        let violates = |s: usize| ratios[s] > 1.0 && self.last.binary_search(&s).is_err();
        let nothing_new = !(0..ratios.len()).any(violates);
        let gain = problem.gain.select(&chosen, problem.clock)?;
        let penalty = problem.penalty.select(&chosen)?;
        let part = Problem { gain: &gain, penalty: &penalty, left_out: None, ..*problem };
        let at = |s: &usize| chosen.partition_point(|c| c < s);
        let start = Iterate { locations: iterate.locations.iter().map(at).collect(), ..iterate };
        let size = self.strategy.active_set_size.unwrap_or(1).max(1);
        let mut subset = WorkingSet::new(size, self.strategy.solver);
        let (end, _) = descend(&part, (start, None), &mut subset, goal, watch, false)?;
        let locations = end.iterate.locations.iter().map(|&i| chosen[i]).collect();
        self.last = chosen;
        Ok(Step {
            iterate: Iterate { locations, x: end.iterate.x },
            status: end.status,
            nothing_new,
        })
    }
}
