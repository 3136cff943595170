//! The whitened gain, prepared once and shared by every solve.

mod preparation;
mod restricted;
mod screen;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::machine::units::times_power;
use crate::problem::curvature::Curvature;
use ndarray::{Array2, ArrayView2};
pub(crate) use preparation::Preparation;
pub(crate) use screen::{Room as ScreenRoom, Samples, Screen, Which, Workers};
use std::sync::OnceLock;

/// What the memory is for.
const WHAT: &str = "the gain";
/// Locations with a smaller block Lipschitz constant, where the largest is about 1, are too faint
/// to be squared.
pub(crate) const FAINT_LIPSCHITZ: f64 = 1e-210;

/// A whitened gain G (n_sensors x n_locations * n_orient), immutable and shared by many solves and
/// threads.
///
/// Preparing it copies the columns into location order (one copy, the only one), checks that they
/// are finite, and computes for every location s the small matrix `G_s' G_s`, its eigenvalues and
/// eigenvectors; the largest eigenvalue is the block Lipschitz constant (Strohmeier et al. 2016,
/// section II-B).
///
/// ```
/// use mxne_rs::Gain;
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 2.0]].view(), 1)?;
/// assert_eq!((gain.n_sensors(), gain.n_locations(), gain.n_orient()), (2, 2, 1));
/// assert_eq!(gain.lipschitz(1), 4.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
#[derive(Clone)]
pub struct Gain {
    n_sensors: usize,
    n_orient: usize,
    /// the power of two by which the columns were divided
    exponent: i32,
    /// a row per column of the gain, `n_sensors` long
    columns: Vec<f64>,
    curvature: Curvature,
    faint: Vec<Faint>,
    /// made when a stream first asks for it
    screen: OnceLock<Screen>,
}

/// A location whose columns are not zero, but too small beside the largest to be squared.
#[derive(Debug, Clone)]
pub(crate) struct Faint {
    pub location: usize,
    /// its columns, divided by a power of two of their own
    pub columns: Vec<f64>,
    /// that power of two
    pub exponent: i32,
    /// the block Lipschitz constant of the divided columns
    lipschitz: f64,
}

impl std::fmt::Debug for Gain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gain")
            .field("n_sensors", &self.n_sensors)
            .field("n_locations", &self.n_locations())
            .field("n_orient", &self.n_orient)
            .finish_non_exhaustive()
    }
}

impl Gain {
    /// Prepares a gain of shape (n_sensors, n_locations * n_orient).
    ///
    /// # Errors
    /// Empty arrays, an `n_orient` that does not divide the columns, values that are not finite, no
    /// memory.
    pub fn new(gain: ArrayView2<f64>, n_orient: usize) -> Result<Self, Error> {
        let mut preparation = Preparation::new(gain.dim(), n_orient)?;
        while preparation.copy_some(gain) {}
        preparation.finish(&Clock::endless()).map_err(Halt::into_error)
    }

    /// Returns the number of sensors (rows).
    #[must_use]
    pub fn n_sensors(&self) -> usize {
        self.n_sensors
    }

    /// Returns the number of orientations of a location: 1 fixed, 3 loose or free.
    #[must_use]
    pub fn n_orient(&self) -> usize {
        self.n_orient
    }

    /// Returns the number of locations.
    #[must_use]
    pub fn n_locations(&self) -> usize {
        self.columns.len() / (self.n_sensors * self.n_orient)
    }

    /// Returns the number of sources (columns): locations times orientations.
    #[must_use]
    pub fn n_sources(&self) -> usize {
        self.columns.len() / self.n_sensors
    }

    /// Returns the block Lipschitz constant `|G_s' G_s|_2` of location `s`; infinite or zero where
    /// double precision cannot hold it.
    ///
    /// # Panics
    /// If there is no location `s`.
    #[must_use]
    pub fn lipschitz(&self, s: usize) -> f64 {
        match self.faint.iter().find(|faint| faint.location == s) {
            Some(faint) => times_power(faint.lipschitz, 2 * (self.exponent + faint.exponent)),
            None => times_power(self.curvature.lipschitz(s), 2 * self.exponent),
        }
    }

