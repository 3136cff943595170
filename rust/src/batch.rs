//! Many data sets on one gain, one thread each.

use crate::error::Error;
use crate::gain::Gain;
use crate::mxne::solve_mxne;
use crate::setup::{Options, check_alpha, check_data};
use crate::solution::Solution;
use crate::stopping::{POLL, Progress, Stopping};
use crate::threads::Threads;
use ndarray::ArrayView2;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// MxNE for every data set with its alpha, spread over the threads of the options, in the order of the data.
///
/// Every problem is solved on one thread, so the answers are those of [`solve_mxne`], whatever the number of threads. An
/// answer holds its active rows only, so memory grows with what is found. `max_iter` is for each data set, `time_limit`
/// for all together. The monitor's progress counts data sets.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`]; of several errors the first data set's.
///
/// ```
/// use mxne_rs::{Gain, Options, solve_batch};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let (one, two) = (array![[3.0, 4.0], [1.0, 0.0]], array![[0.0], [2.0]]);
/// let data = [one.view(), two.view()];
/// let solutions = solve_batch(&gain, &data, &[2.0, 1.0], &Options::default())?;
/// assert_eq!(solutions[0].sources.locations, [0]);
/// assert_eq!(solutions[1].sources.locations, [1]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_batch(
    gain: &Gain,
    data: &[ArrayView2<f64>],
    alphas: &[f64],
    options: &Options,
) -> Result<Vec<Solution>, Error> {
    if alphas.len() != data.len() {
        let (what, other) = ("entries", "data sets");
        let (got, expected) = (alphas.len(), data.len());
        return Err(Error::Mismatch { name: "alpha", what, got, expected, other });
    }
    for (data, &alpha) in data.iter().zip(alphas) {
        check_data(gain, *data)?;
        check_alpha(alpha)?;
    }
    let shared = Shared::new(options);
    let slots: Mutex<Vec<Option<Result<Solution, Error>>>> = Mutex::new(vec![None; data.len()]);
    let threads = &options.threads;
    let solve_all = || {
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        threads.for_each(slots.iter_mut().collect(), |i, slot| {
            *slot = Some(shared.solve(gain, data[i], alphas[i]));
            shared.done.fetch_add(1, Ordering::Relaxed);
        });
    };
    // The calling thread stays free to ask the monitor, which may only be called from there.
    std::thread::scope(|scope| {
        let (finished, wait) = channel::<()>();
        let work = move || {
            solve_all();
            drop(finished);
        };
        if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
            return solve_all();
        }
        while wait.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
            let n_iter = shared.done.load(Ordering::Relaxed);
            let progress = Progress { n_iter, gap: 0.0, n_active: 0 };
            if options.stopping.monitor.is_some_and(|monitor| !monitor(progress)) {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    });
    let slots = slots.into_inner().unwrap_or_else(PoisonError::into_inner);
    slots.into_iter().map(|slot| slot.unwrap_or(Err(Error::Interrupted))).collect()
}

/// The options without what is bound to the calling thread.
struct Shared<'a> {
    weights: Option<&'a [f64]>,
    ridge: f64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<std::time::Duration>,
    solver: crate::solver::Solver,
    active_set_size: Option<usize>,
    begin: Instant,
    stop: AtomicBool,
    done: AtomicUsize,
}

impl<'a> Shared<'a> {
    fn new(options: &Options<'a>) -> Self {
        let Stopping { tol, max_iter, time_limit, .. } = options.stopping;
        Shared {
            weights: options.weights,
            ridge: options.ridge,
            tol,
            max_iter,
            time_limit,
            solver: options.solver,
            active_set_size: options.active_set_size,
            begin: Instant::now(),
            stop: AtomicBool::new(false),
            done: AtomicUsize::new(0),
        }
    }

    fn solve(&self, gain: &Gain, data: ArrayView2<f64>, alpha: f64) -> Result<Solution, Error> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let goes_on = |_| !self.stop.load(Ordering::Relaxed);
        let nothing = std::time::Duration::from_nanos(1);
        let left = |limit: std::time::Duration| limit.saturating_sub(self.begin.elapsed());
        let stopping = Stopping {
            tol: self.tol,
            max_iter: self.max_iter,
            time_limit: self.time_limit.map(|limit| left(limit).max(nothing)),
            monitor: Some(&goes_on),
        };
        let options = Options {
            weights: self.weights,
            ridge: self.ridge,
            stopping,
            solver: self.solver,
            active_set_size: self.active_set_size,
            init: None,
            threads: Threads::new(1),
        };
        solve_mxne(gain, data, alpha, &options)
    }
}
