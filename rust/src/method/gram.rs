//! The quadratic of a working set: H = G'G + ridge and the correlations kept up to date; no sensor
//! is touched.

mod storage;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::{ROWS_AT_ONCE, kernels};
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::method::quadratic::Quadratic;
use crate::problem::convex::{Energies, support};
use crate::problem::curvature::Curvature;
use crate::problem::gain::Gain;
use std::ops::Range;

/// Correlations of more lanes than this do not stay in a core's cache from one block to the next:
/// they are updated for several blocks at a time.
const MAX_CACHED_LANES: usize = 8192;

/// What the memory is for.
const WHAT: &str = "the working set";

/// The smooth part as a Gram matrix: a block update costs `n_sources * n_orient * n_times`, for any
/// number of sensors.
pub(crate) struct Gram {
    n_orient: usize,
    ridge: f64,
    /// |M|^2
    data_energy: f64,
    /// G'G + ridge, a row every `stride` numbers
    hessian: Vec<f64>,
    stride: usize,
    /// G'M
    linear: Panel,
    /// G'M - (G'G + ridge) X
    correlations: Panel,
    curvature: Curvature,
    delayed: Delayed,
    /// lanes of `correlations` above which updates are delayed
    max_cached: usize,
}

/// Updates of the correlations that have reached only a window of neighbouring locations so far.
#[derive(Default)]
struct Delayed {
    window: usize,
    moved: Vec<usize>,
    /// by how much they moved, a block of rows each
    deltas: Vec<Lane>,
    /// the parts of their rows of H that are needed
    rows: Vec<f64>,
}

impl Delayed {
    /// Makes room for `rows` rows and a window full of blocks of `size` lanes.
    fn reserve(&mut self, rows: usize, size: usize) -> Result<(), Error> {
        self.moved = memory::room(WHAT, ROWS_AT_ONCE)?;
        self.deltas = memory::room(WHAT, ROWS_AT_ONCE * size)?;
        self.rows = memory::room(WHAT, ROWS_AT_ONCE * rows)?;
        Ok(())
    }
}

impl Gram {
    /// Makes the Gram matrix of no locations.
    pub fn empty(gain: &Gain, data: &Panel, ridge: f64) -> Result<Self, Error> {
        Ok(Gram {
            n_orient: gain.n_orient(),
            ridge,
            data_energy: kernels().energy(data.lanes()),
            hessian: Vec::new(),
            stride: 0,
            linear: Panel::zeros(0, data.n_times)?,
            correlations: Panel::zeros(0, data.n_times)?,
            curvature: Curvature::default(),
            delayed: Delayed::default(),
            max_cached: MAX_CACHED_LANES,
        })
    }

    /// Returns the rows of the window.
    fn window_rows(&self) -> Range<usize> {
        let (o, size) = (self.n_orient, self.window());
        let first = self.delayed.window * size * o;
        first..(first + size * o).min(self.linear.rows)
    }

    /// Tells whether updates are delayed.
    fn is_large(&self) -> bool {
        self.correlations.lanes().len() > self.max_cached
    }

    /// Returns the number of locations in a window.
    fn window(&self) -> usize {
        (ROWS_AT_ONCE / self.n_orient).max(1)
    }

    /// Makes the delayed updates on the rows given, and forgets them.
    fn subtract_delayed(&mut self, before: Range<usize>, after: Range<usize>) {
        let (moved, deltas) =
            (std::mem::take(&mut self.delayed.moved), std::mem::take(&mut self.delayed.deltas));
        self.subtract(before, &moved, &deltas);
        self.subtract(after, &moved, &deltas);
        (self.delayed.moved, self.delayed.deltas) = (moved, deltas);
        self.delayed.moved.clear();
        self.delayed.deltas.clear();
    }

    /// Updates the rows given: `correlations -= H_moved' deltas`.
    fn subtract(&mut self, rows: Range<usize>, moved: &[usize], deltas: &[Lane]) {
        let (o, stride, width) = (self.n_orient, self.stride, self.linear.width);
        let target = &mut self.correlations.lanes_mut()[rows.start * width..rows.end * width];
        if let (1, &[s]) = (o, moved) {
            let row = &self.hessian[s * stride..];
            kernels().subtract_outer(target, &row[rows.start..rows.end], deltas, width);
            return;
        }
        self.delayed.rows.clear();
        for i in moved.iter().flat_map(|s| s * o..(s + 1) * o) {
            let row = &self.hessian[i * stride..];
            self.delayed.rows.extend_from_slice(&row[rows.start..rows.end]);
        }
        kernels().subtract_outer(target, &self.delayed.rows, deltas, width);
    }
}

impl Quadratic for Gram {
    fn n_orient(&self) -> usize {
        self.n_orient
    }

    fn curvature(&self) -> &Curvature {
        &self.curvature
    }

    fn ridge(&self) -> f64 {
        self.ridge
    }

    fn work(&self) -> usize {
        8 * self.n_orient * self.correlations.lanes().len()
    }

    fn work_of_pass(&self, n_active: usize) -> usize {
        n_active * self.work() + 8 * self.n_orient * self.correlations.lanes().len()
    }

