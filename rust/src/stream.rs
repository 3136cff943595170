//! A certified sparse estimate for every window of a live recording.
//!
//! Everything is prepared once; a window then allocates nothing. What makes it fast enough: the working set and its Gram matrix
//! stay from window to window, and the certificate looks at all locations through bounds ([`Screen`]) that leave only a few to be
//! computed exactly.

mod estimate;
mod live;
mod look;
mod options;

use crate::clock::{Clock, Halt, Monitor};
use crate::dense::prepare_this_thread;
use crate::error::Error;
use crate::gain::{Gain, check_finite};
use crate::kernels::{Factors, kernels};
use crate::memory;
use crate::panel::Panel;
use crate::problem::Energies;
use crate::solution::{Certificate, Status};
use crate::stopping::{Goal, Watch};
use crate::units::{exponent, times_power};
pub use estimate::{Estimate, Outcome, Skip};
use live::Live;
use look::{DIRECTIONS, Look};
use ndarray::ArrayView2;
pub use options::{AlphaRule, StreamOptions};
use std::sync::Arc;
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

/// Solves one window after another; one for each thread, on one gain for all.
///
/// ```
/// use mxne_rs::{Gain, Stream, StreamOptions};
/// use ndarray::Array2;
/// use std::sync::Arc;
///
/// let gain = Array2::from_shape_fn((8, 20), |(i, j)| ((i * 20 + j) as f64).sin());
/// let mut stream = Stream::new(Arc::new(Gain::new(gain.view(), 1)?), None, StreamOptions::new(10))?;
/// let window = Array2::from_shape_fn((8, 10), |(i, t)| gain[[i, 7]] * (t as f64).cos());
/// let estimate = stream.update(window.view())?;
/// assert!(estimate.converged() && estimate.certificate.relative_gap() <= 1e-4);
/// assert_eq!(estimate.locations, [7]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub struct Stream {
    gain: Arc<Gain>,
    options: StreamOptions,
    /// n_sensors x n_channels, in row order; none where windows are whitened already
    whitener: Option<Vec<f64>>,
    window: Panel,
    data: Panel,
    residual: Panel,
    live: Live,
    look: Look,
    /// G X in a few directions of time
    directions: Panel,
    estimate: Estimate,
    new: Vec<usize>,
    /// sources of the last window before reweighting: `sum_s |X_s|`
    last_norm: Option<f64>,
    /// samples since the window whose sources are at hand
    lag: usize,
    /// what a look takes
    look_time: Duration,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("gain", &self.gain)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Prepares for windows of `options.n_times` samples, in the channels of `whitener` (n_sensors x n_channels), or
    /// whitened already.
    ///
    /// # Errors
    /// A whitener that does not fit the gain or is not finite, options out of range, a gain whose locations are too far apart in
    /// size, no memory.
    pub fn new(
        gain: Arc<Gain>,
        whitener: Option<ArrayView2<f64>>,
        options: StreamOptions,
    ) -> Result<Self, Error> {
        options.check()?;
        if let Some(faint) = gain.faint().first() {
            let remedy = "its columns vanish beside the largest; leave the location out";
            return Err(Error::Parameter { name: "gain", value: faint.location as f64, remedy });
        }
        let (n, t) = (gain.n_sensors(), options.n_times);
        let whitener = match whitener {
            None => None,
            Some(array) => {
                let (rows, columns) = array.dim();
                if rows == 0 || columns == 0 {
                    return Err(Error::Empty { name: "whitener", rows, columns });
                }
                if rows != n {
                    let (name, what, other) = ("whitener", "rows", "sensors of the gain");
                    return Err(Error::Mismatch { name, what, got: rows, expected: n, other });
                }
                check_finite("whitener", array)?;
                Some((memory::gathered("the whitener", array.iter().copied())?, columns))
            }
        };
        prepare_this_thread()?;
        let n_channels = whitener.as_ref().map_or(n, |(_, columns)| *columns);
        let data = Panel::zeros(n, t)?;
        Ok(Stream {
            whitener: whitener.map(|(whitener, _)| whitener),
            window: Panel::zeros(n_channels, t)?,
            residual: Panel::zeros(n, t)?,
            live: Live::new(&gain, &data).map_err(Halt::into_error)?,
            look: Look::new(&gain, t, &options.threads).map_err(Halt::into_error)?,
            directions: Panel::zeros(n, DIRECTIONS)?,
            estimate: Estimate::nothing(t, gain.n_orient())?,
            new: memory::room("the working set", gain.n_locations())?,
            last_norm: None,
            lag: 0,
            look_time: Duration::ZERO,
            data,
            gain,
            options,
        })
    }

    /// The gain.
    #[must_use]
    pub fn gain(&self) -> &Gain {
        &self.gain
    }

    /// How it solves.
    #[must_use]
    pub fn options(&self) -> &StreamOptions {
        &self.options
    }

    /// Number of channels in a window.
    #[must_use]
    pub fn n_channels(&self) -> usize {
        self.window.rows
    }

    /// The last estimate.
    #[must_use]
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// Forgets the windows so far.
    pub fn reset(&mut self) {
        let _ = self.live.forget();
        (self.last_norm, self.lag) = (None, 0);
    }

    /// Solves a window (n_channels x n_times), `hop` samples after the last one.
    ///
    /// A window that cannot be solved is skipped, says why in its outcome, and does not affect the next. At the deadline the last
    /// certified sources are the answer; before anything is certified these are none, with a relative gap of 1.
    ///
    /// # Errors
    /// A window of another shape.
    pub fn update(&mut self, window: ArrayView2<f64>) -> Result<&Estimate, Error> {
        self.update_watched(window, None)
    }

    /// The same; where the monitor says stop it is an error, and the stream begins anew.
    pub(crate) fn update_watched(
        &mut self,
        window: ArrayView2<f64>,
        monitor: Option<Monitor>,
    ) -> Result<&Estimate, Error> {
        let begin = Instant::now();
        let (rows, columns) = window.dim();
        let (name, n_channels, n_times) = ("window", self.window.rows, self.window.n_times);
        if rows != n_channels {
            let (what, other) = ("rows", "channels of the stream");
            return Err(Error::Mismatch { name, what, got: rows, expected: n_channels, other });
        }
        if columns != n_times {
            let (what, other) = ("columns", "samples of a window");
            return Err(Error::Mismatch { name, what, got: columns, expected: n_times, other });
        }
        prepare_this_thread()?;
        let clock = Clock::start(self.options.deadline, monitor);
        self.lag = self.lag.saturating_add(self.options.hop);
        let energy = match self.take(window) {
            Ok(energy) => energy,
            Err(skip) => {
                self.estimate.begin(0.0);
                self.estimate.certificate = Certificate::new(f64::INFINITY, 0.0, 1.0);
                self.estimate.outcome = Outcome::Skipped(skip);
                self.estimate.elapsed = begin.elapsed();
                return Ok(&self.estimate);
            }
        };
        self.estimate.begin(energy);
        let mut watch = Watch::start(&clock, self.options.max_iter);
        match self.solve(0.5 * energy, &mut watch) {
            Ok(status) => self.estimate.outcome = Outcome::Solved(status),
            Err(Halt::OutOfTime) => {
                self.estimate.outcome = Outcome::Solved(Status::TimeLimit);
            }
            Err(Halt::Failed(error)) => {
                self.reset();
                return Err(error);
            }
        }
        self.estimate.deadline_hit = self.estimate.outcome == Outcome::Solved(Status::TimeLimit);
        self.estimate.n_iter = watch.n_iter;
        self.estimate.elapsed = begin.elapsed();
        Ok(&self.estimate)
    }

    /// Looks at the window and whitens it; its energy.
    fn take(&mut self, window: ArrayView2<f64>) -> Result<f64, Skip> {
        let (stride, n_times) = (self.window.stride(), self.window.n_times);
        let rows = self.window.values_mut().chunks_mut(stride);
        for (channel, (to, from)) in rows.zip(window.rows()).enumerate() {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            let row = &to[..n_times];
            if !row.iter().all(|value| value.is_finite()) {
                return Err(Skip::NotFinite { channel });
            }
            if n_times > 1 && row.iter().all(|value| *value == row[0]) {
                return Err(Skip::Flat { channel });
            }
        }
        match &self.whitener {
            None => self.data.lanes_mut().copy_from_slice(self.window.lanes()),
            Some(whitener) => {
                let factors = Factors::Rows(whitener, self.window.rows);
                let data = self.data.values_mut();
                kernels().multiply(data, factors, self.window.values(), stride);
            }
        }
        let largest = self.data.values().iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        if !largest.is_finite() || exponent(largest) != 0 {
            return Err(Skip::OutOfRange);
        }
        Ok(kernels().energy(self.data.lanes()))
    }

    fn solve(&mut self, scale: f64, watch: &mut Watch) -> Result<Status, Halt> {
        if scale == 0.0 {
            return Ok(Status::Converged);
        }
        if !self.options.warm_start {
            self.live.forget()?;
        }
        self.live.shift(std::mem::take(&mut self.lag));
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
        self.last_norm = Some(self.live.sum_of_norms());
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
        let Some(rest) = self.live.few_directions(&self.gain, &mut self.directions)? else {
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
            let begin = Instant::now();
            let certificate = self.certify(alpha, scale, watch)?;
            self.look_time = begin.elapsed().max(self.look_time * 7 / 8);
            let gap = certificate.gap();
            if gap <= goal.gap {
                let (bounds, least) = (&self.look.bounds, NEAR * alpha);
                self.live.trim(|s| bounds[s] >= least)?;
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
            watch.clock.look()?;
            live.add(gain, new, data)?;
        }
        Ok(Status::Stalled)
    }

    /// The certificate of the sources at hand on all locations; where it is the best so far they are the estimate.
    fn certify(&mut self, alpha: f64, scale: f64, watch: &mut Watch) -> Result<Certificate, Halt> {
        self.subtract_sources();
        let Stream { gain, data, residual, look, options, estimate, live, .. } = self;
        look.bound(gain, residual, (&options.threads, watch.clock))?;
        estimate.n_looks += 1;
        for s in 0..look.bounds.len() {
            if look.bounds[s] > alpha {
                watch.clock.spend(look.work(data))?;
                look.exact(gain, s, residual);
            }
        }
        let largest = look.bounds.iter().fold(0.0, |a: f64, b| a.max(*b));
        let energies = Energies {
            residual: kernels().energy(residual.lanes()),
            against_data: kernels().dot(residual.lanes(), data.lanes()),
        };
        let penalty = alpha * live.sum_of_norms();
        let certificate = energies.certificate(penalty, largest / alpha, scale);
        let alpha = times_power(alpha, self.gain.exponent());
        if certificate.gap() <= self.estimate.certificate.gap() || alpha != self.estimate.alpha {
            self.estimate.alpha = alpha;
            self.keep(certificate, energies.residual)?;
        }
        Ok(certificate)
    }

    /// `R = M - G X`.
    fn subtract_sources(&mut self) {
        let (o, width) = (self.gain.n_orient(), self.data.width);
        self.residual.lanes_mut().copy_from_slice(self.data.lanes());
        for (s, place) in self.live.support() {
            let block = self.live.x.block(place, o);
            kernels().subtract_outer(self.residual.lanes_mut(), self.gain.block(s), block, width);
        }
    }

    /// The sources at hand become the estimate.
    fn keep(&mut self, certificate: Certificate, misfit: f64) -> Result<(), Error> {
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

    /// The rounds after the first one: over the survivors, so that no look at all locations is needed. The next window starts from
    /// the sources before them.
    fn reweight(
        &mut self,
        alpha: f64,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<Status, Halt> {
        if self.options.n_reweights == 1 || self.estimate.locations.is_empty() {
            return Ok(Status::Converged);
        }
        // The square root sees amplitudes in the caller's units, or in those of MNE, where alpha_max is 100.
        let unit = match self.estimate.alpha_max {
            None => times_power(1.0, -self.gain.exponent()),
            Some(largest) => times_power(largest, -self.gain.exponent()) / 100.0,
        };
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
