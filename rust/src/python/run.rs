//! Work without the GIL that answers signals.

use crate::{Error, Monitor, Progress};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        match error {
            Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
            Error::Interrupted => PyKeyboardInterrupt::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        }
    }
}

/// Runs `work` without the GIL and returns its result.
///
/// Its monitor takes the GIL back to look for signals and to report progress, and what they raise
/// is raised. A panic, which would be a bug, becomes a RuntimeError.
pub(super) fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl Send + FnOnce(Monitor) -> Result<T, Error>,
) -> PyResult<T> {
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    let keep = |error: PyErr| {
        if let Ok(mut slot) = raised.lock() {
            *slot = Some(error);
        }
    };
    let result = py.detach(|| {
        let ask = |shown: Progress| {
            Python::try_attach(|py| {
                let answer = py.check_signals().and_then(|()| match progress {
                    Some(call) => {
                        let Progress { n_iter, gap, n_active } = shown;
                        call.call1(py, (n_iter, gap, n_active)).map(|_| ())
                    }
                    None => Ok(()),
                });
                answer.map_err(keep).is_ok()
            })
        };
        // Without an interpreter there is nobody to ask: it is ending, and PyO3 parks the thread
        // when it returns.
        let monitor = |shown: Progress| ask(shown).unwrap_or(false);
        catch_unwind(AssertUnwindSafe(|| work(&monitor)))
    });
    if let Ok(mut slot) = raised.lock()
        && let Some(error) = slot.take()
    {
        return Err(error);
    }
    match result {
        Ok(value) => Ok(value?),
        Err(_) => Err(PyRuntimeError::new_err("internal error in mxne_rs: please report it")),
    }
}