    fn load(&mut self, x: &Panel, clock: &Clock) -> Result<(), Halt> {
        let (o, p) = (self.n_orient, self.linear.rows);
        self.delayed.moved.clear();
        self.delayed.deltas.clear();
        self.correlations.lanes_mut().copy_from_slice(self.linear.lanes());
        let alive = support(x, o);
        if self.is_large() {
            let window = self.window();
            for s in alive {
                self.delayed.moved.push(s);
                self.delayed.deltas.extend_from_slice(x.block(s, o));
                if self.delayed.moved.len() == window {
                    clock.spend(window * self.work())?;
                    self.subtract_delayed(0..p, 0..0);
                }
            }
            self.subtract_delayed(0..p, 0..0);
        } else {
            for s in alive {
                clock.spend(self.work())?;
                self.subtract(0..p, &[s], x.block(s, o));
            }
        }
        Ok(())
    }

    fn advance(&mut self, s: usize, delta: &[Lane]) {
        if !self.is_large() {
            self.subtract(0..self.linear.rows, &[s], delta);
            return;
        }
        let window = s / self.window();
        if window != self.delayed.window {
            self.settle();
            self.delayed.window = window;
        }
        self.subtract(self.window_rows(), &[s], delta);
        self.delayed.moved.push(s);
        self.delayed.deltas.extend_from_slice(delta);
    }

    /// Makes the delayed updates before and after the window.
    fn settle(&mut self) {
        if self.delayed.moved.is_empty() {
            return;
        }
        let inside = self.window_rows();
        self.subtract_delayed(0..inside.start, inside.end..self.linear.rows);
    }

    fn correlation(&mut self, s: usize, _block: &[Lane], out: &mut [Lane]) {
        if s / self.window() != self.delayed.window {
            self.settle();
        }
        out.copy_from_slice(self.correlations.block(s, self.n_orient));
    }

    fn correlations(&self, _x: &Panel, out: &mut Panel, _clock: &Clock) -> Result<(), Halt> {
        out.lanes_mut().copy_from_slice(self.correlations.lanes());
        Ok(())
    }

    /// Computes `|R|^2 + ridge |X|^2 = |M|^2 - <X, G'M + C>`, `<R, M> = |M|^2 - <X, G'M>`.
    fn energies(&self, x: &Panel) -> Energies {
        let against_data = self.data_energy - kernels().dot(x.lanes(), self.linear.lanes());
        let residual = against_data - kernels().dot(x.lanes(), self.correlations.lanes());
        Energies { residual: residual.max(0.0), against_data }
    }

    fn restrict(
        &self,
        locations: &[usize],
        hessian: &mut Panel,
        linear: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let (o, to) = (self.n_orient, hessian.stride());
        for (place, &s) in locations.iter().enumerate() {
            clock.spend(o * to)?;
            linear.block_mut(place, o).copy_from_slice(self.linear.block(s, o));
            for i in 0..o {
                let from = &self.hessian[(s * o + i) * self.stride..];
                let row = &mut hessian.values_mut()[(place * o + i) * to..];
                for (column, &t) in locations.iter().enumerate() {
                    row[column * o..(column + 1) * o].copy_from_slice(&from[t * o..(t + 1) * o]);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Delayed updates change nothing but the rounding.
    #[test]
    fn late_updates_are_the_same() -> Result<(), Halt> {
        let clock = Clock::endless();
        for (n_orient, n_locations) in [(1, 40), (3, 11), (5, 7)] {
            let wave = |i: usize, j: usize| ((i * 31 + j * 17) as f64).sin();
            let gain = Array2::from_shape_fn((9, n_locations * n_orient), |(i, j)| wave(i, j));
            let gain = Gain::new(gain.view(), n_orient)?;
            let data =
                Panel::from_array(Array2::from_shape_fn((9, 20), |(i, j)| wave(j, i)).view())?;
            let all: Vec<usize> = (0..n_locations).collect();
            let (mut now, mut late) =
                (Gram::empty(&gain, &data, 0.3)?, Gram::empty(&gain, &data, 0.3)?);
            late.max_cached = 0;
            let x = Array2::from_shape_fn((n_locations * n_orient, 20), |(i, j)| {
                if i / n_orient % 3 == 1 { 0.0 } else { wave(i + j, j) }
            });
            let x = Panel::from_array(x.view())?;
            let mut out = (
                vec![Lane([0.0; 8]); n_orient * x.width],
                vec![Lane([0.0; 8]); n_orient * x.width],
            );
            for gram in [&mut now, &mut late] {
                gram.extend(&gain, &all, &data, &clock)?;
                gram.load(&x, &clock)?;
            }
            for s in [0, 1, 2, 6, 3, 1, n_locations - 1, 0] {
                now.advance(s, x.block((s + 2) % n_locations, n_orient));
                late.advance(s, x.block((s + 2) % n_locations, n_orient));
                now.correlation((s + 1) % n_locations, &[], &mut out.0);
                late.correlation((s + 1) % n_locations, &[], &mut out.1);
                let close =
                    |(a, b): (&Lane, &Lane)| (0..8).all(|i| (a.0[i] - b.0[i]).abs() < 1e-11);
                assert!(out.0.iter().zip(&out.1).all(close));
            }
            late.settle();
            let pairs = now.correlations.values().iter().zip(late.correlations.values());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-11));
        }
        Ok(())
    }
}