    /// Copies the columns of some locations, in the order given (n_sensors x locations * n_orient).
    ///
    /// # Errors
    /// A location that does not exist, no memory.
    pub fn columns_of(&self, locations: &[usize]) -> Result<Array2<f64>, Error> {
        if let Some(&got) = locations.iter().find(|&&s| s >= self.n_locations()) {
            let (name, what, other) = ("locations", "as an index", "gain");
            let expected = self.n_locations() - 1;
            return Err(Error::Mismatch { name, what, got, expected, other });
        }
        let (n, o) = (self.n_sensors, self.n_orient);
        let mut out = memory::array(WHAT, n, locations.len().saturating_mul(o))?;
        for (k, &s) in locations.iter().enumerate() {
            for (j, column) in self.block(s).chunks_exact(n).enumerate() {
                for (i, &value) in column.iter().enumerate() {
                    out[[i, k * o + j]] = times_power(value, self.exponent);
                }
            }
        }
        Ok(out)
    }

    /// Computes the median of `|G_s|_2` over locations that are not zero, without the power of two
    /// taken out; 1 where all are zero.
    pub(crate) fn typical_norm(&self) -> f64 {
        let mut seen: Vec<f64> = (0..self.n_locations())
            .map(|s| self.curvature.lipschitz(s))
            .filter(|&lipschitz| lipschitz > 0.0)
            .collect();
        if seen.is_empty() {
            return 1.0;
        }
        let (middle, even) = (seen.len() / 2, seen.len().is_multiple_of(2));
        let (below, &mut upper, _) = seen.select_nth_unstable_by(middle, f64::total_cmp);
        let lower = if even { below.iter().fold(0.0, |a: f64, &b| a.max(b)) } else { upper };
        0.5 * (lower.sqrt() + upper.sqrt())
    }

    /// Returns the power of two by which the columns were divided.
    pub(crate) fn exponent(&self) -> i32 {
        self.exponent
    }

    /// Returns all columns, one after the other.
    pub(crate) fn columns(&self) -> &[f64] {
        &self.columns
    }

    /// Returns the columns of location `s`, one after the other.
    pub(crate) fn block(&self, s: usize) -> &[f64] {
        let size = self.n_sensors * self.n_orient;
        &self.columns[s * size..(s + 1) * size]
    }

    /// Returns `G_s'G_s` of every location and its eigen-decomposition.
    pub(crate) fn curvature(&self) -> &Curvature {
        &self.curvature
    }

    /// Returns the locations that are too faint to be squared: they stay at zero, and certificates
    /// compute their correlations from scaled columns.
    pub(crate) fn faint(&self) -> &[Faint] {
        &self.faint
    }

    /// Returns the screen, which bounds the correlations of all locations cheaply.
    pub(crate) fn screen(&self, clock: &Clock) -> Result<&Screen, Halt> {
        if let Some(screen) = self.screen.get() {
            return Ok(screen);
        }
        let made = Screen::new(self, clock)?;
        Ok(self.screen.get_or_init(|| made))
    }

    /// Copies the columns of some locations, one after the other.
    pub(crate) fn side_by_side(
        &self,
        locations: &[usize],
        clock: &Clock,
    ) -> Result<Vec<f64>, Halt> {
        let size = self.n_orient * self.n_sensors;
        let mut columns = memory::room(WHAT, locations.len() * size)?;
        for &s in locations {
            clock.spend(size)?;
            columns.extend_from_slice(self.block(s));
        }
        Ok(columns)
    }

    /// Makes the gain of some locations, in the order given.
    pub(crate) fn select(&self, locations: &[usize], clock: &Clock) -> Result<Gain, Halt> {
        let columns = self.side_by_side(locations, clock)?;
        let curvature = self.curvature.select(locations)?;
        let renamed = |(location, s): (usize, &usize)| {
            let faint = self.faint.iter().find(|faint| faint.location == *s);
            faint.map(|faint| Faint { location, ..faint.clone() })
        };
        let faint = match self.faint.is_empty() {
            true => Vec::new(),
            false => locations.iter().enumerate().filter_map(renamed).collect(),
        };
        let Gain { n_sensors, n_orient, exponent, .. } = *self;
        let screen = OnceLock::new();
        Ok(Gain { n_sensors, n_orient, exponent, columns, curvature, faint, screen })
    }
}

/// Refuses NaN and infinities, naming the first.
pub(crate) fn check_finite(name: &'static str, array: ArrayView2<f64>) -> Result<(), Error> {
    match array.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(Error::NotFinite { name, value, row, column }),
    }
}
