//! Thread pools: made when first asked for, one per process and size, never rayon's global one.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The threads a computation may use. Chunk borders never depend on them, so neither do results.
#[derive(Debug, Clone)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// `count` threads; 0 means the environment's `RAYON_NUM_THREADS` where it is a positive integer, else all cores.
    ///
    /// There are never more than cores: further ones only wait. Where threads cannot be had the work is done on the
    /// calling thread.
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

    /// How many threads there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Calls `work(i, item)` for every item, spread over the threads.
    pub(crate) fn for_each<I, F>(&self, items: Vec<I>, work: F)
    where
        I: Send,
        F: Fn(usize, I) + Sync,
    {
        self.for_each_with(items, || (), |(), i, item| work(i, item));
    }

    /// Calls `work(scratch, i, item)` for every item; a few scratches are made and used again and again.
    pub(crate) fn for_each_with<I, S, N, F>(&self, items: Vec<I>, scratch: N, work: F)
    where
        I: Send,
        N: Fn() -> S + Sync + Send,
        F: Fn(&mut S, usize, I) + Sync + Send,
    {
        use rayon::prelude::*;
        match &self.0 {
            Some(pool) if items.len() > 1 => pool.install(|| {
                let items = items.into_par_iter().enumerate();
                items.for_each_init(scratch, |scratch, (i, item)| work(scratch, i, item));
            }),
            _ => {
                let mut scratch = scratch();
                items.into_iter().enumerate().for_each(|(i, item)| work(&mut scratch, i, item));
            }
        }
    }
}

/// `RAYON_NUM_THREADS` where it is a positive integer.
fn environment() -> Option<usize> {
    let text = std::env::var("RAYON_NUM_THREADS").ok()?;
    text.trim().parse().ok().filter(|&count| count > 0)
}

/// Keyed by process: a pool's threads do not survive a fork, so a child makes its own.
fn pool(count: usize) -> Option<Arc<ThreadPool>> {
    type Pools = Mutex<HashMap<(u32, usize), Option<Arc<ThreadPool>>>>;
    static POOLS: OnceLock<Pools> = OnceLock::new();
    let mut pools =
        POOLS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    pools
        .entry((std::process::id(), count))
        .or_insert_with(|| {
            let name = |i| format!("mxne_rs-{i}");
            ThreadPoolBuilder::new().num_threads(count).thread_name(name).build().ok().map(Arc::new)
        })
        .clone()
}
