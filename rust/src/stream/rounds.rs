//! The rounds of reweighting of a window.

use super::Stream;
use crate::machine::clock::Halt;
use crate::machine::kernels::kernels;
use crate::machine::units::{Units, times_power};
use crate::method::stopping::{Goal, Watch};
use crate::problem::solution::Status;
use crate::solve::reweighting::{AmplitudeUnit, Surrogate, Unit};

impl Stream {
    /// The unit of the amplitudes, after the first round.
    fn amplitude_unit(&self) -> Unit {
        let units = Units { gain: self.gain.exponent(), data: 0 };
        let largest = self.live.norms().fold(0.0, f64::max);
        match (self.options.amplitude_unit, self.estimate.alpha_max) {
            (AmplitudeUnit::Number(value), _) => Unit::number(value, units),
            (AmplitudeUnit::Mne, Some(a)) => Unit::mne(times_power(a, -self.gain.exponent())),
            (AmplitudeUnit::Gain, _) => self.gain_unit,
            (AmplitudeUnit::Largest, _) => Unit::largest(largest, Surrogate::Sqrt),
            // MNE's without alpha_max is refused.
            (AmplitudeUnit::Relative | AmplitudeUnit::Mne, _) => {
                Unit::relative(largest, Surrogate::Sqrt)
            }
        }
    }

    /// The rounds after the first one: over the survivors, so that no look at all locations is needed. The next window starts from
    /// the sources before them.
    pub(super) fn reweight(
        &mut self,
        alpha: f64,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Status, Halt> {
        if self.options.n_reweights == 1 || self.estimate.locations.is_empty() {
            return Ok(Status::Converged);
        }
        let unit = self.amplitude_unit();
        self.live.put_by()?;
        let goal = Goal { work_first: true, ..goal };
        let mut status = Status::Converged;
        while self.estimate.n_reweights < self.options.n_reweights && status == Status::Converged {
            let round = self.live.solve_reweighted((alpha, unit), scale, goal, watch);
            let (certificate, ended) = match round {
                Ok(round) => round,
                Err(Halt::OutOfTime) => {
                    status = Status::TimeLimit;
                    break;
                }
                Err(failed) => return Err(failed),
            };
            status = ended;
            self.subtract_sources();
            let misfit = kernels().energy(self.residual.lanes());
            self.keep(certificate, misfit)?;
            self.estimate.n_reweights += 1;
        }
        self.live.take_back();
        Ok(status)
    }
}
