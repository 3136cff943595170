//! How a window is solved: on the working set, with looks at all locations in between.

use super::{AlphaRule, Stream};
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::units::times_power;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::{Energies, subtract_sources};
use crate::problem::gain::Workers;
use crate::problem::rounding;
use crate::problem::solution::{Certificate, Status};
use std::time::{Duration, Instant};

/// Locations taken in after a look, or half as many as there are where that is more.
const MIN_GROWTH: usize = 48;
/// Locations taken in at the start of a window that has none.
const FIRST_LOCATIONS: usize = 16;
/// The working set is solved to this part of the gap to reach: a look costs more than epochs.
const WORKING_SET_GAP_FRACTION: f64 = 0.5;
/// Locations at zero stay in the working set while their correlation is at least this part of
/// alpha.
const KEPT_CORRELATION_FRACTION: f64 = 0.8;
/// Looks after which a window ends as stalled.
const MAX_LOOKS: usize = 60;
/// Looks without a smaller gap after which a window is stalled, where no location is left to take
/// in.
const MAX_UNPRODUCTIVE_LOOKS: usize = 3;
/// A gap counts as smaller where it is below this part of the smallest so far.
const SMALLER: f64 = 0.99;
/// Windows that the hyperprior of alpha counts as.
const PRIOR_WINDOWS: f64 = 10.0;

/// What a descent has to reach.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// `|M|^2 / 2`
    pub scale: f64,
    pub goal: Goal,
    /// the first round, every certified step of which may be the answer at the deadline
    pub is_first: bool,
}

impl Stream {
    /// Solves the window at hand; `scale` is `|M|^2 / 2`.
    pub(super) fn solve(&mut self, scale: f64, watch: &mut Watch) -> Result<Status, Halt> {
        if scale == 0.0 {
            return Ok(Status::Converged);
        }
        if !self.options.warm_start {
            self.forget()?;
        }
        let hop = std::mem::take(&mut self.lag);
        self.live.shift(hop);
        self.look.pieces.shift(hop);
        self.live.renew(&self.gain, &self.data, watch)?;
        let goal = Goal { gap: self.options.tol * scale, work_first: false };
        let target = Target { scale, goal, is_first: true };
        let status = match self.options.alpha {
            AlphaRule::Absolute(_) => self.solve_with(self.alpha(0.0), target, watch)?,
            AlphaRule::Percent(_) | AlphaRule::Tracked => self.solve_relative(target, watch)?,
        };
        self.last_norm = Some(self.live.norms().sum::<f64>());
        match status {
            Status::Converged => self.reweight(target, watch),
            _ => Ok(status),
        }
    }

    /// Solves where alpha follows from alpha_max. A working set gives a first guess of alpha_max;
    /// the look that certifies the answer verifies the guess for a fraction of what a look at the
    /// data costs.
    fn solve_relative(&mut self, target: Target, watch: &mut Watch) -> Result<Status, Halt> {
        let guess = self.live.largest_correlation();
        let mut largest = if guess > 0.0 { guess } else { self.look_at_data(watch)? };
        let mut status = self.solve_with(self.alpha(largest), target, watch)?;
        if guess > 0.0 && status == Status::Converged {
            largest = self.verify(guess, watch)?;
            if largest > guess {
                status = self.solve_with(self.alpha(largest), target, watch)?;
            }
        }
        if status == Status::Converged || guess == 0.0 {
            self.estimate.alpha_max = Some(times_power(largest, self.gain.exponent()));
        }
        Ok(status)
    }

    /// Returns the regularisation of this window, in the units of the scaled gain, where alpha_max
    /// is `largest`.
    fn alpha(&self, largest: f64) -> f64 {
        let alpha = match self.options.alpha {
            AlphaRule::Absolute(alpha) => times_power(alpha, -self.gain.exponent()),
            AlphaRule::Percent(share) => share / 100.0 * largest,
            AlphaRule::Tracked => match self.last_norm {
                None => 0.5 * largest,
                Some(norm) => {
                    let n = (self.data.rows * self.data.n_times) as f64;
                    // The mode (a - 1) / b is half of the largest.
                    (1.0 + PRIOR_WINDOWS) * n / (norm + 2.0 * PRIOR_WINDOWS * n / largest)
                }
            },
        };
        let floor = times_power(self.options.alpha_floor, -self.gain.exponent());
        alpha.max(floor).max(f64::MIN_POSITIVE)
    }

