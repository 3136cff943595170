//! A certified sparse estimate for every window of a live recording.
//!
//! Everything is prepared once; a window then allocates nothing. Two things make it fast enough:
//! the working set and its Gram matrix stay from window to window, and the certificate bounds the
//! correlations of all locations (`problem::gain::Screen`) and computes only a few of them exactly.

/// The options of a stream.
mod options;
/// The estimate of a window, and how the window ended.
mod estimate;
/// The bounds found so far for the samples of a window, piece by piece.
mod pieces;
/// A look at all locations: bounds, and exact correlations where these matter.
mod look;
/// The few directions of time that hold nearly all of `G X`.
mod directions;
/// The working set that stays from window to window.
mod live;
/// How a window is solved.
mod solve;
/// How a window is reweighted.
mod rounds;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt, Monitor};
use crate::machine::dense::prepare_this_thread;
use crate::machine::kernels::{Factors, kernels};
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::units::exponent;
use crate::method::stopping::Watch;
use crate::problem::gain::{Gain, Workers, check_finite};
use crate::problem::solution::{Certificate, Status};
use directions::Directions;
pub use estimate::{Estimate, Outcome, Skip};
use live::Live;
use look::Look;
use ndarray::ArrayView2;
pub use options::{AlphaRule, StreamOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Solves one window after another. Each thread needs a stream of its own; all can share one gain.
///
/// ```
/// use mxne_rs::{Gain, Stream, StreamOptions};
/// use ndarray::Array2;
/// use std::sync::Arc;
///
/// let gain = Array2::from_shape_fn((8, 20), |(i, j)| ((i * 20 + j) as f64).sin());
/// let shared = Arc::new(Gain::new(gain.view(), 1)?);
/// let mut stream = Stream::new(shared, None, StreamOptions::new(10))?;
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
    /// the window as it was given, and whitened
    window: Panel,
    data: Panel,
    residual: Panel,
    live: Live,
    look: Look,
    directions: Directions,
    estimate: Estimate,
    /// locations, or places, being chosen
    new: Vec<usize>,
    /// `sum_s |X_s|` of the last window's sources before reweighting
    last_norm: Option<f64>,
    /// samples by which the next window starts after the last one solved
    lag: usize,
    /// of the gain: what [`AmplitudeUnit::Gain`](crate::AmplitudeUnit::Gain) goes by
    typical_norm: f64,
    /// the time that a look at all locations takes
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
    /// Prepares for windows of `options.n_times` samples, which `whitener` (n_sensors x n_channels)
    /// whitens; without it they are whitened already.
    ///
    /// # Errors
    /// A whitener that does not fit the gain or is not finite, options out of range, a gain with
    /// columns that are more than 1e105 times smaller than the largest, no memory.
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
        let mut stream = Stream {
            whitener: whitener.map(|(whitener, _)| whitener),
            window: Panel::zeros(n_channels, t)?,
            residual: Panel::zeros(n, t)?,
            live: Live::new(&gain, &data).map_err(Halt::into_error)?,
            look: Look::new(&gain, (t, options.hop), &options.threads).map_err(Halt::into_error)?,
            directions: Directions::new(&gain, t)?,
            estimate: Estimate::nothing(t, gain.n_orient())?,
            new: memory::room("the working set", gain.n_locations())?,
            last_norm: None,
            lag: 0,
            typical_norm: gain.typical_norm(),
            look_time: Duration::ZERO,
            data,
            gain,
            options,
        };
        stream.try_a_look().map_err(Halt::into_error)?;
        Ok(stream)
    }

    /// Measures how long a look takes, which the first window has to know.
    fn try_a_look(&mut self) -> Result<(), Halt> {
        let Stream { gain, residual, look, options, look_time, .. } = self;
        let clock = Clock::endless();
        let workers = Workers { threads: &options.threads, clock: &clock };
        residual.values_mut().fill(1.0);
        for _ in 0..2 {
            let begin = Instant::now();
            look.bound(gain, residual, workers)?;
            *look_time = begin.elapsed();
        }
        Ok(())
    }

    /// Returns the gain.
    #[must_use]
    pub fn gain(&self) -> &Gain {
        &self.gain
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> &StreamOptions {
        &self.options
    }

    /// Returns the number of channels in a window.
    #[must_use]
    pub fn n_channels(&self) -> usize {
        self.window.rows
    }

    /// Returns the last estimate.
    #[must_use]
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// Tells the stream that `n_windows` windows are left out before the next one.
    pub fn skip(&mut self, n_windows: usize) {
        self.lag = self.lag.saturating_add(n_windows.saturating_mul(self.options.hop));
    }

    /// Forgets the windows so far: the next one is solved as a first one.
    pub fn reset(&mut self) {
        let _ = self.forget();
        (self.last_norm, self.lag) = (None, 0);
    }

    /// Forgets the sources and the bounds of the windows so far.
    fn forget(&mut self) -> Result<(), Halt> {
        self.look.pieces.forget();
        self.live.forget()
    }

    /// Solves a window (n_channels x n_times), `hop` samples after the last one.
    ///
    /// A window that cannot be solved is skipped, with the reason in its outcome, and does not
    /// affect the next. At the deadline the last certified sources are the answer; where none are
    /// certified yet it is X = 0 with a relative gap of 1.
    ///
    /// # Errors
    /// A window of another shape.
    pub fn update(&mut self, window: ArrayView2<f64>) -> Result<&Estimate, Error> {
        self.update_watched(window, None)
    }

    /// Solves a window; where the monitor says stop this is an error, and the stream begins anew.
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

    /// Checks the window, whitens it and returns its energy.
    fn take(&mut self, window: ArrayView2<f64>) -> Result<f64, Skip> {
        let (stride, n_times) = (self.window.stride(), self.window.n_times);
        for (channel, row) in window.rows().into_iter().enumerate() {
            if !row.iter().all(|value| value.is_finite()) {
                return Err(Skip::NotFinite { channel });
            }
            if n_times > 1 && row.iter().all(|value| *value == row[0]) {
                return Err(Skip::Flat { channel });
            }
        }
        let (hop, rows) = (self.lag.min(n_times), self.window.values_mut().chunks_mut(stride));
        let mut goes_on = true;
        for (to, from) in rows.zip(window.rows()) {
            goes_on = goes_on && from.iter().zip(&to[hop..n_times]).all(|(new, old)| new == old);
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
        if !goes_on {
            self.look.pieces.forget();
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
            self.look.pieces.forget();
            return Err(Skip::OutOfRange);
        }
        Ok(kernels().energy(self.data.lanes()))
    }
}
