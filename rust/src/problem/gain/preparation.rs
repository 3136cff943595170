//! A gain being prepared: copied piece by piece, then checked and scaled as a whole.

use super::{FAINT_LIPSCHITZ, Faint, Gain, WHAT};
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::machine::units::{exponent, times_power};
use crate::problem::curvature::Curvature;
use ndarray::{ArrayView2, Axis, s};

/// Columns that the copy into location order moves at a time, so that reads and writes stay in the
/// cache.
const TILE_COLUMNS: usize = 64;
/// Sensors that the copy moves at a time: a cache line.
const TILE_SENSORS: usize = 8;
/// Numbers that are copied in one piece: a few milliseconds.
const PIECE_NUMBERS: usize = 1 << 19;
/// Where the largest block Lipschitz constant is in this range, the gain need not be scaled.
const ORDINARY_LIPSCHITZ: std::ops::Range<f64> = 1e-57..1e57;

/// A gain being copied into location order; the caller may do other things between the pieces.
pub(crate) struct Preparation {
    n_sensors: usize,
    n_orient: usize,
    columns: Vec<f64>,
    /// columns copied
    done: usize,
}

impl Preparation {
    /// Makes room for a gain of this shape.
    pub fn new((n_sensors, n_columns): (usize, usize), n_orient: usize) -> Result<Self, Error> {
        if n_sensors == 0 || n_columns == 0 {
            return Err(Error::Empty { name: "gain", rows: n_sensors, columns: n_columns });
        }
        if n_orient == 0 || n_columns % n_orient != 0 {
            return Err(Error::Orientation { n_orient, columns: n_columns });
        }
        let columns = memory::zeros(WHAT, n_sensors.saturating_mul(n_columns))?;
        Ok(Preparation { n_sensors, n_orient, columns, done: 0 })
    }

    /// Returns the shape of the gain.
    pub fn shape(&self) -> (usize, usize) {
        (self.n_sensors, self.columns.len() / self.n_sensors)
    }

    /// Copies the next piece of the gain; returns whether there are more.
    pub fn copy_some(&mut self, gain: ArrayView2<f64>) -> bool {
        let (n, n_columns) = self.shape();
        let flipped = gain.reversed_axes();
        let tile = match flipped.is_standard_layout() {
            true => n_columns,
            false => TILE_COLUMNS,
        };
        let end = (self.done
            + (PIECE_NUMBERS / n).max(TILE_COLUMNS).next_multiple_of(TILE_COLUMNS))
        .min(n_columns);
        for first in (self.done..end).step_by(tile) {
            let last = (first + tile).min(end);
            copy_tile(&mut self.columns[first * n..last * n], flipped.slice(s![first..last, ..]));
        }
        self.done = end;
        end < n_columns
    }

    /// Checks and scales the gain, once all of it is copied.
    pub fn finish(self, clock: &Clock) -> Result<Gain, Halt> {
        let Preparation { n_sensors, n_orient, mut columns, .. } = self;
        let mut curvature = Curvature::new(&columns, n_sensors, n_orient, clock)?;
        let n_locations = columns.len() / (n_sensors * n_orient);
        let largest = (0..n_locations).fold(0.0, |a: f64, s| a.max(curvature.lipschitz(s)));
        let mut taken_out = 0;
        if !curvature.is_finite() || !ORDINARY_LIPSCHITZ.contains(&largest) {
            taken_out = exponent(largest_of(&columns, n_sensors, clock)?);
            if taken_out != 0 {
                for column in columns.chunks_exact_mut(n_sensors) {
                    clock.spend(n_sensors)?;
                    scale(column, -taken_out)?;
                }
                curvature = Curvature::new(&columns, n_sensors, n_orient, clock)?;
            }
        }
        let mut faint = Vec::new();
        for (location, block) in columns.chunks_exact(n_sensors * n_orient).enumerate() {
            if curvature.lipschitz(location) < FAINT_LIPSCHITZ
                && block.iter().any(|value| *value != 0.0)
            {
                let exponent = exponent(block.iter().fold(0.0, |a: f64, b| a.max(b.abs())));
                let mut columns = memory::copied(WHAT, block)?;
                scale(&mut columns, -exponent)?;
                let own = Curvature::new(&columns, n_sensors, n_orient, clock)?;
                faint.push(Faint { location, columns, exponent, lipschitz: own.lipschitz(0) });
            }
        }
        let screen = std::sync::OnceLock::new();
        Ok(Gain { n_sensors, n_orient, exponent: taken_out, columns, curvature, faint, screen })
    }
}

/// Multiplies by a power of two, without loss.
fn scale(values: &mut [f64], exponent: i32) -> Result<(), Error> {
    for value in values {
        let scaled = times_power(*value, exponent);
        if *value != times_power(scaled, -exponent) {
            let (name, value) = ("the smallest absolute value in gain", value.abs());
            let remedy =
                "it is too small beside the largest: scale its location up, or make it zero";
            return Err(Error::Parameter { name, value, remedy });
        }
        *value = scaled;
    }
    Ok(())
}

/// Finds the largest absolute value; refuses NaN and infinities.
fn largest_of(columns: &[f64], n_sensors: usize, clock: &Clock) -> Result<f64, Halt> {
    let mut largest: f64 = 0.0;
    for (j, column) in columns.chunks_exact(n_sensors).enumerate() {
        clock.spend(n_sensors)?;
        for (i, value) in column.iter().enumerate() {
            if !value.is_finite() {
                let (name, value) = ("gain", *value);
                return Err(Error::NotFinite { name, value, row: i, column: j }.into());
            }
            largest = largest.max(value.abs());
        }
    }
    Ok(largest)
}

/// Copies columns into row order, in tiles that stay in the cache.
fn copy_tile(out: &mut [f64], columns: ArrayView2<f64>) {
    if let Some(values) = columns.as_slice() {
        out.copy_from_slice(values);
        return;
    }
    let n = columns.ncols();
    for (strip, sensors) in columns.axis_chunks_iter(Axis(1), TILE_SENSORS).enumerate() {
        for (j, column) in sensors.rows().into_iter().enumerate() {
            let at = j * n + strip * TILE_SENSORS;
            for (value, &source) in out[at..].iter_mut().zip(column) {
                *value = source;
            }
        }
    }
}
