//! The clock of a run: all work, however deep, counts what it does and asks whether it may go on.

/// The time kept back for handing over the answer.
mod hand_over;
/// Work that cannot ask by itself.
mod wait;

use crate::error::Error;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often the monitor is asked.
pub(crate) const MONITOR_INTERVAL: Duration = Duration::from_millis(20);
/// Multiplications after which the clock is checked: well under a millisecond.
const WORK_PER_CHECK: usize = 1 << 20;
/// Multiplications that one thread may do without a check: a few milliseconds.
pub(crate) const MAX_WORK_UNWATCHED: usize = 1 << 25;

/// How far a run has come: what a progress line shows.
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

/// Why work ends before it is done.
#[derive(Debug)]
pub(crate) enum Halt {
    /// the time allowed is used up
    OutOfTime,
    /// refused input, no memory, or the monitor said stop
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Failed(error)
    }
}

impl Halt {
    /// Makes an error of it, for work on a clock without a limit.
    pub fn into_error(self) -> Error {
        match self {
            Halt::OutOfTime => Error::Interrupted,
            Halt::Failed(error) => error,
        }
    }
}

/// Tells work when the time is over or the monitor wants it to end.
pub(crate) struct Clock<'a> {
    begin: Instant,
    limit: Option<Duration>,
    monitor: Option<Monitor<'a>>,
    asked: Cell<Instant>,
    /// multiplications since the last check
    spent: Cell<usize>,
    progress: Cell<Progress>,
    /// the time that handing over one row of the answer takes
    per_row: Cell<Duration>,
    /// the time kept back: work ends that much earlier
    kept: Cell<Duration>,
}

impl<'a> Clock<'a> {
    /// Starts a clock.
    pub fn start(limit: Option<Duration>, monitor: Option<Monitor<'a>>) -> Self {
        let now = Instant::now();
        let progress = Cell::new(Progress { n_iter: 0, gap: 1.0, n_active: 0 });
        Clock {
            begin: now,
            limit,
            monitor,
            asked: Cell::new(now),
            spent: Cell::new(0),
            progress,
            per_row: Cell::default(),
            kept: Cell::default(),
        }
    }

    /// Keeps back so much of the time, in the place of what was kept before.
    pub fn keep(&self, time: Duration) {
        self.kept.set(time);
    }

    /// Starts a clock that never halts.
    pub fn endless() -> Clock<'static> {
        Clock::start(None, None)
    }

    /// Sets what the monitor is shown.
    pub fn show(&self, progress: Progress) {
        self.progress.set(progress);
    }

    /// Adds an epoch to what the monitor is shown.
    pub fn count(&self) {
        let progress = self.progress.get();
        self.progress.set(Progress { n_iter: progress.n_iter + 1, ..progress });
    }

    /// Counts `work` multiplications, and checks the clock where there were many.
    pub fn spend(&self, work: usize) -> Result<(), Halt> {
        let spent = self.spent.get().saturating_add(work);
        self.spent.set(spent);
        if spent < WORK_PER_CHECK { Ok(()) } else { self.check() }
    }

    /// Halts where the time is over or the monitor says so.
    pub fn check(&self) -> Result<(), Halt> {
        self.spent.set(0);
        let now = Instant::now();
        if let Some(monitor) = self.monitor
            && now - self.asked.get() >= MONITOR_INTERVAL
        {
            self.asked.set(now);
            if !monitor(self.progress.get()) {
                return Err(Error::Interrupted.into());
            }
        }
        match self.limit.is_some_and(|limit| now - self.begin + self.kept.get() >= limit) {
            true => Err(Halt::OutOfTime),
            false => Ok(()),
        }
    }
}
