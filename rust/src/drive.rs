//! The one loop over epochs.

use crate::error::Error;
use crate::kernels::kernels;
use crate::panel::Panel;
use crate::penalty::Penalty;
use crate::quadratic::Quadratic;
use crate::solution::{Certificate, Status};
use crate::solver::Epoch;
use crate::stopping::{Goal, Watch};

/// Epochs between two certificates.
const GAP_EVERY: usize = 5;
/// Certificates without a smaller gap after which rounding is to blame, where X stands still and where it does not. The
/// objective is no witness: its error is the square of that of X, so it stands still long before the gap.
const PATIENCE: usize = 20;
const LONG_PATIENCE: usize = 400;
/// X stands still when it moves by less than this part of itself between two certificates.
const STILL: f64 = 1e-14;

/// A problem in the form that epochs work on, without rows outside of it.
pub(crate) struct Task<'a> {
    pub quadratic: &'a mut dyn Quadratic,
    pub penalty: &'a Penalty,
    pub scale: f64,
}

impl Task<'_> {
    /// The certificate of `x`, with the state loaded afresh.
    pub fn certify(&mut self, x: &Panel, correlations: &mut Panel) -> Certificate {
        let o = self.quadratic.n_orient();
        self.quadratic.load(x);
        self.quadratic.correlations(x, correlations);
        let ratio = |(s, a): (usize, &f64)| kernels().energy(correlations.block(s, o)).sqrt() / a;
        let largest = self.penalty.thresholds.iter().enumerate().map(ratio).fold(0.0, f64::max);
        self.quadratic.energies(x).certificate(self.penalty.value(x), largest, self.scale)
    }
}

/// Runs epochs until the gap of the task reaches the goal; the status is that of the task, not of a larger problem.
///
/// `report` sees every certificate.
pub(crate) fn drive(
    mut task: Task,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    goal: Goal,
    watch: &mut Watch,
    mut report: impl FnMut(&mut Watch, &Certificate, &Panel),
) -> Result<(Certificate, Status), Error> {
    let mut correlations = Panel::zeros(x.rows, x.n_times)?;
    let mut last = task.certify(x, &mut correlations);
    let mut mark = last.gap();
    let mut before = x.clone();
    let mut last_gain = 0;
    for round in 0.. {
        if last.gap() <= goal.gap && (round > 0 || !goal.work_first) {
            return Ok((last, Status::Converged));
        }
        for _ in 0..GAP_EVERY {
            if let Some(limit) = watch.spent()? {
                return Ok((task.certify(x, &mut correlations), limit));
            }
            solver.epoch(task.quadratic, task.penalty, x)?;
            watch.n_iter += 1;
        }
        let now = task.certify(x, &mut correlations);
        if now.gap() < 0.99 * mark {
            mark = now.gap();
            last_gain = round;
        }
        let patience = if stands_still(x, &before) { PATIENCE } else { LONG_PATIENCE };
        last = now;
        report(watch, &last, x);
        if last.gap() > goal.gap && round - last_gain >= patience {
            return Ok((last, Status::Stalled));
        }
        before.lanes_mut().copy_from_slice(x.lanes());
    }
    unreachable!("the loop ends by a return")
}

fn stands_still(x: &Panel, before: &Panel) -> bool {
    let pairs = x.values().iter().zip(before.values());
    let (moved, size) = pairs.fold((0.0, 0.0), |(moved, size): (f64, f64), (now, old)| {
        (moved.max((now - old).abs()), size.max(now.abs()))
    });
    moved <= STILL * size
}
