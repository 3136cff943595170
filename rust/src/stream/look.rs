//! A look at all locations: bounds, and what is exact where it matters.

use super::pieces::Pieces;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::machine::threads::Threads;
use crate::problem::gain::{Gain, ScreenRoom, Which};

const WHAT: &str = "the correlations";

/// Directions of time in which the difference of two looks is looked at.
pub(super) const DIRECTIONS: usize = 16;

/// A level that was not close enough is tried again where the residual is smaller, and later: a look moves the limit by so much.
const LATER: f64 = 1.02;
/// Where more than one in so many locations are left, a level was not close enough.
const LEFT: usize = 2;
/// What is exact costs so many times what is in single precision.
const EXACT: usize = 4;

/// The level of a look whose purpose is not known: neither the cheapest nor the closest.
fn usual(n_levels: usize) -> usize {
    n_levels.saturating_sub(2)
}

/// What a look at all locations has found, and works in.
///
/// The window is looked at in pieces, which stay while the window moves on: samples are looked at when they are new. What the
/// sources have changed since is bounded as well.
pub(super) struct Look {
    room: ScreenRoom,
    /// at most `|G_s'R|`, exactly that where it mattered
    pub bounds: Vec<f64>,
    pub pieces: Pieces,
    block: Vec<Lane>,
    /// for what differs from R in a few directions of time
    few: ScreenRoom,
    difference: Vec<f64>,
    /// locations that are looked at more closely, and what comes of it
    left: Vec<usize>,
    far: Vec<usize>,
    squares: Vec<f64>,
    /// of every level but the closest, how large `|R|` over alpha may be for it to be close enough
    limits: Vec<f64>,
}

impl Look {
    pub fn new(
        gain: &Gain,
        (n_times, hop): (usize, usize),
        threads: &Threads,
    ) -> Result<Self, Halt> {
        let screen = gain.screen(&Clock::endless())?;
        let zeros = || memory::zeros(WHAT, gain.n_locations());
        Ok(Look {
            room: screen.room(n_times, threads)?,
            bounds: zeros()?,
            pieces: Pieces::new(gain.n_locations(), (n_times, hop))?,
            block: memory::zeros(WHAT, gain.n_orient() * n_times.div_ceil(8))?,
            few: screen.room(DIRECTIONS, threads)?,
            difference: zeros()?,
            left: memory::room(WHAT, gain.n_locations())?,
            far: memory::room(WHAT, gain.n_locations())?,
            squares: zeros()?,
            limits: (1..screen.n_levels()).map(|_| f64::INFINITY).collect(),
        })
    }

