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
/// Certificates without any progress after which rounding is to blame.
const PATIENCE: usize = 20;
/// A fall of the objective by less than this part of its value at zero is rounding.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

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
        let norm = |s| kernels().energy(correlations.block(s, o)).sqrt();
        let norms: Vec<f64> = (0..self.penalty.thresholds.len()).map(norm).collect();
        let largest = self.penalty.largest_ratio(&norms);
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
    let mut smallest = last.gap();
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
        if now.gap() < 0.99 * smallest || last.primal - now.primal > ROUNDING * task.scale {
            last_gain = round;
        }
        smallest = smallest.min(now.gap());
        last = now;
        report(watch, &last, x);
        if last.gap() > goal.gap && round - last_gain >= PATIENCE {
            return Ok((last, Status::Stalled));
        }
    }
    unreachable!("the loop ends by a return")
}
