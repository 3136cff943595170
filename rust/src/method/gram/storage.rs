//! Changes of a Gram matrix in place: locations are added and removed, data replaced.

use super::{Gram, WHAT};
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::problem::gain::Gain;

impl Gram {
    /// Adds locations of the gain, so that `all` are in it, those from before first; only the new
    /// rows and columns of H are computed. After a halt it cannot be used.
    pub fn extend(
        &mut self,
        gain: &Gain,
        all: &[usize],
        data: &Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let (old, rows) = (self.linear.rows, all.len() * self.n_orient);
        self.make_room(rows, clock)?;
        let stride = self.stride;
        gain.squares_from(old, all, &mut self.hessian, stride, clock)?;
        (old..rows).for_each(|i| self.hessian[i * stride + i] += self.ridge);
        self.linear.resize(rows)?;
        self.correlations.reset(rows)?;
        let first = old / self.n_orient;
        gain.correlate_from(first, all, data, &mut self.linear, clock)?;
        self.curvature.append(gain.curvature(), &all[first..])?;
        Ok(())
    }

    /// Computes the largest `|G_s'M|`.
    pub fn largest_linear(&self) -> f64 {
        let blocks = self.linear.lanes().chunks(self.n_orient * self.linear.width);
        blocks.map(|block| kernels().norm(block)).fold(0.0, f64::max)
    }

    /// Computes `|C_s|` at the state.
    pub fn correlation_norm(&self, s: usize) -> f64 {
        kernels().norm(self.correlations.block(s, self.n_orient))
    }

    /// Makes room for `n_locations` locations.
    pub fn reserve(&mut self, n_locations: usize) -> Result<(), Halt> {
        let rows = n_locations * self.n_orient;
        self.make_room(rows, &Clock::endless())?;
        self.curvature.reserve(n_locations, self.n_orient)?;
        self.delayed.reserve(rows, self.n_orient * self.linear.width)?;
        for panel in [&mut self.linear, &mut self.correlations] {
            panel.resize(rows)?;
            panel.reset(0)?;
        }
        Ok(())
    }

    /// Makes room for `rows` rows and columns of H; where it has to grow, it grows by half.
    fn make_room(&mut self, rows: usize, clock: &Clock) -> Result<(), Halt> {
        if rows > self.stride {
            let (old, stride) = (self.stride, rows.max(self.stride + self.stride / 2));
            let mut hessian: Vec<f64> = memory::zeros(WHAT, stride.saturating_mul(stride))?;
            for (to, from) in hessian.chunks_mut(stride).zip(self.hessian.chunks(old.max(1))) {
                clock.spend(old)?;
                to[..old].copy_from_slice(from);
            }
            (self.hessian, self.stride) = (hessian, stride);
        }
        Ok(())
    }

    /// Keeps the locations at the places given, rising, and removes the others.
    pub fn retain(&mut self, kept: &[usize], clock: &Clock) -> Result<(), Halt> {
        let (o, width) = (self.n_orient, self.linear.width);
        for (to, &from) in kept.iter().enumerate() {
            clock.spend(o * (8 * width + kept.len() * o))?;
            let lanes = from * o * width..(from + 1) * o * width;
            self.linear.lanes_mut().copy_within(lanes, to * o * width);
            for i in 0..o {
                let (row, target) = ((from * o + i) * self.stride, (to * o + i) * self.stride);
                for (column, &s) in kept.iter().enumerate() {
                    let block = row + s * o..row + (s + 1) * o;
                    self.hessian.copy_within(block, target + column * o);
                }
            }
        }
        self.linear.resize(kept.len() * o)?;
        self.correlations.resize(kept.len() * o)?;
        self.curvature.retain(kept);
        self.delayed.window = 0;
        Ok(())
    }

    /// Replaces the data by others of as many samples; `all` are the locations in it.
    pub fn renew(
        &mut self,
        gain: &Gain,
        all: &[usize],
        data: &Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        self.data_energy = kernels().energy(data.lanes());
        gain.correlate_from(0, all, data, &mut self.linear, clock)
    }
}
