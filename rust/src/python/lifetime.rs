//! Solves and the end of the interpreter: a thread that solves must not come back to an interpreter that is gone.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// The thread that ends the interpreter, once it does.
static CLOSER: OnceLock<ThreadId> = OnceLock::new();
/// Work without the GIL that is under way, in the process named.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// How long the end of the interpreter waits for work to notice.
const PATIENCE: Duration = Duration::from_secs(5);

/// Work without the GIL that is under way.
pub(super) struct Running;

impl Running {
    /// Refused in every thread but the one that ends the interpreter, once it does.
    pub fn begin() -> PyResult<Self> {
        let process = std::process::id();
        if PROCESS.swap(process, Ordering::SeqCst) != process {
            // A forked child: the threads that were counted are not there.
            RUNNING.store(0, Ordering::SeqCst);
        }
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let running = Running;
        match is_over() {
            true => Err(PyRuntimeError::new_err("the interpreter is shutting down")),
            false => Ok(running),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
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
    let waits = || {
        PROCESS.load(Ordering::SeqCst) == std::process::id()
            && RUNNING.load(Ordering::SeqCst) > 0
            && begin.elapsed() < PATIENCE
    };
    py.detach(|| {
        while waits() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
