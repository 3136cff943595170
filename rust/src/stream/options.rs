//! The options of a stream.

use crate::error::Error;
use crate::machine::threads::Threads;
use crate::solve::reweighting::{AmplitudeUnit, Reweight, Surrogate};
use std::time::Duration;

/// How the regularisation of a window is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlphaRule {
    /// The same alpha for every window.
    Absolute(f64),
    /// Percent of the window's alpha_max.
    Percent(f64),
    /// Tracked from window to window: `alpha = (N + a - 1) / (sum_s |X_s| + b)`, where X are the
    /// sources of the last window and N counts the numbers in a window. This is a step of the fixed
    /// point of Pereyra, Bioucas-Dias and Figueiredo (2015) and of Bekhti, Badeau and Gramfort
    /// (EUSIPCO 2017). As theirs, the Gamma hyperprior has its mode at half of the window's
    /// alpha_max, where the first window starts. Their `b = 5` depends on the unit of the data;
    /// here the hyperprior counts as ten windows, `a - 1 = 10 N`, in any unit.
    Tracked,
}

/// How a stream of windows is solved.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// samples in a window
    pub n_times: usize,
    /// samples from one window to the next (default half of a window)
    pub hop: usize,
    /// the regularisation (default half of alpha_max)
    pub alpha: AlphaRule,
    /// the least alpha (default 0): with the alpha_max of noise, windows without sources stay empty
    pub alpha_floor: f64,
    /// convex problems for a window, the first (unweighted) included (default 1: MxNE)
    pub n_reweights: usize,
    /// change of the amplitudes, relative to the largest, below which reweighting ends (default
    /// 1e-6)
    pub tol_reweight: f64,
    /// the penalty of reweighting (default the square root)
    pub surrogate: Surrogate,
    /// the unit in which reweighting sees amplitudes; [`AmplitudeUnit::Mne`] cannot be had with
    /// [`AlphaRule::Absolute`]
    pub amplitude_unit: AmplitudeUnit,
    /// relative duality gap to reach (default 1e-4)
    pub tol: f64,
    /// epochs allowed for a window (default 1000)
    pub max_iter: usize,
    /// time allowed for a window
    pub deadline: Option<Duration>,
    /// whether a window starts from the last one's sources (default) or from nothing
    pub warm_start: bool,
    /// threads for the looks at the whole gain (default 1)
    pub threads: Threads,
}

impl StreamOptions {
    /// Returns the defaults for windows of `n_times` samples.
    ///
    /// ```
    /// let options = mxne_rs::StreamOptions::new(100);
    /// assert_eq!((options.hop, options.tol, options.n_reweights), (50, 1e-4, 1));
    /// ```
    #[must_use]
    pub fn new(n_times: usize) -> Self {
        let Reweight { tol_reweight, surrogate, amplitude_unit, .. } = Reweight::default();
        StreamOptions {
            n_times,
            hop: (n_times / 2).max(1),
            alpha: AlphaRule::Percent(50.0),
            alpha_floor: 0.0,
            n_reweights: 1,
            tol_reweight,
            surrogate,
            amplitude_unit,
            tol: 1e-4,
            max_iter: 1000,
            deadline: None,
            warm_start: true,
            threads: Threads::new(1),
        }
    }

    /// Returns how windows are reweighted.
    pub(super) fn reweight(&self) -> Reweight {
        let StreamOptions { n_reweights, tol_reweight, surrogate, amplitude_unit, .. } = *self;
        Reweight { n_reweights, tol_reweight, surrogate, amplitude_unit }
    }

    /// Refuses options out of range.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |name, value, remedy| Err(Error::Parameter { name, value, remedy });
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if self.n_times == 0 {
            return refuse("n_times", 0.0, "give the samples of a window, at least one");
        }
        if self.hop == 0 {
            return refuse(
                "hop",
                0.0,
                "give the samples from one window to the next, at least one",
            );
        }
        match self.alpha {
            AlphaRule::Absolute(alpha) if !positive(alpha) => {
                return refuse("alpha", alpha, "give a positive number");
            }
            AlphaRule::Percent(share) if !(positive(share) && share <= 100.0) => {
                return refuse("alpha", share, "give percent of alpha_max above 0, at most 100");
            }
            _ => {}
        }
        if !(self.alpha_floor >= 0.0 && self.alpha_floor.is_finite()) {
            return refuse("alpha_floor", self.alpha_floor, "give zero or a positive number");
        }
        self.reweight().check()?;
        self.reweight().check_begins_with_mxne()?;
        if let (AmplitudeUnit::Mne, AlphaRule::Absolute(alpha)) = (self.amplitude_unit, self.alpha)
            && self.n_reweights > 1
        {
            let remedy = "amplitude_unit \"mne\" needs alpha_max, which an absolute alpha leaves \
                          unknown: give alpha in percent or another amplitude_unit";
            return refuse("alpha", alpha, remedy);
        }
        if !positive(self.tol) {
            return refuse("tol", self.tol, "give a positive relative duality gap such as 1e-4");
        }
        if self.max_iter == 0 {
            return refuse("max_iter", 0.0, "give at least one epoch");
        }
        if self.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return refuse("deadline", 0.0, "give a positive time in seconds, or none");
        }
        Ok(())
    }
}