    /// Returns `max_s |G_s'M|` after a look at the data; the locations that come closest are taken
    /// in.
    fn look_at_data(&mut self, watch: &mut Watch) -> Result<f64, Halt> {
        let Stream { gain, data, look, options, estimate, new, live, .. } = self;
        look.bound(gain, data, Workers { threads: &options.threads, clock: watch.clock })?;
        estimate.n_looks += 1;
        let largest = look.largest_beyond(0.0, gain, data, watch.clock)?;
        look.largest(new, FIRST_LOCATIONS, 0.0, |s| !live.contains(s));
        live.add(gain, new, data)?;
        Ok(largest)
    }

    /// Returns `max_s |G_s'M|`, at least `guess`, after a look at the residual: `M = R + G X`, and
    /// X has few directions of time.
    fn verify(&mut self, guess: f64, watch: &mut Watch) -> Result<f64, Halt> {
        let Stream { gain, data, look, options, directions, live, .. } = self;
        if live.copy_sources(directions).is_none() {
            return self.look_at_data(watch);
        }
        let sources = directions.reduce(gain)?;
        look.add(gain, sources, Workers { threads: &options.threads, clock: watch.clock })?;
        look.largest_beyond(guess, gain, data, watch.clock)
    }

    /// Solves with the same alpha for all locations.
    fn solve_with(
        &mut self,
        alpha: f64,
        target: Target,
        watch: &mut Watch,
    ) -> Result<Status, Halt> {
        if self.estimate.n_reweights == 0 {
            self.estimate.alpha = times_power(alpha, self.gain.exponent());
        }
        self.live.weigh_equally(alpha);
        self.subtract_sources(watch)?;
        // Descending from a start that is worse than zero can take longer than from zero.
        if 0.5 * self.misfit() + self.live.penalty() >= target.scale {
            self.live.x.values_mut().fill(0.0);
        }
        let (_, status) = self.descend(target, watch)?;
        if status == Status::Converged {
            self.live.trim(KEPT_CORRELATION_FRACTION * alpha)?;
        }
        Ok(status)
    }

    /// Solves on the working set, looks at all locations, takes in those that violate the dual
    /// constraint; repeats. The certificate is that of the sources at hand.
    ///
    /// `method::working_set` does the same for one problem; it allocates, computes every
    /// correlation exactly, and can go back to the best iterate.
    pub(super) fn descend(
        &mut self,
        target: Target,
        watch: &mut Watch,
    ) -> Result<(Certificate, Status), Halt> {
        let Target { scale, goal, is_first } = target;
        let mut inner = Goal { gap: WORKING_SET_GAP_FRACTION * goal.gap, ..goal };
        let (mut best, mut unproductive) = (f64::INFINITY, 0);
        for n_looks in 1.. {
            // Kept back for the look that certifies what there is at the deadline.
            watch.clock.keep(self.look_time);
            let ended = match self.live.locations.is_empty() {
                true => Ok(Status::Converged),
                false => self.live.solve(scale, inner, watch).map(|(_, status)| status),
            };
            watch.clock.keep(Duration::ZERO);
            let status = ended?;
            inner.work_first = false;
            let certificate = self.certify(scale, watch)?;
            let gap = certificate.gap();
            if is_first {
                self.keep_better(certificate)?;
            }
            if gap <= goal.gap {
                return Ok((certificate, Status::Converged));
            }
            match status {
                Status::TimeLimit => return Ok((certificate, Status::TimeLimit)),
                _ if watch.used_up() => return Ok((certificate, Status::IterationLimit)),
                _ => {}
            }
            unproductive = if gap < SMALLER * best { 0 } else { unproductive + 1 };
            best = best.min(gap);
            let Stream { live, look, new, gain, data, .. } = self;
            let count = MIN_GROWTH.max(live.locations.len() / 2);
            let threshold = live.alpha * live.weight_elsewhere;
            look.largest(new, count, threshold, |s| !live.contains(s));
            let is_stuck = unproductive > MAX_UNPRODUCTIVE_LOOKS && new.is_empty();
            if is_stuck || n_looks == MAX_LOOKS {
                return Ok((certificate, Status::Stalled));
            }
            watch.clock.check()?;
            live.add(gain, new, data)?;
        }
        unreachable!("the loop ends by a return")
    }

