//! The estimate of a window, and how the window ended.

use crate::error::Error;
use crate::machine::memory;
use crate::problem::solution::{Certificate, Status};
use ndarray::ArrayView2;
use std::time::Duration;

/// Why a window was not solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A channel holds a NaN or an infinity.
    NotFinite {
        /// row of the window
        channel: usize,
    },
    /// All samples of a channel are the same.
    Flat {
        /// row of the window
        channel: usize,
    },
    /// The largest whitened number is so large or small that its square would overflow or vanish.
    OutOfRange,
}

/// How a window ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was solved, and the solve ended with this status.
    Solved(Status),
    /// It was skipped for this reason; the next one is not affected.
    Skipped(Skip),
}

impl Outcome {
    /// Returns the name in lower case with underscores, as Python shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Solved(status) => status.name(),
            Outcome::Skipped(Skip::NotFinite { .. }) => "skipped_not_finite",
            Outcome::Skipped(Skip::Flat { .. }) => "skipped_flat",
            Outcome::Skipped(Skip::OutOfRange) => "skipped_out_of_range",
        }
    }

    /// Returns the row of the window for which it was skipped.
    #[must_use]
    pub fn channel(self) -> Option<usize> {
        match self {
            Outcome::Skipped(Skip::NotFinite { channel } | Skip::Flat { channel }) => Some(channel),
            _ => None,
        }
    }
}

/// The sources of one window with their certificate.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// locations that are not zero, rising
    pub locations: Vec<usize>,
    pub(super) amplitudes: Vec<f64>,
    pub(super) n_times: usize,
    pub(super) n_orient: usize,
    /// primal and dual value, of the last weighted problem after reweighting
    pub certificate: Certificate,
    /// how the window ended
    pub outcome: Outcome,
    /// whether the deadline ended it
    pub deadline_hit: bool,
    /// the regularisation used
    pub alpha: f64,
    /// the smallest alpha for which no source is left, where the rule needs it
    pub alpha_max: Option<f64>,
    /// `1 - |M - G X|^2 / |M|^2`
    pub explained_variance: f64,
    /// epochs of the solver
    pub n_iter: usize,
    /// looks at all locations
    pub n_looks: usize,
    /// convex problems solved: 1 is MxNE
    pub n_reweights: usize,
    /// time taken
    pub elapsed: Duration,
}

impl Estimate {
    /// Makes an estimate without sources, with memory for those of a usual window.
    pub(super) fn nothing(n_times: usize, n_orient: usize) -> Result<Self, Error> {
        const LOCATIONS: usize = 64;
        Ok(Estimate {
            locations: memory::room("time courses", LOCATIONS)?,
            amplitudes: memory::room("time courses", LOCATIONS * n_orient * n_times)?,
            n_times,
            n_orient,
            certificate: Certificate::of_nothing(0.0),
            outcome: Outcome::Solved(Status::TimeLimit),
            deadline_hit: false,
            alpha: 0.0,
            alpha_max: None,
            explained_variance: 0.0,
            n_iter: 0,
            n_looks: 0,
            n_reweights: 0,
            elapsed: Duration::ZERO,
        })
    }

    /// Begins a window with X = 0, the certificate of which needs no work.
    pub(super) fn begin(&mut self, energy: f64) {
        self.locations.clear();
        self.amplitudes.clear();
        self.certificate = Certificate::of_nothing(0.5 * energy);
        self.outcome = Outcome::Solved(Status::TimeLimit);
        self.deadline_hit = false;
        (self.alpha, self.alpha_max, self.explained_variance) = (0.0, None, 0.0);
        (self.n_iter, self.n_looks, self.n_reweights) = (0, 0, 0);
    }

    /// Returns the time courses of the locations (locations * n_orient x n_times).
    ///
    /// # Errors
    /// None that can happen: the shape is that of the memory.
    pub fn amplitudes(&self) -> Result<ArrayView2<'_, f64>, Error> {
        let shape = (self.locations.len() * self.n_orient, self.n_times);
        ArrayView2::from_shape(shape, &self.amplitudes).map_err(|_| Error::Interrupted)
    }

    /// Tells whether the window was solved to the tolerance.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.outcome == Outcome::Solved(Status::Converged)
    }
}
