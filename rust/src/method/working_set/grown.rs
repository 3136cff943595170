//! The working set proper: the locations being solved, in the form of a Gram matrix that grows by
//! blocks.

use super::{Step, Subset, in_order, largest};
use crate::machine::clock::Halt;
use crate::machine::panel::Panel;
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::gram::Gram;
use crate::method::solver::{Epoch, Solver};
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Iterate, Problem};

/// The part of the gap of the problem around it to which a working set is solved.
const GAP_FRACTION: f64 = 0.1;

/// The locations being solved, as a Gram matrix that grows by blocks.
pub(super) struct WorkingSet {
    size: usize,
    solver: Box<dyn Epoch>,
    gram: Option<Gram>,
    workspace: Option<Workspace>,
    locations: Vec<usize>,
}

impl WorkingSet {
    pub fn new(size: usize, solver: Solver) -> Self {
        let (solver, locations) = (solver.start(), Vec::new());
        WorkingSet { size, solver, gram: None, workspace: None, locations }
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
        let (penalty, scale) = (penalty.as_ref(), problem.scale);
        let grown = EpochProblem { quadratic: &mut gram, penalty, scale };
        let workspace = match &mut self.workspace {
            Some(workspace) => workspace,
            none => none.insert(Workspace::new(x.n_times)?),
        };
        let solver = self.solver.as_mut();
        let (_, status) = drive(grown, solver, &mut x, goal, watch, workspace, |_, _, _| {})?;
        self.gram = Some(gram);
        let iterate = in_order(&self.locations, &x, o)?;
        Ok(Step { iterate, status, nothing_new })
    }
}