    /// Computes the certificate of the sources at hand on all locations.
    fn certify(&mut self, scale: f64, watch: &mut Watch) -> Result<Certificate, Halt> {
        self.subtract_sources(watch)?;
        let misfit = self.misfit();
        let Stream { gain, data, residual, look, options, estimate, live, directions, .. } = self;
        let workers = Workers { threads: &options.threads, clock: watch.clock };
        let begin = Instant::now();
        let change = match look.pieces.n_seen() {
            0 => None,
            n_seen => live.copy_changes(n_seen, directions),
        };
        let change = change.map(|()| directions.reduce(gain)).transpose()?;
        let threshold = live.alpha * live.weight_elsewhere;
        look.bound_below(threshold, gain, residual, change, workers)?;
        live.remember();
        self.look_time = begin.elapsed().max(self.look_time * 7 / 8);
        estimate.n_looks += 1;
        for s in 0..look.bounds.len() {
            if look.bounds[s] > live.threshold(s) {
                match watch.clock.spend(look.work(data)) {
                    Ok(()) => look.exact(gain, s, residual),
                    // The rest stay bounds, which certify as well, only less closely.
                    Err(Halt::OutOfTime) => break,
                    Err(failed) => return Err(failed),
                };
            }
        }
        let ratio = |s: usize| look.bounds[s] / live.threshold(s);
        let largest = (0..look.bounds.len()).map(ratio).fold(0.0, f64::max);
        let compared = rounding::Compared { ratio, threshold: |s| live.threshold(s), largest };
        let possible = rounding::largest_ratio(gain, data, live.sources(), compared, watch.clock)?;
        let against_data = kernels().dot(residual.lanes(), data.lanes());
        let energies = Energies { residual: misfit, against_data };
        Ok(energies.certificate(live.penalty(), possible, scale))
    }

    /// Computes `R = M - G X`.
    pub(super) fn subtract_sources(&mut self, watch: &Watch) -> Result<(), Halt> {
        let Stream { gain, data, residual, live, .. } = self;
        residual.lanes_mut().copy_from_slice(data.lanes());
        subtract_sources(residual, gain, live.sources(), watch.clock)
    }

    /// Returns `|R|^2`.
    pub(super) fn misfit(&self) -> f64 {
        kernels().energy(self.residual.lanes())
    }

    /// Makes the sources at hand the estimate where nothing better is known for this alpha.
    fn keep_better(&mut self, certificate: Certificate) -> Result<(), Error> {
        let alpha = times_power(self.live.alpha, self.gain.exponent());
        if certificate.gap() > self.estimate.certificate.gap() && alpha == self.estimate.alpha {
            return Ok(());
        }
        self.estimate.alpha = alpha;
        self.keep(certificate, self.misfit())
    }

    /// Makes the sources at hand the estimate.
    pub(super) fn keep(&mut self, certificate: Certificate, misfit: f64) -> Result<(), Error> {
        let Stream { live, estimate, new: places, gain, .. } = self;
        let (o, stride, n_times) = (gain.n_orient(), live.x.stride(), live.x.n_times);
        places.clear();
        places.extend(live.support());
        places.sort_unstable_by_key(|&place| live.locations[place]);
        estimate.locations.clear();
        estimate.amplitudes.clear();
        for &place in &*places {
            memory::append("time courses", &mut estimate.locations, &[live.locations[place]])?;
            for row in 0..o {
                let first = (place * o + row) * stride;
                let values = &live.x.values()[first..first + n_times];
                memory::append("time courses", &mut estimate.amplitudes, values)?;
            }
        }
        if gain.exponent() != 0 {
            let scaled = |value: &mut f64| *value = times_power(*value, -gain.exponent());
            estimate.amplitudes.iter_mut().for_each(scaled);
        }
        estimate.certificate = certificate;
        estimate.n_reweights = estimate.n_reweights.max(1);
        estimate.explained_variance = 1.0 - 0.5 * misfit / certificate.scale;
        Ok(())
    }
}
