//! Many data sets on one gain, one thread each.

use crate::error::Error;
use crate::machine::clock::{MONITOR_INTERVAL, Progress};
use crate::machine::memory;
use crate::machine::threads::Threads;
use crate::method::stopping::Stopping;
use crate::problem::gain::Gain;
use crate::problem::solution::Solution;
use crate::solve::checks::{check_alpha, check_data};
use crate::solve::options::{Options, Run};
use crate::solve::path::{Path, check_falling, walk};
use crate::solve::reweighting::{Reweight, solve_irmxne};
use crate::solve::single::solve_mxne;
use ndarray::ArrayView2;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time limit of a run that begins when the time is over: zero would be refused.
const LEAST_TIME: Duration = Duration::from_nanos(1);

/// Solves MxNE (with `reweight`, irMxNE) for every data set with its alpha, spread over the threads
/// of the options.
///
/// The answers are in the order of the data. Every problem is solved on one thread, so they are
/// those of [`solve_mxne`] for any number of threads. `max_iter` is for each
/// data set, `time_limit` for all together, and `init` is not used. The monitor's progress counts
/// data sets.
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
/// let solutions = solve_batch(&gain, &data, &[2.0, 1.0], None, &Options::default())?;
/// assert_eq!(solutions[0].sources.locations, [0]);
/// assert_eq!(solutions[1].sources.locations, [1]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_batch<'a>(
    gain: &Gain,
    data: &[ArrayView2<f64>],
    alphas: &[f64],
    reweight: Option<&Reweight>,
    options: impl Into<Run<'a>>,
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
    spread(data.len(), options.into(), |i, run, done| {
        let solution = match reweight {
            None => solve_mxne(gain, data[i], alphas[i], run),
            Some(reweight) => solve_irmxne(gain, data[i], alphas[i], reweight, run),
        };
        done.fetch_add(1, Ordering::Relaxed);
        solution
    })
}

/// Solves a [path](crate::solve_path) for every data set, spread over the threads of the options.
///
/// The answers are in the order of the data. `max_iter` is for each alpha of each data set,
/// `time_limit` for all together, and `init` is not used. The monitor's progress counts alphas.
///
/// # Errors
/// Those of [`solve_path`](crate::solve_path); of several the first data set's.
///
/// ```
/// use mxne_rs::{Gain, Options, solve_paths};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let (one, two) = (array![[3.0, 4.0], [1.0, 0.0]], array![[0.0], [2.0]]);
/// let data = [one.view(), two.view()];
/// let paths = solve_paths(&gain, &data, &[2.0, 0.5], None, &Options::default())?;
/// assert_eq!(paths[0].solutions[1].sources.locations, [0, 1]);
/// assert_eq!(paths[1].solutions[1].sources.locations, [1]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_paths<'a>(
    gain: &Gain,
    data: &[ArrayView2<f64>],
    alphas: &[f64],
    reweight: Option<&Reweight>,
    options: impl Into<Run<'a>>,
) -> Result<Vec<Path>, Error> {
    check_falling(alphas)?;
    data.iter().try_for_each(|data| check_data(gain, *data))?;
    spread(data.len(), options.into(), |i, run, done| {
        let passed = || _ = done.fetch_add(1, Ordering::Relaxed);
        walk(gain, data[i], alphas, reweight, run, &passed)
    })
}

/// Runs `work(i, run, done)` for every i below `n`, one thread each, and collects the results.
///
/// Each run has the time that is left of the whole, and the monitor is shown the count in `done`.
fn spread<T: Send>(
    n: usize,
    run: Run,
    work: impl Fn(usize, Run, &AtomicUsize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let (begin, stop, done) = (Instant::now(), AtomicBool::new(false), AtomicUsize::new(0));
    let Run { options, monitor } = run;
    let solve = |i| {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let weights = options.weights.as_deref();
        let weights = weights.map(|weights| memory::copied("the weights", weights)).transpose()?;
        let left = |limit: Duration| limit.saturating_sub(begin.elapsed());
        let time_limit = options.stopping.time_limit.map(|limit| left(limit).max(LEAST_TIME));
        let stopping = Stopping { time_limit, ..options.stopping };
        let threads = Threads::new(1);
        let time_frequency = options.time_frequency.clone();
        let one = Options { weights, init: None, threads, stopping, time_frequency, ..*options };
        work(i, one.monitored(&|_| !stop.load(Ordering::Relaxed)), &done)
    };
    let slots: Mutex<Vec<Option<Result<T, Error>>>> = Mutex::new((0..n).map(|_| None).collect());
    let solve_all = || {
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        let all = slots.iter_mut().enumerate();
        options.threads.for_each(all, |_, (i, slot)| *slot = Some(solve(i)));
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
        while wait.recv_timeout(MONITOR_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let n_iter = done.load(Ordering::Relaxed);
            let progress = Progress { n_iter, gap: 0.0, n_active: 0 };
            if monitor.is_some_and(|monitor| !monitor(progress)) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    let slots = slots.into_inner().unwrap_or_else(PoisonError::into_inner);
    slots.into_iter().map(|slot| slot.unwrap_or(Err(Error::Interrupted))).collect()
}