    /// Bounds on `|G_s'R|`.
    pub fn bound(
        &mut self,
        gain: &Gain,
        residual: &Panel,
        tools: (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(tools.1)?;
        let (level, all) = (usual(screen.n_levels()), (residual, 0..residual.n_times));
        screen.squares(level, all, &mut self.room, (Which::All, &mut self.bounds), tools)?;
        self.bounds.iter_mut().for_each(|bound| *bound = bound.sqrt());
        Ok(())
    }

    /// Bounds on `|G_s'R|`, so close that few of them exceed `alpha` where the correlations do not.
    ///
    /// In the samples seen R has changed by `(D, |E|)`, D in [`DIRECTIONS`] of time.
    pub fn bound_below(
        &mut self,
        alpha: f64,
        gain: &Gain,
        residual: &Panel,
        (difference, rest): (&Panel, f64),
        tools: (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(tools.1)?;
        let (n, n_times) = (gain.n_sensors(), residual.n_times);
        // Should it end in between, nothing has been seen.
        let n_seen = self.pieces.take();
        if n_seen > 0 && (difference.n_times > 0 || rest > 0.0) {
            self.differ(0, gain, (difference, rest), tools)?;
            self.pieces.loosen(n_seen, &self.difference);
        }
        let (n_seen, n_pieces) = self.pieces.cut(n_seen, n_times);
        let Look { room, bounds, pieces, limits, left, far, squares, .. } = self;
        let ratio = kernels().norm(residual.lanes()) / alpha;
        let top = screen.n_levels() - 1;
        let mut level = limits.iter().position(|&limit| ratio < limit).unwrap_or(top);
        bounds.fill(0.0);
        for (i, (samples, piece)) in pieces.with_samples(n_pieces).enumerate() {
            if i >= n_seen {
                let every = (Which::All, &mut piece.squares[..]);
                screen.squares(level, (residual, samples), room, every, tools)?;
                piece.levels.fill(level);
            }
            bounds.iter_mut().zip(&piece.squares).for_each(|(sum, square)| *sum += square);
        }
        bounds.iter_mut().for_each(|bound| *bound = bound.sqrt());
        limits[..level].iter_mut().for_each(|limit| *limit *= LATER);
        left.clear();
        left.extend((0..bounds.len()).filter(|&s| bounds[s] > alpha));
        if level < top && left.len() > bounds.len() / LEFT {
            limits[level] = ratio;
        }
        // Closer and closer, as long as that is less work than what is exact.
        while level < top {
            level += 1;
            let k = screen.n_components(level);
            let rows = left.len() * gain.n_orient();
            if EXACT * rows * n <= k * (n + rows) {
                break;
            }
            left.iter().for_each(|&s| bounds[s] = 0.0);
            for (samples, piece) in pieces.with_samples(n_pieces) {
                far.clear();
                far.extend(left.iter().filter(|&&s| piece.levels[s] < level));
                let squares = &mut squares[..far.len()];
                let these = (Which::These(far), &mut *squares);
                screen.squares(level, (residual, samples), room, these, tools)?;
                for (&s, &square) in far.iter().zip(&*squares) {
                    (piece.squares[s], piece.levels[s]) = (square, level);
                }
                left.iter().for_each(|&s| bounds[s] += piece.squares[s]);
            }
            left.iter().for_each(|&s| bounds[s] = bounds[s].sqrt());
            left.retain(|&s| bounds[s] > alpha);
        }
        self.pieces.restore(n_pieces);
        Ok(())
    }

    /// Bounds on `|G_s'(D + E)|`, D in [`DIRECTIONS`] of time, `|E| = rest`.
    fn differ(
        &mut self,
        level: usize,
        gain: &Gain,
        (difference, rest): (&Panel, f64),
        tools: (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let screen = gain.screen(tools.1)?;
        let all = 0..difference.n_times;
        let every = (Which::All, &mut self.difference[..]);
        screen.squares(level, (difference, all), &mut self.few, every, tools)?;
        for (difference, norm) in self.difference.iter_mut().zip(screen.norms()) {
            *difference = difference.sqrt() + norm * rest;
        }
        Ok(())
    }

    /// Of the bounds on `|G_s'R|` makes such on `|G_s'(R + D + E)|`.
    pub fn add(
        &mut self,
        gain: &Gain,
        difference: (&Panel, f64),
        tools: (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let level = usual(gain.screen(tools.1)?.n_levels());
        self.differ(level, gain, difference, tools)?;
        let bounds = self.bounds.iter_mut().zip(&self.difference);
        bounds.for_each(|(bound, difference)| *bound += difference);
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
        let mut largest = first.map_or(least, |s| least.max(self.correlation(gain, s, data)));
        for s in 0..self.bounds.len() {
            if self.bounds[s] > largest {
                clock.spend(self.work(data))?;
                largest = largest.max(self.correlation(gain, s, data));
            }
        }
        Ok(largest)
    }

    /// Multiplications of one exact correlation.
    pub fn work(&self, residual: &Panel) -> usize {
        8 * self.block.len() * residual.rows
    }

    /// `|G_s'R|` takes the place of its bound.
    pub fn exact(&mut self, gain: &Gain, s: usize, residual: &Panel) {
        self.bounds[s] = self.correlation(gain, s, residual);
        self.pieces.exact(s, bytemuck::cast_slice(&self.block), residual.stride());
    }

    /// `|G_s'R|`.
    fn correlation(&mut self, gain: &Gain, s: usize, residual: &Panel) -> f64 {
        kernels().correlate(&mut self.block, gain.block(s), residual.lanes(), residual.width);
        kernels().norm(&self.block)
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
