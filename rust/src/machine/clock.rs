//! The clock of a run: all work, however deep, counts what it does and asks whether it may go on.

use crate::error::Error;
use std::cell::Cell;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the monitor is asked.
pub(crate) const POLL: Duration = Duration::from_millis(20);
/// How often a thread that is waited for is asked.
const SHORT: Duration = Duration::from_millis(5);
/// Multiplications between two looks at the clock: well under a millisecond.
const LOOK: usize = 1 << 20;
/// Multiplications on one thread that need not be looked into: a few milliseconds.
pub(crate) const SLICE: usize = 1 << 25;

/// A large answer takes longer than many small ones.
const MARGIN: f64 = 2.0;
/// Rows on which handing over is measured first.
const FEW_ROWS: usize = 64;
/// One part in so many of the time allowed is spent on measuring.
const MEASURE: u32 = 20;

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
    /// For work on a clock without a limit.
    pub fn into_error(self) -> Error {
        match self {
            Halt::OutOfTime => Error::Interrupted,
            Halt::Failed(error) => error,
        }
    }
}

/// Knows when the time is over and when to ask the monitor.
pub(crate) struct Clock<'a> {
    begin: Instant,
    limit: Option<Duration>,
    monitor: Option<Monitor<'a>>,
    asked: Cell<Instant>,
    /// multiplications since the last look
    spent: Cell<usize>,
    progress: Cell<Progress>,
    /// what handing over one row of the answer takes
    row: Cell<Duration>,
    /// what handing over the answer at hand takes
    reserved: Cell<Duration>,
}

impl<'a> Clock<'a> {
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
            row: Cell::default(),
            reserved: Cell::default(),
        }
    }

    /// Measures, where there is a limit, what handing over an answer of up to so many rows will take: on as many as
    /// cost little of the time allowed, since memory is slower than caches.
    pub fn measure(
        &self,
        most: usize,
        hand_over: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut rows = FEW_ROWS.min(most);
        loop {
            let begin = Instant::now();
            hand_over(rows)?;
            let taken = begin.elapsed();
            self.row.set(taken.mul_f64(MARGIN / rows as f64));
            rows *= 4;
            if rows > most || taken * 4 * MEASURE > limit {
                return Ok(());
            }
        }
    }

    /// Keeps back some of the time: work ends that much earlier.
    pub fn keep(&self, time: Duration) {
        self.reserved.set(time);
    }

    /// Keeps the time for an answer of so many rows, though never more than half of all.
    pub fn reserve(&self, rows: usize) {
        let needed = self.row.get().mul_f64(rows as f64);
        self.keep(needed.min(self.limit.unwrap_or_default() / 2));
    }

    /// Never halts.
    pub fn endless() -> Clock<'static> {
        Clock::start(None, None)
    }

    /// What the monitor is to be shown.
    pub fn show(&self, progress: Progress) {
        self.progress.set(progress);
    }

    /// One epoch more.
    pub fn count(&self) {
        let progress = self.progress.get();
        self.progress.set(Progress { n_iter: progress.n_iter + 1, ..progress });
    }

    /// Counts `work` multiplications, and looks when there were many.
    pub fn spend(&self, work: usize) -> Result<(), Halt> {
        let spent = self.spent.get().saturating_add(work);
        self.spent.set(spent);
        if spent < LOOK { Ok(()) } else { self.look() }
    }

    /// Waits for work that cannot be looked into, on a thread of its own, which is left to itself where this halts.
    pub fn wait_for<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let (send, result) = channel();
        // The work is handed over by a second channel: where there is no thread it is still here.
        let (hand, taken) = channel::<Box<dyn FnOnce() -> T + Send>>();
        let run = move || {
            if let Ok(work) = taken.recv() {
                let _ = send.send(work());
            }
        };
        let Ok(thread) = std::thread::Builder::new().spawn(run) else {
            return Ok(work());
        };
        let _ = hand.send(Box::new(work));
        loop {
            match result.recv_timeout(SHORT) {
                Ok(found) => return Ok(found),
                Err(RecvTimeoutError::Timeout) => self.look()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(Error::Interrupted.into()),
        }
    }

    /// Halts where the time is over or the monitor says so.
    pub fn look(&self) -> Result<(), Halt> {
        self.spent.set(0);
        let now = Instant::now();
        if let Some(monitor) = self.monitor
            && now - self.asked.get() >= POLL
        {
            self.asked.set(now);
            if !monitor(self.progress.get()) {
                return Err(Error::Interrupted.into());
            }
        }
        match self.limit.is_some_and(|limit| now - self.begin + self.reserved.get() >= limit) {
            true => Err(Halt::OutOfTime),
            false => Ok(()),
        }
    }
}
