//! The answer of a run, as plain data.

use crate::machine::units::Units;
use ndarray::{Array2, ArrayView2};
use realfft::num_complex::Complex;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The duality gap of the full problem is at most the tolerance.
    Converged,
    /// The epochs allowed are used up.
    IterationLimit,
    /// The time allowed is used up.
    TimeLimit,
    /// Rounding keeps the gap from falling further.
    Stalled,
}

impl Status {
    /// Returns the name in lower case with underscores, as Python shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::IterationLimit => "iteration_limit",
            Status::TimeLimit => "time_limit",
            Status::Stalled => "stalled",
        }
    }
}

/// A primal and a dual value of one convex problem: the optimum lies between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// P(X); like the two below, infinite or zero where double precision cannot hold the squares of
    /// the data
    pub primal: f64,
    /// D, a lower bound on the optimum
    pub dual: f64,
    /// P(0) = |M|^2 / 2, the unit of the relative gap
    pub scale: f64,
    relative: f64,
}

impl Certificate {
    pub(crate) fn new(primal: f64, dual: f64, scale: f64) -> Self {
        let primal = if primal.is_nan() { f64::INFINITY } else { primal };
        let gap = if primal.is_finite() { (primal - dual).max(0.0) } else { f64::INFINITY };
        let relative = match scale > 0.0 {
            true => gap / scale,
            false if gap > 0.0 => f64::INFINITY,
            false => 0.0,
        };
        Certificate { primal, dual, scale, relative }
    }

    /// Certifies X = 0 without computing anything.
    pub(crate) fn of_nothing(scale: f64) -> Self {
        Certificate::new(scale, 0.0, scale)
    }

    /// Converts to the caller's units.
    pub(crate) fn in_units(self, units: Units) -> Self {
        Certificate {
            primal: units.energy(self.primal),
            dual: units.energy(self.dual),
            scale: units.energy(self.scale),
            relative: self.relative,
        }
    }

    /// Computes the duality gap `P - D`, never negative.
    #[must_use]
    pub fn gap(&self) -> f64 {
        let gap = (self.primal - self.dual).max(0.0);
        if self.primal.is_finite() { gap } else { f64::INFINITY }
    }

    /// Returns the gap in units of `|M|^2 / 2`; for data of zero, 0 at X = 0 and infinite
    /// elsewhere.
    #[must_use]
    pub fn relative_gap(&self) -> f64 {
        self.relative
    }
}

/// The rows of X that are not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Sources {
    /// the support: locations that are not zero, rising
    pub locations: Vec<usize>,
    /// their time courses (locations * n_orient x n_times)
    pub coef: Array2<f64>,
    /// rows a location has
    pub n_orient: usize,
}

impl Sources {
    /// Keeps the locations of a dense X (n_sources x n_times) that are not zero.
    ///
    /// # Panics
    /// If `n_orient` is zero.
    #[must_use]
    pub fn from_dense(x: ArrayView2<f64>, n_orient: usize) -> Self {
        let block = |s: usize| x.slice(ndarray::s![s * n_orient..(s + 1) * n_orient, ..]);
        let locations: Vec<usize> =
            (0..x.nrows() / n_orient).filter(|&s| block(s).iter().any(|v| *v != 0.0)).collect();
        let rows: Vec<usize> =
            locations.iter().flat_map(|s| s * n_orient..(s + 1) * n_orient).collect();
        let coef = x.select(ndarray::Axis(0), &rows);
        Sources { locations, coef, n_orient }
    }

    /// Makes X with all its rows (n_locations * n_orient x n_times).
    #[must_use]
    pub fn to_dense(&self, n_locations: usize) -> Array2<f64> {
        let o = self.n_orient;
        let mut x = Array2::zeros((n_locations * o, self.coef.ncols()));
        for (i, &s) in self.locations.iter().enumerate() {
            let rows = self.coef.slice(ndarray::s![i * o..(i + 1) * o, ..]);
            x.slice_mut(ndarray::s![s * o..(s + 1) * o, ..]).assign(&rows);
        }
        x
    }
}

/// The time-frequency coefficients Z of the sources that are not zero, row by row.
///
/// A row has the coefficients of one transform after the other, those of each by frequency, then
/// by window: value `f * n_windows + i` belongs to frequency `f / wsize` (of the sampling rate) and
/// to the window that starts `i * tstep` samples after the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// locations with coefficients, rising
    pub locations: Vec<usize>,
    /// rows a location has
    pub n_orient: usize,
    /// coefficients a row has, zeros included
    pub n_coefs: usize,
    /// where each row begins in `places` and `values`, and where the last one ends
    pub starts: Vec<usize>,
    /// places of the coefficients in their row, rising within it
    pub places: Vec<usize>,
    /// the coefficients that are not zero
    pub values: Vec<Complex<f64>>,
}

/// One certificate of the full problem during a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// epochs done
    pub n_iter: usize,
    /// primal value
    pub primal: f64,
    /// relative duality gap
    pub gap: f64,
    /// locations that were not zero
    pub n_active: usize,
}

/// What a solution after reweighting has besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Reweighting {
    /// value of the non-convex objective after each round that was accepted: never rising,
    /// but for rounding
    pub objectives: Vec<f64>,
    /// the weights of the last convex problem, infinite where a location is kept at zero
    pub weights: Vec<f64>,
    /// convex problems solved
    pub n_reweights: usize,
    /// whether support and amplitudes had stopped changing
    pub converged: bool,
    /// the unit in which the penalty saw amplitudes, in the unit of data over gain
    pub amplitude_unit: f64,
    /// locations that were not zero in the first round, which is MxNE
    pub n_active_first: usize,
}

/// A sparse source estimate with its certificate.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Solution {
    /// the sources found
    pub sources: Sources,
    /// their time-frequency coefficients, from TF-MxNE
    pub coefficients: Option<Coefficients>,
    /// primal and dual value, of the last weighted problem after reweighting
    pub certificate: Certificate,
    /// how the run ended
    pub status: Status,
    /// the regularisation used
    pub alpha: f64,
    /// `1 - |M - G X|^2 / |M|^2`, 0 where there are no data
    pub explained_variance: f64,
    /// epochs of the inner solver, in all
    pub n_iter: usize,
    /// seconds
    pub elapsed: f64,
    /// the certificates during the run
    pub history: Vec<Record>,
    /// present after reweighting
    pub reweighting: Option<Reweighting>,
}
