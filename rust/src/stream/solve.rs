//! How a window is solved: on the working set, with looks at all locations in between.

use super::{AlphaRule, Stream};
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::units::times_power;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::Energies;
use crate::problem::rounding;
use crate::problem::solution::{Certificate, Status};
use std::time::{Duration, Instant};

/// Violators that the working set takes in after a look.
const MORE: usize = 48;
/// Locations taken in at the start of a window that has none.
const FIRST: usize = 16;
/// The working set is solved to this part of the goal: a look costs more than epochs.
const ENOUGH: f64 = 0.5;
/// Locations stay in the working set while their correlation is at most this far below alpha.
const NEAR: f64 = 0.8;
/// Looks after which a window that does not get better ends.
const LOOKS: usize = 60;
/// Windows that the hyperprior of alpha counts as.
const PRIOR: f64 = 10.0;

impl Stream {
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
        self.live.renew(&self.data, watch)?;
        let goal = Goal { gap: self.options.tol * scale, work_first: false };
        let (alpha, status) = match self.options.alpha {
            AlphaRule::Absolute(_) => {
                let alpha = self.alpha(0.0);
                (alpha, self.descend(alpha, scale, goal, watch)?)
            }
            AlphaRule::Percent(_) | AlphaRule::Tracked => {
                self.solve_relative(scale, goal, watch)?
            }
        };
        self.last_norm = Some(self.live.norms().sum::<f64>());
        if status != Status::Converged {
            return Ok(status);
        }
        self.reweight(alpha, scale, goal, watch)
    }

    /// Where alpha follows from alpha_max. That is guessed from the working set, where there is one, and verified when the
    /// residual has been looked at, for a fraction of a look.
    fn solve_relative(
        &mut self,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<(f64, Status), Halt> {
        let guess = self.live.largest_correlation();
        let mut largest = if guess > 0.0 { guess } else { self.look_at_data(watch)? };
        let alpha = self.alpha(largest);
        let status = self.descend(alpha, scale, goal, watch)?;
        let mut found = (alpha, status);
        if guess > 0.0 && status == Status::Converged {
            largest = self.verify(guess, watch)?;
            if largest > guess {
                let alpha = self.alpha(largest);
                found = (alpha, self.descend(alpha, scale, goal, watch)?);
            }
        }
        if found.1 == Status::Converged || guess == 0.0 {
            self.estimate.alpha_max = Some(times_power(largest, self.gain.exponent()));
        }
        Ok(found)
    }

    /// The regularisation of this window, in the units of the scaled gain, where alpha_max is `largest`.
    fn alpha(&self, largest: f64) -> f64 {
        let alpha = match self.options.alpha {
            AlphaRule::Absolute(alpha) => times_power(alpha, -self.gain.exponent()),
            AlphaRule::Percent(share) => share / 100.0 * largest,
            AlphaRule::Tracked => match self.last_norm {
                None => 0.5 * largest,
                Some(norm) => {
                    let n = (self.data.rows * self.data.n_times) as f64;
                    // The mode (a - 1) / b is half of the largest.
                    (1.0 + PRIOR) * n / (norm + 2.0 * PRIOR * n / largest)
                }
            },
        };
        let floor = times_power(self.options.alpha_floor, -self.gain.exponent());
        alpha.max(floor).max(f64::MIN_POSITIVE)
    }

    /// `max_s |G_s'M|` by a look at the data; the locations that come closest are taken in.
    fn look_at_data(&mut self, watch: &mut Watch) -> Result<f64, Halt> {
        let Stream { gain, data, look, options, estimate, new, live, .. } = self;
        look.bound(gain, data, (&options.threads, watch.clock))?;
        estimate.n_looks += 1;
        let largest = look.largest_beyond(0.0, gain, data, watch.clock)?;
        look.largest(new, FIRST, 0.0, |s| !live.contains(s));
        live.add(gain, new, data)?;
        Ok(largest)
    }

    /// `max_s |G_s'M|`, at least `guess`, after a look at the residual: `M = R + G X`, and X has a few directions of time only.
    fn verify(&mut self, guess: f64, watch: &mut Watch) -> Result<f64, Halt> {
        let rest = self.live.few_directions(None, &self.gain, &mut self.directions)?;
        let Some(rest) = rest else {
            return self.look_at_data(watch);
        };
        let Stream { gain, data, look, options, directions, .. } = self;
        look.add(gain, (directions, rest), (&options.threads, watch.clock))?;
        look.largest_beyond(guess, gain, data, watch.clock)
    }

    /// Solves on the working set, looks at all locations, takes in those that violate the dual constraint; repeats.
    fn descend(
        &mut self,
        alpha: f64,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Status, Halt> {
        let inner = Goal { gap: ENOUGH * goal.gap, work_first: false };
        if self.estimate.n_reweights == 0 {
            self.estimate.alpha = times_power(alpha, self.gain.exponent());
        }
        self.subtract_sources();
        let misfit = kernels().energy(self.residual.lanes());
        if 0.5 * misfit + alpha * self.live.norms().sum::<f64>() >= scale {
            self.live.x.values_mut().fill(0.0);
        }
        let mut best = f64::INFINITY;
        let mut since = 0;
        for _ in 0..LOOKS {
            // Kept back for the look that certifies what there is at the deadline.
            watch.clock.keep(self.look_time);
            let ended = match self.live.locations.is_empty() {
                true => Ok(Status::Converged),
                false => self.live.solve(alpha, scale, inner, watch).map(|(_, status)| status),
            };
            watch.clock.keep(Duration::ZERO);
            let status = ended?;
            let certificate = self.certify(alpha, scale, watch)?;
            let gap = certificate.gap();
            if gap <= goal.gap {
                self.live.trim(NEAR * alpha)?;
                return Ok(Status::Converged);
            }
            match status {
                Status::TimeLimit => return Ok(Status::TimeLimit),
                _ if watch.used_up() => return Ok(Status::IterationLimit),
                _ => {}
            }
            since = if gap < 0.99 * best { 0 } else { since + 1 };
            best = best.min(gap);
            let Stream { live, look, new, gain, data, .. } = self;
            look.largest(new, MORE.max(live.locations.len() / 2), alpha, |s| !live.contains(s));
            if since > 3 && new.is_empty() {
                return Ok(Status::Stalled);
            }
            watch.clock.check()?;
            live.add(gain, new, data)?;
        }
        Ok(Status::Stalled)
    }

    /// The certificate of the sources at hand on all locations; where it is the best so far they are the estimate.
    fn certify(&mut self, alpha: f64, scale: f64, watch: &mut Watch) -> Result<Certificate, Halt> {
        self.subtract_sources();
        let Stream { gain, data, residual, look, options, estimate, live, look_time, .. } = self;
        let begin = Instant::now();
        let change = &mut self.directions;
        let rest = match look.pieces.n_seen() {
            0 => None,
            n_seen => live.few_directions(Some(n_seen), gain, change)?,
        };
        if rest.is_none() {
            look.pieces.forget();
        }
        let (change, tools) = ((&*change, rest.unwrap_or(0.0)), (&options.threads, watch.clock));
        look.bound_below(alpha, gain, residual, change, tools)?;
        live.remember();
        *look_time = begin.elapsed().max(*look_time * 7 / 8);
        estimate.n_looks += 1;
        for s in 0..look.bounds.len() {
            if look.bounds[s] > alpha {
                match watch.clock.spend(look.work(data)) {
                    Ok(()) => look.exact(gain, s, residual),
                    // What is left are bounds, which certify as well, if not as much.
                    Err(Halt::OutOfTime) => break,
                    Err(failed) => return Err(failed),
                };
            }
        }
        let largest = look.bounds.iter().fold(0.0, |a: f64, b| a.max(*b));
        let energies = Energies {
            residual: kernels().energy(residual.lanes()),
            against_data: kernels().dot(residual.lanes(), data.lanes()),
        };
        let penalty = alpha * live.norms().sum::<f64>();
        let sources = live.support().map(|(s, place)| (s, live.x.block(place, gain.n_orient())));
        let (ratio, threshold) = (|s| look.bounds[s] / alpha, |_| alpha);
        let compared = rounding::Compared { ratio, threshold, largest: largest / alpha };
        let possible = rounding::largest_ratio(gain, data, sources, compared, watch.clock)?;
        let certificate = energies.certificate(penalty, possible, scale);
        let alpha = times_power(alpha, self.gain.exponent());
        if certificate.gap() <= self.estimate.certificate.gap() || alpha != self.estimate.alpha {
            self.estimate.alpha = alpha;
            self.keep(certificate, energies.residual)?;
        }
        Ok(certificate)
    }

    /// `R = M - G X`.
    pub(super) fn subtract_sources(&mut self) {
        let (o, width) = (self.gain.n_orient(), self.data.width);
        self.residual.lanes_mut().copy_from_slice(self.data.lanes());
        for (s, place) in self.live.support() {
            let block = self.live.x.block(place, o);
            kernels().subtract_outer(self.residual.lanes_mut(), self.gain.block(s), block, width);
        }
    }

    /// The sources at hand become the estimate.
    pub(super) fn keep(&mut self, certificate: Certificate, misfit: f64) -> Result<(), Error> {
        let Stream { live, estimate, new, gain, .. } = self;
        let (o, stride, n_times) = (gain.n_orient(), live.x.stride(), live.x.n_times);
        new.clear();
        new.extend(live.support().map(|(_, place)| place));
        new.sort_unstable_by_key(|&place| live.locations[place]);
        estimate.locations.clear();
        estimate.amplitudes.clear();
        for &place in &*new {
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
