//! When a run stops, as a value, and the watch that counts and records during the run.

use crate::error::Error;
use crate::machine::clock::{Clock, Progress};
use crate::machine::memory;
use crate::problem::solution::{Certificate, Record};
use std::time::{Duration, Instant};

/// The limits of a run.
#[derive(Debug, Clone, Copy)]
pub struct Stopping {
    /// relative duality gap to reach (default 1e-6)
    pub tol: f64,
    /// epochs allowed, in all (default 10000)
    pub max_iter: usize,
    /// time allowed
    pub time_limit: Option<Duration>,
}

impl Default for Stopping {
    fn default() -> Self {
        Stopping { tol: 1e-6, max_iter: 10_000, time_limit: None }
    }
}

impl Stopping {
    /// Refuses limits that are out of range.
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
    /// make some epochs even where the start is good enough: reweighting has to see how far its
    /// answer still moves
    pub work_first: bool,
}

/// The clock, epoch counter and history of one problem.
pub(crate) struct Watch<'a> {
    pub clock: &'a Clock<'a>,
    pub n_iter: usize,
    pub history: Vec<Record>,
    max_iter: usize,
    begin: Instant,
}

impl<'a> Watch<'a> {
    /// Starts counting.
    pub fn start(clock: &'a Clock<'a>, max_iter: usize) -> Self {
        Watch { clock, n_iter: 0, history: Vec::new(), max_iter, begin: Instant::now() }
    }

    /// Returns the time since the start.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Copies the counts and the history so far.
    pub fn fork(&self) -> Result<Self, Error> {
        let history = memory::copied("the history", &self.history)?;
        Ok(Watch { history, ..*self })
    }

    /// Adds a certificate of the full problem to the history.
    pub fn record(&mut self, certificate: &Certificate, n_active: usize) {
        let (n_iter, gap) = (self.n_iter, certificate.relative_gap());
        self.history.push(Record { n_iter, primal: certificate.primal, gap, n_active });
        self.clock.show(Progress { n_iter, gap, n_active });
    }

    /// Counts an epoch.
    pub fn count(&mut self) {
        self.n_iter += 1;
        self.clock.count();
    }

    /// Tells whether the epochs allowed are used up.
    pub fn used_up(&self) -> bool {
        self.n_iter >= self.max_iter
    }
}
