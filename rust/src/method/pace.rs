//! What is done before the next certificate: epochs alone, or few of them and Newton's steps.

/// Epochs before a certificate, without Newton's steps and with them.
const EPOCHS: usize = 5;
const EPOCHS_BEFORE_POLISH: usize = 2;
/// Newton's steps were of use where they leave at most this part of the gap.
const USEFUL: f64 = 0.5;

/// What is done before a certificate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Round {
    pub epochs: usize,
    pub polish: bool,
}

/// Chooses rounds by how fast the gap falls.
///
/// Newton's steps pay where the epochs that are still needed, at the rate of the last ones, would
/// take longer. Steps that were of no use are not tried again for a while, which doubles each time.
pub(crate) struct Pace {
    gap: f64,
    goal: f64,
    /// epochs that are still needed, as far as is known
    needed: f64,
    /// rounds without Newton's steps that are still to come, and how many come next time
    pause: usize,
    next_pause: usize,
}

impl Pace {
    /// Begins at a gap; nothing is known of the rate yet.
    pub fn new(gap: f64, goal: f64) -> Self {
        Pace { gap, goal, needed: 0.0, pause: 0, next_pause: 1 }
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

    /// Takes in the gap after a round.
    pub fn observe(&mut self, round: Round, gap: f64) {
        if !round.polish {
            let fall = (self.gap / gap).ln();
            let left = (gap / self.goal).ln();
            self.needed = if fall > 0.0 { left / fall * EPOCHS as f64 } else { f64::INFINITY };
            self.pause = self.pause.saturating_sub(1);
        } else if gap > USEFUL * self.gap {
            self.pause = self.next_pause;
            self.next_pause *= 2;
        }
        self.gap = gap;
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
            let mut pace = Pace::new(1.0, 1e-5);
            assert_eq!(pace.round(|| Some(0.0)), ALONE);
            pace.observe(ALONE, 0.1);
            assert_eq!(pace.round(|| cost), expected);
        }
    }

    #[test]
    fn steps_of_no_use_are_not_repeated_at_once() {
        let mut pace = Pace::new(1.0, 1e-5);
        pace.observe(ALONE, 1.0);
        for pause in [1, 2, 4] {
            assert_eq!(pace.round(|| Some(10.0)), POLISHED);
            pace.observe(POLISHED, 0.9);
            for _ in 0..pause {
                assert_eq!(pace.round(|| Some(10.0)), ALONE);
                pace.observe(ALONE, 0.9);
            }
        }
        assert_eq!(pace.round(|| Some(10.0)), POLISHED);
        pace.observe(POLISHED, 0.1);
        assert_eq!(pace.round(|| Some(10.0)), POLISHED);
    }
}
