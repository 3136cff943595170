//! The working set proper: the locations being solved, in the form of a Gram matrix that grows by
//! blocks.

use super::band::Band;
use super::{Step, Subset, in_order, largest};
use crate::machine::clock::Halt;
use crate::machine::panel::Panel;
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::gram::Gram;
use crate::method::solver::{Epoch, Solver};
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Iterate, Problem};
use crate::problem::penalty::Penalty;
use crate::problem::solution::Status;

/// The part of the gap of the problem around it to which a working set is solved.
const GAP_FRACTION: f64 = 0.1;

/// The locations being solved, as a Gram matrix that grows by blocks.
pub(super) struct WorkingSet {
    size: usize,
    kind: Solver,
    /// at work on rows of some length, and its arrays
    solver: Option<(usize, Box<dyn Epoch>, Workspace)>,
    gram: Option<Gram>,
    locations: Vec<usize>,
}

impl WorkingSet {
    pub fn new(size: usize, solver: Solver) -> Self {
        WorkingSet { size, kind: solver, solver: None, gram: None, locations: Vec::new() }
    }

    /// Runs epochs on the locations, with the arrays of the time before where rows are as long.
    fn drive(
        &mut self,
        gram: &mut Gram,
        penalty: &dyn Penalty,
        x: &mut Panel,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Status, Halt> {
        let problem = EpochProblem { quadratic: gram, penalty, scale };
        let (_, solver, workspace) = match &mut self.solver {
            Some(solver) if solver.0 == x.n_times => solver,
            other => {
                let workspace = Workspace::new(x.n_times)?;
                other.insert((x.n_times, self.kind.start(), workspace))
            }
        };
        let solver = solver.as_mut();
        let (_, status) = drive(problem, solver, x, goal, watch, workspace, |_, _, _| {})?;
        Ok(status)
    }
}

impl Subset for WorkingSet {
    fn begin(&mut self) {}

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
        let o = problem.gain.n_orient();
        let mut gram = match self.gram.take() {
            Some(gram) => gram,
            None => Gram::empty(problem.gain, problem.data, problem.ridge)?,
        };
        let is_alive = |s: &usize| iterate.locations.contains(s) || ratios[*s] > 1.0;
        let kept: Vec<usize> =
            (0..self.locations.len()).filter(|&i| is_alive(&self.locations[i])).collect();
        if kept.len() < self.locations.len() {
            gram.retain(&kept, problem.clock)?;
            self.locations = kept.iter().map(|&i| self.locations[i]).collect();
        }
        let is_new = |s: &usize| !self.locations.contains(s);
        let mut new: Vec<usize> = iterate.locations.iter().copied().filter(is_new).collect();
        let is_new = |s: &usize| is_new(s) && iterate.locations.binary_search(s).is_err();
        let violators = largest(ratios, ratios.len(), 1.0)?.into_iter().filter(is_new);
        let most = self.size.max(iterate.locations.len());
        let before = new.len();
        new.extend(violators.take(most));
        let nothing_new = new.len() == before;
        self.locations.extend(&new);
        gram.extend(problem.gain, &self.locations, problem.data, problem.clock)?;

        let mut x = Panel::zeros(self.locations.len() * o, problem.row_length())?;
        for (i, s) in self.locations.iter().enumerate() {
            if let Ok(j) = iterate.locations.binary_search(s) {
                x.block_mut(i, o).copy_from_slice(iterate.x.block(j, o));
            }
        }
        let penalty = problem.penalty.select(&self.locations)?;
        let status = match Band::choose(&mut gram, penalty.as_ref(), &x, problem.clock)? {
            None => self.drive(&mut gram, penalty.as_ref(), &mut x, problem.scale, goal, watch)?,
            Some(band) => {
                let (mut narrow, penalty) = (band.narrowed(&x)?, band.penalty.as_ref());
                let scale = problem.scale;
                let status = self.drive(&mut gram, penalty, &mut narrow, scale, goal, watch)?;
                band.widened(&narrow, &mut x);
                status
            }
        };
        self.gram = Some(gram);
        let iterate = in_order(&self.locations, &x, o)?;
        Ok(Step { iterate, status, nothing_new })
    }
}
