//! The time kept back for handing over the answer, so that it is there when the time is over.

use super::Clock;
use crate::error::Error;
use std::time::Instant;

/// How much longer a row of a large answer may take than one of a small answer.
const MARGIN: f64 = 2.0;
/// Rows on which handing over is measured first.
const FIRST_ROWS: usize = 64;
/// One part in so many of the time allowed may be spent on measuring.
const MEASURING_ONE_IN: u32 = 20;

impl Clock<'_> {
    /// Measures, where there is a limit, what handing over an answer of up to `most` rows takes: on
    /// as many rows as cost little of the time allowed, since memory is slower than caches.
    pub fn measure(
        &self,
        most: usize,
        hand_over: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut rows = FIRST_ROWS.min(most);
        loop {
            let begin = Instant::now();
            hand_over(rows)?;
            let taken = begin.elapsed();
            self.per_row.set(taken.mul_f64(MARGIN / rows as f64));
            rows *= 4;
            if rows > most || taken * 4 * MEASURING_ONE_IN > limit {
                return Ok(());
            }
        }
    }

    /// Keeps back the time for handing over so many rows, but never more than half of all.
    pub fn reserve(&self, rows: usize) {
        let needed = self.per_row.get().mul_f64(rows as f64);
        self.keep(needed.min(self.limit.unwrap_or_default() / 2));
    }
}
