//! What is done before the next certificate: epochs alone, or few of them and Newton's steps.

/// Epochs before a certificate, without Newton's steps and with them.
const EPOCHS: usize = 5;
const EPOCHS_BEFORE_POLISH: usize = 2;
/// Newton's steps were of use where they leave at most this part of the gap, or lower the objective
/// by at least this part of it: along nearly equal columns the objective falls long before the gap.
const USEFUL_GAP: f64 = 0.9;
const USEFUL_FALL: f64 = 1e-3;
/// Rounds at most without Newton's steps after some that were of no use.
const LONGEST_PAUSE: usize = 4;

/// What is done before a certificate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Round {
    pub epochs: usize,
    pub polish: bool,
}

/// Chooses rounds by how fast the gap falls.
///
/// Newton's steps pay where the epochs that are still needed, at the rate of the last ones, would
/// take longer. Steps that were of no use are not tried again for a while, which grows each time.
pub(crate) struct Pace {
    gap: f64,
    objective: f64,
    goal: f64,
    /// epochs that are still needed, as far as is known
    needed: f64,
    /// rounds without Newton's steps that are still to come, and how many come next time
    pause: usize,
    next_pause: usize,
}

impl Pace {
    /// Begins at a gap and an objective; nothing is known of the rate yet.
    pub fn new(gap: f64, objective: f64, goal: f64) -> Self {
        Pace { gap, objective, goal, needed: 0.0, pause: 0, next_pause: 1 }
    }

    /// Chooses the next round; `cost` counts the epochs that take as long as Newton's steps, none
    /// where they are not possible.
    pub fn round(&mut self, cost: impl FnOnce() -> Option<f64>) -> Round {
        let may = self.needed > EPOCHS as f64 && self.pause == 0;
        match may && cost().is_some_and(|cost| self.needed > cost) {
            true => Round { epochs: EPOCHS_BEFORE_POLISH, polish: true },
            false => Round { epochs: EPOCHS, polish: false },
        }
    }

    /// Takes in gap and objective after a round.
    pub fn observe(&mut self, round: Round, gap: f64, objective: f64) {
        let fall = self.objective - objective;
        if !round.polish {
            let rate = (self.gap / gap).ln() / EPOCHS as f64;
            let left = (gap / self.goal).ln();
            self.needed = if rate > 0.0 { left / rate } else { f64::INFINITY };
            self.pause = self.pause.saturating_sub(1);
        } else if gap > USEFUL_GAP * self.gap && fall < USEFUL_FALL * gap {
            self.pause = self.next_pause;
            self.next_pause = (2 * self.next_pause).min(LONGEST_PAUSE);
        }
        (self.gap, self.objective) = (gap, objective);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Round = Round { epochs: EPOCHS, polish: false };
    const POLISHED: Round = Round { epochs: EPOCHS_BEFORE_POLISH, polish: true };

    /// Where the gap falls by ten in a round, four decades take four rounds: less than a polish
    /// that costs as much as thirty epochs, more than one that costs ten.
    #[test]
    fn steps_are_made_where_they_pay() {
        for (cost, expected) in [(Some(30.0), ALONE), (Some(10.0), POLISHED), (None, ALONE)] {
            let mut pace = Pace::new(1.0, 1.0, 1e-5);
            assert_eq!(pace.round(|| Some(0.0)), ALONE);
            pace.observe(ALONE, 0.1, 1.0);
            assert_eq!(pace.round(|| cost), expected);
        }
    }

    #[test]
    fn steps_of_no_use_are_not_repeated_at_once() {
        let mut pace = Pace::new(1.0, 1.0, 1e-5);
        pace.observe(ALONE, 1.0, 1.0);
        for pause in [1, 2, 4, 4] {
            assert_eq!(pace.round(|| Some(10.0)), POLISHED);
            pace.observe(POLISHED, 0.95, 1.0);
            for _ in 0..pause {
                assert_eq!(pace.round(|| Some(10.0)), ALONE);
                pace.observe(ALONE, 0.95, 1.0);
            }
        }
        assert_eq!(pace.round(|| Some(10.0)), POLISHED);
        pace.observe(POLISHED, 0.95, 0.9);
        assert_eq!(pace.round(|| Some(10.0)), POLISHED);
    }
}
