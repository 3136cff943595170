//! Arrays of time courses, padded so that every row is a whole number of aligned vectors.

use crate::error::Error;
use crate::machine::memory;
use crate::machine::units::times_power;
use bytemuck::{Pod, Zeroable};
use ndarray::{Array2, ArrayView2};

/// Eight samples, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Lane(pub [f64; 8]);

/// A `rows` x `n_times` matrix in row order; samples beyond `n_times` are zero.
#[derive(Debug, PartialEq)]
pub(crate) struct Panel {
    pub rows: usize,
    pub n_times: usize,
    /// lanes in a row
    pub width: usize,
    lanes: Vec<Lane>,
}

impl Panel {
    /// Allocates a matrix of zeros, or [`Error::Memory`].
    pub fn zeros(rows: usize, n_times: usize) -> Result<Self, Error> {
        let width = n_times.div_ceil(8).max(1);
        let lanes = memory::zeros("time courses", rows.saturating_mul(width))?;
        Ok(Panel { rows, n_times, width, lanes })
    }

    /// Copies, or [`Error::Memory`].
    pub fn copy(&self) -> Result<Self, Error> {
        let lanes = memory::copied("time courses", &self.lanes)?;
        Ok(Panel { lanes, ..*self })
    }

    /// Becomes a matrix of zeros with `rows` rows, in the memory at hand where that is enough.
    pub fn reset(&mut self, rows: usize) -> Result<(), Error> {
        self.lanes.clear();
        self.resize(rows)
    }

    /// Becomes a matrix of zeros of another shape, in the memory at hand where that is enough.
    pub fn reshape(&mut self, rows: usize, n_times: usize) -> Result<(), Error> {
        (self.n_times, self.width) = (n_times, n_times.div_ceil(8).max(1));
        self.reset(rows)
    }

    /// Keeps the first `n_times` columns, a multiple of 8.
    pub fn narrow(&mut self, n_times: usize) -> Result<(), Error> {
        let (wide, width) = (self.width, n_times / 8);
        for row in 0..self.rows {
            self.lanes.copy_within(row * wide..row * wide + width, row * width);
        }
        (self.n_times, self.width) = (n_times, width);
        self.resize(self.rows)
    }

    /// Changes the number of rows; new ones are zero.
    pub fn resize(&mut self, rows: usize) -> Result<(), Error> {
        let lanes = rows.saturating_mul(self.width);
        memory::resize("time courses", &mut self.lanes, lanes)?;
        self.rows = rows;
        Ok(())
    }

    /// Copies an array, with padding.
    pub fn from_array(array: ArrayView2<f64>) -> Result<Self, Error> {
        let mut panel = Panel::zeros(array.nrows(), array.ncols())?;
        let stride = panel.stride();
        let values = panel.values_mut();
        for (i, row) in array.rows().into_iter().enumerate() {
            for (value, &source) in values[i * stride..].iter_mut().zip(row) {
                *value = source;
            }
        }
        Ok(panel)
    }

    /// Copies into an array, without padding.
    pub fn to_array(&self) -> Result<Array2<f64>, Error> {
        let mut out = memory::array("time courses", self.rows, self.n_times)?;
        for (mut row, values) in out.rows_mut().into_iter().zip(self.values().chunks(self.stride()))
        {
            row.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
        }
        Ok(out)
    }

    /// Returns the distance between rows in samples.
    pub fn stride(&self) -> usize {
        8 * self.width
    }

    pub fn values(&self) -> &[f64] {
        bytemuck::cast_slice(&self.lanes)
    }

    pub fn values_mut(&mut self) -> &mut [f64] {
        bytemuck::cast_slice_mut(&mut self.lanes)
    }

    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub fn lanes_mut(&mut self) -> &mut [Lane] {
        &mut self.lanes
    }

    /// Returns the rows of block `s`, where `n_orient` rows make a block.
    pub fn block(&self, s: usize, n_orient: usize) -> &[Lane] {
        let size = n_orient * self.width;
        &self.lanes[s * size..(s + 1) * size]
    }

    pub fn block_mut(&mut self, s: usize, n_orient: usize) -> &mut [Lane] {
        let size = n_orient * self.width;
        &mut self.lanes[s * size..(s + 1) * size]
    }

    /// Multiplies by a power of two.
    pub fn scale(&mut self, exponent: i32) {
        if exponent != 0 {
            self.values_mut().iter_mut().for_each(|x| *x = times_power(*x, exponent));
        }
    }

    /// Copies some blocks, in the order given.
    pub fn select(&self, blocks: &[usize], n_orient: usize) -> Result<Panel, Error> {
        let mut out = Panel::zeros(blocks.len() * n_orient, self.n_times)?;
        for (to, &from) in blocks.iter().enumerate() {
            out.block_mut(to, n_orient).copy_from_slice(self.block(from, n_orient));
        }
        Ok(out)
    }
}

/// Tells whether every sample is exactly zero.
pub(crate) fn is_zero(block: &[Lane]) -> bool {
    block.iter().all(|lane| lane.0.iter().all(|&value| value == 0.0))
}

/// Adds a multiple: `out += factor * x`.
pub(crate) fn add_scaled(out: &mut [Lane], factor: f64, x: &[Lane]) {
    for (target, lane) in out.iter_mut().zip(x) {
        for (value, x) in target.0.iter_mut().zip(lane.0) {
            *value += factor * x;
        }
    }
}
