//! Thread pools: one per process and size, made when first used; rayon's global pool is not
//! touched.

use crate::machine::dense::{SCRATCH_BYTES, prepare_this_thread};
use crate::machine::memory::expect_room;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

const STACK_BYTES: usize = 1 << 21;

/// The threads a computation may use. Chunk borders never depend on them, so neither do results.
#[derive(Debug, Clone)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// Asks for `count` threads; 0 means the environment's `RAYON_NUM_THREADS` where it is a
    /// positive integer, else all cores.
    ///
    /// There are never more threads than cores. Where threads cannot be made, the calling thread
    /// does the work.
    ///
    /// ```
    /// assert_eq!(mxne_rs::Threads::new(1).count(), 1);
    /// assert!(mxne_rs::Threads::new(usize::MAX).count() >= 1);
    /// ```
    #[must_use]
    pub fn new(count: usize) -> Self {
        let asked = if count == 0 { environment().unwrap_or(usize::MAX) } else { count };
        let count = asked.min(std::thread::available_parallelism().map_or(1, usize::from));
        Threads(if count == 1 { None } else { pool(count) })
    }

    /// Returns the number of threads.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Calls `work(thread, item)` for every item, spread over the threads; `thread` is below
    /// [`count`](Threads::count).
    pub(crate) fn for_each<I, F>(&self, items: impl ExactSizeIterator<Item = I>, work: F)
    where
        I: Send,
        F: Fn(usize, I) + Sync,
    {
        use rayon::prelude::*;
        let thread = || rayon::current_thread_index().unwrap_or(0);
        match &self.0 {
            Some(pool) if items.len() > 1 => {
                let items: Vec<I> = items.collect();
                pool.install(|| items.into_par_iter().for_each(|item| work(thread(), item)));
            }
            _ => items.for_each(|item| work(0, item)),
        }
    }
}

/// Reads `RAYON_NUM_THREADS` where it is a positive integer.
fn environment() -> Option<usize> {
    let text = std::env::var("RAYON_NUM_THREADS").ok()?;
    text.trim().parse().ok().filter(|&count| count > 0)
}

/// Returns the pool of this size. Pools are kept by process: their threads do not survive a fork,
/// so a child makes its own.
fn pool(count: usize) -> Option<Arc<ThreadPool>> {
    type Pools = BTreeMap<(u32, usize), Arc<ThreadPool>>;
    static POOLS: Mutex<Pools> = Mutex::new(BTreeMap::new());
    let mut pools = patiently(&POOLS)?;
    let key = (std::process::id(), count);
    if let Some(pool) = pools.get(&key) {
        return Some(pool.clone());
    }
    // A thread that cannot have its stack and scratch would abort the process.
    expect_room("threads", count * (STACK_BYTES + SCRATCH_BYTES)).ok()?;
    let name = |i| format!("mxne_rs-{i}");
    let made =
        ThreadPoolBuilder::new().num_threads(count).thread_name(name).stack_size(STACK_BYTES);
    let pool = Arc::new(made.build().ok()?);
    if pool.broadcast(|_| prepare_this_thread()).into_iter().any(|made| made.is_err()) {
        return None;
    }
    pools.insert(key, pool.clone());
    Some(pool)
}

/// Takes the lock, unless it stays taken: a thread that held it when the process forked does not
/// exist in the child.
fn patiently<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..100 {
        match lock.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    None
}
