//! A few hundred locations of a large gain, copied side by side: a product with them costs a
//! fortieth of one with all.

use super::descend::{Start, descend};
use super::grown::WorkingSet;
use super::{Step, Strategy, Subset, largest};
use crate::machine::clock::Halt;
use crate::machine::memory;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Iterate, Problem};

/// Candidates taken from the whole gain at the first ranking.
pub(super) const MIN_CANDIDATES: usize = 192;
/// Candidates are doubled up to this part of all locations: their copy takes memory.
const MOST_DOUBLED: usize = 16;
/// The part of the gap of the whole problem to which candidates are solved: small, as a product
/// with the whole gain costs more than many epochs.
const GAP_FRACTION: f64 = 0.01;

/// The candidates of a large gain, chosen anew in every try.
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

    fn gap_fraction(&self) -> f64 {
        GAP_FRACTION
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
        let doubled = (2 * self.size).min(n / MOST_DOUBLED);
        // Where the ratios are bounds mostly, the first ranking is a rough one.
        let is_rough = !problem.penalty.is_bound_exact();
        let first = if is_rough { n / MOST_DOUBLED } else { MIN_CANDIDATES };
        self.size = doubled.max(first).max(MIN_CANDIDATES).max(least).min(n);
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
        let part = Problem { gain: &gain, penalty: penalty.as_ref(), left_out: None, ..*problem };
        let at = |s: &usize| chosen.partition_point(|c| c < s);
        let locations = iterate.locations.iter().map(at).collect();
        let start = Start { iterate: Iterate { locations, ..iterate }, seen: None };
        let size = self.strategy.active_set_size.unwrap_or(1);
        let mut subset = WorkingSet::new(size, self.strategy.solver);
        // Certificates of a part are not those of the problem: nobody is told.
        let end = descend(&part, start, &mut subset, goal, watch, |_, _, _| {})?;
        let locations = end.iterate.locations.iter().map(|&i| chosen[i]).collect();
        self.last = chosen;
        Ok(Step {
            iterate: Iterate { locations, x: end.iterate.x },
            status: end.status,
            nothing_new,
        })
    }
}
