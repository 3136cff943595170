//! When to stop, as a value, and the watch that keeps it during a run.

use crate::error::Error;
use crate::solution::{Certificate, Record, Status};
use std::time::{Duration, Instant};

/// How often the monitor is asked.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Where a run is: what a progress line shows.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// epochs done
    pub n_iter: usize,
    /// relative gap of the last full certificate
    pub gap: f64,
    /// locations that were not zero then
    pub n_active: usize,
}

/// Answers whether the run may go on; called from the thread that solves, every 20 ms or so.
pub type Monitor<'a> = &'a dyn Fn(Progress) -> bool;

/// When a run stops.
#[derive(Clone, Copy)]
pub struct Stopping<'a> {
    /// relative duality gap to reach (default 1e-6)
    pub tol: f64,
    /// epochs allowed, in all (default 10000)
    pub max_iter: usize,
    /// time allowed
    pub time_limit: Option<Duration>,
    /// interrupt check
    pub monitor: Option<Monitor<'a>>,
}

impl Default for Stopping<'_> {
    fn default() -> Self {
        Stopping { tol: 1e-6, max_iter: 10_000, time_limit: None, monitor: None }
    }
}

impl std::fmt::Debug for Stopping<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stopping")
            .field("tol", &self.tol)
            .field("max_iter", &self.max_iter)
            .field("time_limit", &self.time_limit)
            .field("monitor", &self.monitor.is_some())
            .finish()
    }
}

impl Stopping<'_> {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(self.tol > 0.0 && self.tol.is_finite()) {
            let remedy = "give a positive relative duality gap such as 1e-6";
            return Err(Error::Parameter { name: "tol", value: self.tol, remedy });
        }
        if self.max_iter == 0 {
            let remedy = "give at least one epoch";
            return Err(Error::Parameter { name: "max_iter", value: 0.0, remedy });
        }
        if self.time_limit.is_some_and(|limit| limit.is_zero()) {
            let remedy = "give a positive time in seconds, or none";
            return Err(Error::Parameter { name: "time_limit", value: 0.0, remedy });
        }
        Ok(())
    }
}

/// The absolute duality gap that a solve has to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    pub gap: f64,
    /// make some epochs even where the start is good enough: reweighting asks how far its answer still moves
    pub work_first: bool,
}

/// A run's clock, epoch counter and history.
pub(crate) struct Watch<'a> {
    pub stopping: Stopping<'a>,
    pub n_iter: usize,
    pub history: Vec<Record>,
    start: Instant,
    polled: Instant,
}

impl<'a> Watch<'a> {
    pub fn start(stopping: Stopping<'a>) -> Self {
        let now = Instant::now();
        Watch { stopping, n_iter: 0, history: Vec::new(), start: now, polled: now }
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Keeps a certificate of the full problem.
    pub fn record(&mut self, certificate: &Certificate, n_active: usize) {
        let (primal, gap) = (certificate.primal, certificate.relative_gap());
        self.history.push(Record { n_iter: self.n_iter, primal, gap, n_active });
    }

    /// The limit that is reached, if one is; an error where the monitor says stop.
    pub fn spent(&mut self) -> Result<Option<Status>, Error> {
        let now = Instant::now();
        if let Some(monitor) = self.stopping.monitor
            && now - self.polled >= POLL
        {
            self.polled = now;
            let last = self.history.last();
            let progress = Progress {
                n_iter: self.n_iter,
                gap: last.map_or(1.0, |record| record.gap),
                n_active: last.map_or(0, |record| record.n_active),
            };
            if !monitor(progress) {
                return Err(Error::Interrupted);
            }
        }
        if self.stopping.time_limit.is_some_and(|limit| now - self.start >= limit) {
            return Ok(Some(Status::TimeLimit));
        }
        let used_up = self.n_iter >= self.stopping.max_iter;
        Ok(used_up.then_some(Status::IterationLimit))
    }
}
