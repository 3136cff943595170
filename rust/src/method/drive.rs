//! The one loop over epochs.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::method::solver::Epoch;
use crate::method::stopping::{Goal, Watch};
use crate::problem::penalty::Penalty;
use crate::problem::solution::{Certificate, Status};

/// Epochs between two certificates.
const GAP_EVERY: usize = 5;
/// Certificates without a smaller gap after which rounding is to blame, where X stands still and where it does not. The
/// objective is no witness: its error is the square of that of X, so it stands still long before the gap.
const PATIENCE: usize = 20;
const LONG_PATIENCE: usize = 400;
/// An objective that falls by this part of itself meanwhile is slow, not stalled.
const FALLING: f64 = 1e-11;
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
    pub fn certify(
        &mut self,
        x: &Panel,
        correlations: &mut Panel,
        clock: &Clock,
    ) -> Result<Certificate, Halt> {
        let o = self.quadratic.n_orient();
        self.quadratic.load(x, clock)?;
        self.quadratic.correlations(x, correlations, clock)?;
        let norm = |s| kernels().energy(correlations.block(s, o)).sqrt();
        let largest = self.penalty.dual_norm((0..self.penalty.n_locations()).map(norm));
        Ok(self.quadratic.energies(x).certificate(self.penalty.value(x), largest, self.scale))
    }
}

/// What a run works in; the next one may use it again.
pub(crate) struct Room {
    correlations: Panel,
    best: Panel,
    before: Panel,
}

impl Room {
    pub fn new(n_times: usize) -> Result<Self, Error> {
        let panel = || Panel::zeros(0, n_times);
        Ok(Room { correlations: panel()?, best: panel()?, before: panel()? })
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
    fn consider(&mut self, x: &Panel, certificate: Certificate) {
        if certificate.gap() <= self.certificate.gap() {
            self.certificate = certificate;
            self.x.lanes_mut().copy_from_slice(x.lanes());
        }
    }

    /// Where the run ends without having converged.
    fn instead_of(self, x: &mut Panel, status: Status) -> (Certificate, Status) {
        std::mem::swap(x, self.x);
        (self.certificate, status)
    }
}

/// Runs epochs until the gap of the task reaches the goal; the status is that of the task, not of a larger problem.
///
/// A run that ends before hands back the best iterate that was certified; it is a halt where there is none. `report` sees
/// every certificate.
pub(crate) fn drive(
    mut task: Task,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    goal: Goal,
    watch: &mut Watch,
    room: &mut Room,
    mut report: impl FnMut(&mut Watch, &Certificate, &Panel),
) -> Result<(Certificate, Status), Halt> {
    let clock = watch.clock;
    let Room { correlations, best, before } = room;
    correlations.reset(x.rows)?;
    let mut last = task.certify(x, correlations, clock)?;
    for copy in [&mut *best, &mut *before] {
        clock.look()?;
        copy.reset(x.rows)?;
        copy.lanes_mut().copy_from_slice(x.lanes());
    }
    let mut best = Best { x: best, certificate: last };
    let mut mark = last.gap();
    let mut lowest = last.primal;
    let mut last_gain = 0;
    for round in 0.. {
        if last.gap() <= goal.gap && (round > 0 || !goal.work_first) {
            return Ok((last, Status::Converged));
        }
        match epochs(&mut task, solver, x, watch, correlations) {
            Ok(certificate) => last = certificate,
            Err(Halt::OutOfTime) => return Ok(best.instead_of(x, Status::TimeLimit)),
            Err(failed) => return Err(failed),
        }
        report(watch, &last, x);
        best.consider(x, last);
        match clock.look() {
            Err(Halt::OutOfTime) if last.gap() > goal.gap => {
                return Ok(best.instead_of(x, Status::TimeLimit));
            }
            Err(Halt::Failed(error)) => return Err(error.into()),
            _ => {}
        }
        if last.gap() < 0.99 * mark {
            mark = last.gap();
            last_gain = round;
        }
        if round - last_gain >= LONG_PATIENCE && last.primal < (1.0 - FALLING) * lowest {
            lowest = last.primal;
            last_gain = round;
        }
        let patience = if stands_still(x, before) { PATIENCE } else { LONG_PATIENCE };
        if last.gap() > goal.gap && round - last_gain >= patience {
            return Ok(best.instead_of(x, Status::Stalled));
        }
        if last.gap() > goal.gap && watch.used_up() {
            return Ok(best.instead_of(x, Status::IterationLimit));
        }
        before.lanes_mut().copy_from_slice(x.lanes());
    }
    unreachable!("the loop ends by a return")
}

/// A few epochs, as far as they are allowed, and the certificate of where they led.
fn epochs(
    task: &mut Task,
    solver: &mut dyn Epoch,
    x: &mut Panel,
    watch: &mut Watch,
    correlations: &mut Panel,
) -> Result<Certificate, Halt> {
    watch.clock.look()?;
    for _ in 0..GAP_EVERY {
        if watch.used_up() {
            break;
        }
        solver.epoch(task.quadratic, task.penalty, x, watch.clock)?;
        watch.count();
    }
    task.certify(x, correlations, watch.clock)
}

fn stands_still(x: &Panel, before: &Panel) -> bool {
    let pairs = x.values().iter().zip(before.values());
    let (moved, size) = pairs.fold((0.0, 0.0), |(moved, size): (f64, f64), (now, old)| {
        (moved.max((now - old).abs()), size.max(now.abs()))
    });
    moved <= STILL * size
}
