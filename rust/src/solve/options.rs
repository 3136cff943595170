//! The options of a solve, and the monitor that may be added to them.

use crate::error::Error;
use crate::machine::clock::{Clock, Monitor};
use crate::machine::threads::Threads;
use crate::method::solver::Solver;
use crate::method::stopping::Stopping;
use crate::problem::frame::Stft;
use crate::problem::solution::Sources;

/// The penalty of TF-MxNE: `alpha sum_s ((1 - l1_ratio) w_s |Z_s|_F + l1_ratio |Z_s|_1)` on the
/// coefficients Z of X in a tight frame of short-time Fourier transforms (Gramfort, Strohmeier,
/// Haueisen, Hämäläinen and Kowalski, NeuroImage 70, 2013).
#[derive(Debug, Clone, PartialEq)]
pub struct TimeFrequency {
    /// the part of the penalty that counts single coefficients, from 0 (MxNE) to 1
    pub l1_ratio: f64,
    /// the transforms of the frame
    pub stfts: Vec<Stft>,
}

impl TimeFrequency {
    /// Refuses a ratio out of range and a frame that is none.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.l1_ratio) {
            let remedy = "give a number from 0 to 1";
            return Err(Error::Parameter { name: "l1_ratio", value: self.l1_ratio, remedy });
        }
        if self.stfts.is_empty() {
            return Err(Error::Empty { name: "wsize", rows: 0, columns: 1 });
        }
        self.stfts.iter().try_for_each(|stft| stft.check())
    }
}

/// How a problem is to be solved. `Options::default()` is a good start.
#[derive(Debug, Clone)]
pub struct Options {
    /// a penalty weight per location (default all 1); infinity excludes a location
    pub weights: Option<Vec<f64>>,
    /// the ridge term `ridge/2 |X|^2` (default 0)
    pub ridge: f64,
    /// when to stop
    pub stopping: Stopping,
    /// the inner solver
    pub solver: Solver,
    /// locations by which the working set grows at least (default 10); `None` solves on all
    /// locations
    pub active_set_size: Option<usize>,
    /// the penalty of TF-MxNE in the place of MxNE's (default none)
    pub time_frequency: Option<TimeFrequency>,
    /// sources to start from
    pub init: Option<Sources>,
    /// threads for full products
    pub threads: Threads,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            weights: None,
            ridge: 0.0,
            stopping: Stopping::default(),
            solver: Solver::default(),
            active_set_size: Some(10),
            time_frequency: None,
            init: None,
            threads: Threads::new(0),
        }
    }
}

impl Options {
    /// Adds a monitor, which sees the progress of a run and may stop it.
    ///
    /// ```
    /// use mxne_rs::{Error, Gain, Options, Progress, solve_mxne};
    /// use ndarray::array;
    ///
    /// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
    /// let data = array![[3.0, 4.0], [0.1, 0.2]];
    /// let may_go_on = |progress: Progress| progress.n_iter < 1000;
    /// let options = Options::default();
    /// let solution = solve_mxne(&gain, data.view(), 2.5, options.monitored(&may_go_on))?;
    /// assert_eq!(solution.sources.locations, [0]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn monitored<'a>(&'a self, monitor: Monitor<'a>) -> Run<'a> {
        Run { options: self, monitor: Some(monitor) }
    }
}

/// Options, with or without a [monitor](Options::monitored): what every function that solves takes.
/// `&Options` is one.
#[derive(Clone, Copy)]
#[must_use]
pub struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) monitor: Option<Monitor<'a>>,
}

impl<'a> From<&'a Options> for Run<'a> {
    fn from(options: &'a Options) -> Self {
        Run { options, monitor: None }
    }
}

impl<'a> Run<'a> {
    /// Starts the clock, with the time limit of the options.
    pub(crate) fn clock(self) -> Clock<'a> {
        Clock::start(self.options.stopping.time_limit, self.monitor)
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("options", &self.options)
            .field("monitor", &self.monitor.is_some())
            .finish()
    }
}
