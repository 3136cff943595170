//! Solves and the end of the interpreter: a thread that solves must not come back to an interpreter that is gone.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// The thread that ends the interpreter, once it does.
static CLOSER: OnceLock<ThreadId> = OnceLock::new();
/// The process (upper half) and how much work without the GIL it has under way: the threads of a parent are not in a fork.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// How long the end of the interpreter waits for work to notice.
const PATIENCE: Duration = Duration::from_secs(5);

/// Work without the GIL that is under way.
pub(super) struct Running;

impl Running {
    /// Refused in every thread but the one that ends the interpreter, once it does.
    pub fn begin() -> PyResult<Self> {
        count(|running| running + 1);
        let running = Running;
        check().map(|()| running)
    }
}

/// Refuses work that is begun while the interpreter ends.
pub(super) fn check() -> PyResult<()> {
    match is_over() {
        true => Err(PyRuntimeError::new_err("the interpreter is shutting down")),
        false => Ok(()),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        count(|running| running.saturating_sub(1));
    }
}

fn count(next: impl Fn(u64) -> u64) {
    let process = u64::from(std::process::id()) << 32;
    let update = |all: u64| Some(process | next(under_way(all)));
    let _ = RUNNING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, update);
}

/// How much of it is of this process.
fn under_way(all: u64) -> u64 {
    let is_own = all >> 32 == u64::from(std::process::id());
    if is_own { all & u64::from(u32::MAX) } else { 0 }
}

/// Whether this thread has to stop because the interpreter ends.
pub(super) fn is_over() -> bool {
    CLOSER.get().is_some_and(|closer| *closer != std::thread::current().id())
}

/// Called by `atexit`, before threads can no longer come back: stops what other threads solve and waits for it.
#[pyfunction]
pub(super) fn close(py: Python<'_>) {
    let _ = CLOSER.set(std::thread::current().id());
    let begin = Instant::now();
    let waits = || under_way(RUNNING.load(Ordering::SeqCst)) > 0 && begin.elapsed() < PATIENCE;
    py.detach(|| {
        while waits() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
