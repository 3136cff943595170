//! The rounds of reweighting of a window.

use super::Stream;
use super::solve::Target;
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::units::{Units, times_power};
use crate::method::stopping::{Goal, Watch};
use crate::problem::solution::{Certificate, Status};
use crate::solve::reweighting::{ConcavePenalty, Reweighted, Rounds, Unit};

impl Stream {
    /// Reweights the answer of the first round; the next window starts from the sources of that
    /// one.
    pub(super) fn reweight(&mut self, target: Target, watch: &mut Watch) -> Result<Status, Halt> {
        let reweight = self.options.reweight();
        if reweight.n_reweights == 1 || self.estimate.locations.is_empty() {
            return Ok(Status::Converged);
        }
        let (misfit, certificate) = (self.misfit(), self.estimate.certificate);
        let Stream { gain, live, estimate, typical_norm, .. } = self;
        let largest = live.norms().fold(0.0, f64::max);
        let asked = (reweight.amplitude_unit, reweight.surrogate);
        let units = Units { gain: gain.exponent(), data: 0 };
        let alpha_max = estimate.alpha_max.map(|alpha| times_power(alpha, -gain.exponent()));
        // An alpha_max that stays unknown was refused with the options.
        let alpha_max = || alpha_max.ok_or(Halt::OutOfTime);
        let unit = Unit::of(asked, largest, units, || *typical_norm, alpha_max)?;
        live.put_first_aside()?;
        let mut problem = Windowed {
            penalty: ConcavePenalty::new(reweight.surrogate, unit, largest),
            alpha: live.alpha,
            misfit,
            certificate,
            target: Target {
                goal: Goal { work_first: true, ..target.goal },
                is_first: false,
                ..target
            },
            stream: self,
        };
        let (n_reweights, status) = (1, Status::Converged);
        let objective = problem.objective()?;
        let mut rounds = Rounds { n_reweights, status, objective, converged: false };
        let limits = (reweight.n_reweights, reweight.tol_reweight);
        rounds.run(&mut problem, limits, target.scale, watch)?;
        self.estimate.n_reweights = rounds.n_reweights;
        self.live.take_first_back()?;
        Ok(rounds.status)
    }
}

/// The convex problems of a window.
struct Windowed<'a> {
    stream: &'a mut Stream,
    penalty: ConcavePenalty,
    alpha: f64,
    target: Target,
    /// of the sources at hand
    certificate: Certificate,
    misfit: f64,
}

impl Reweighted for Windowed<'_> {
    fn solve(&mut self, watch: &mut Watch) -> Result<Status, Halt> {
        let (stream, Target { scale, goal, .. }) = (&mut *self.stream, self.target);
        stream.live.reweight(self.penalty)?;
        let (certificate, status) = match stream.live.weight_elsewhere.is_infinite() {
            // All other locations stay at zero: the working set is the problem, and no look is
            // needed.
            true => stream.live.solve(scale, goal, watch)?,
            false => stream.descend(self.target, watch)?,
        };
        stream.subtract_sources(watch)?;
        (self.certificate, self.misfit) = (certificate, stream.misfit());
        Ok(status)
    }

    fn objective(&mut self) -> Result<f64, Error> {
        let (live, penalty) = (&self.stream.live, self.penalty);
        let elsewhere = self.stream.gain.n_locations() - live.locations.len();
        let sum: f64 = live.norms().map(|norm| penalty.value(norm)).sum();
        let sum = sum + elsewhere as f64 * penalty.value(0.0);
        Ok(0.5 * self.misfit + penalty.of_sum(self.alpha, sum))
    }

    fn has_settled(&mut self, tol: f64) -> Result<bool, Error> {
        Ok(self.stream.live.has_settled(tol))
    }

    fn accept(&mut self) -> Result<(), Error> {
        self.stream.keep(self.certificate, self.misfit)
    }
}
