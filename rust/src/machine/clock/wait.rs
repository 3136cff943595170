//! Work that cannot ask by itself whether it may go on.

use super::{Clock, Halt};
use crate::error::Error;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often the clock is checked meanwhile.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

impl Clock<'_> {
    /// Runs `work` on a thread of its own and checks the clock meanwhile; on a halt the thread is
    /// left to itself.
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
            match result.recv_timeout(CHECK_INTERVAL) {
                Ok(found) => return Ok(found),
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(Error::Interrupted.into()),
        }
    }
}
