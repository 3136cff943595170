//! A look at all locations: bounds, and what is exact where it matters.

use crate::clock::{Clock, Halt};
use crate::gain::{Gain, ScreenRoom};
use crate::kernels::kernels;
use crate::memory;
use crate::panel::{Lane, Panel};
use crate::threads::Threads;

const WHAT: &str = "the correlations";

/// Directions of time in which the difference of two looks is looked at.
pub(super) const DIRECTIONS: usize = 16;

/// Looks after which a cheaper level is tried again.
const RETRY: usize = 20;

/// The level to begin with: neither the cheapest nor the closest.
fn usual(n_levels: usize) -> usize {
    n_levels.saturating_sub(2)
}

/// What a look at all locations has found, and works in.
pub(super) struct Look {
    room: ScreenRoom,
    /// at most `|G_s'R|`, exactly that where it mattered
    pub bounds: Vec<f64>,
    block: Vec<Lane>,
    /// for what differs from R in a few directions of time
    few: ScreenRoom,
    difference: Vec<f64>,
    /// how closely the residual is looked at
    level: usize,
    /// looks since a cheaper level was tried
    since: usize,
}

impl Look {
    pub fn new(gain: &Gain, n_times: usize, threads: &Threads) -> Result<Self, Halt> {
        let screen = gain.screen(&Clock::endless())?;
        Ok(Look {
            room: screen.room(n_times, threads)?,
            bounds: memory::zeros(WHAT, gain.n_locations())?,
            block: memory::zeros(WHAT, gain.n_orient() * n_times.div_ceil(8))?,
            few: screen.room(DIRECTIONS, threads)?,
            difference: memory::zeros(WHAT, gain.n_locations())?,
            level: usual(screen.n_levels()),
            since: 0,
        })
    }

    /// Bounds on `|G_s'R|`.
    pub fn bound(
        &mut self,
        gain: &Gain,
        residual: &Panel,
        (threads, clock): (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(clock)?;
        let level = usual(screen.n_levels());
        screen.bounds(level, residual, &mut self.room, &mut self.bounds, threads, clock)
    }

    /// Bounds on `|G_s'R|`, so close that few of them exceed `alpha` where the correlations do not.
    pub fn bound_below(
        &mut self,
        alpha: f64,
        gain: &Gain,
        residual: &Panel,
        (threads, clock): (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(clock)?;
        self.since += 1;
        if self.since > RETRY && self.level > 0 {
            (self.level, self.since) = (self.level - 1, 0);
        }
        loop {
            let Look { level, room, bounds, .. } = self;
            screen.bounds(*level, residual, room, bounds, threads, clock)?;
            if *level + 1 == screen.n_levels() {
                return Ok(());
            }
            // What is exact costs four times what is in single precision.
            let next = screen.n_components(*level + 1) * bounds.len();
            let many = bounds.iter().filter(|&&bound| bound > alpha).count();
            if 4 * many * gain.n_sensors() <= next {
                return Ok(());
            }
            (self.level, self.since) = (*level + 1, 0);
        }
    }

    /// Of the bounds on `|G_s'R|` makes such on `|G_s'(R + D + E)|`, with D in [`DIRECTIONS`] of time and `|E| = rest`.
    pub fn add(
        &mut self,
        gain: &Gain,
        (difference, rest): (&Panel, f64),
        (threads, clock): (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(clock)?;
        let level = usual(screen.n_levels());
        screen.bounds(level, difference, &mut self.few, &mut self.difference, threads, clock)?;
        let more = self.difference.iter().zip(screen.norms());
        for (bound, (difference, norm)) in self.bounds.iter_mut().zip(more) {
            *bound += difference + norm * rest;
        }
        Ok(())
    }

    /// The largest `|G_s'M|`, given bounds on all of them, if it exceeds `least`.
    pub fn largest_beyond(
        &mut self,
        least: f64,
        gain: &Gain,
        data: &Panel,
        clock: &Clock,
    ) -> Result<f64, Halt> {
        let first =
            (0..self.bounds.len()).max_by(|&a, &b| self.bounds[a].total_cmp(&self.bounds[b]));
        let mut largest = first.map_or(least, |s| least.max(self.exact(gain, s, data)));
        for s in 0..self.bounds.len() {
            if self.bounds[s] > largest {
                clock.spend(self.work(data))?;
                largest = largest.max(self.exact(gain, s, data));
            }
        }
        Ok(largest)
    }

    /// Multiplications of one exact correlation.
    pub fn work(&self, residual: &Panel) -> usize {
        8 * self.block.len() * residual.rows
    }

    /// `|G_s'R|` takes the place of its bound.
    pub fn exact(&mut self, gain: &Gain, s: usize, residual: &Panel) -> f64 {
        kernels().correlate(&mut self.block, gain.block(s), residual.lanes(), residual.width);
        self.bounds[s] = kernels().norm(&self.block);
        self.bounds[s]
    }

    /// At most `count` locations whose correlation exceeds `floor`, the largest first.
    pub fn largest(
        &self,
        out: &mut Vec<usize>,
        count: usize,
        floor: f64,
        is_wanted: impl Fn(usize) -> bool,
    ) {
        out.clear();
        out.extend((0..self.bounds.len()).filter(|&s| self.bounds[s] > floor && is_wanted(s)));
        let order =
            |a: &usize, b: &usize| self.bounds[*b].total_cmp(&self.bounds[*a]).then(a.cmp(b));
        if count < out.len() {
            out.select_nth_unstable_by(count, order);
            out.truncate(count);
        }
        out.sort_unstable_by(order);
    }
}
