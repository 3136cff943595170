//! A look at all locations: bounds, and what is exact where it matters.

use super::directions::{DIRECTIONS, LowRank};
use super::pieces::Pieces;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::machine::threads::Threads;
use crate::method::ranking::rank_largest;
use crate::problem::gain::{Gain, Samples, ScreenRoom, Which, Workers};

const WHAT: &str = "the correlations";

/// Factor on the limit of a level with every look that started closer: a level that was not close
/// enough is tried again.
const LIMIT_GROWTH: f64 = 1.02;
/// A level was not close enough where more than one in so many locations are left.
const MAX_LEFT_ONE_IN: usize = 2;
/// Times that an exact correlation costs what a bound with all components does.
const COST_OF_EXACT: usize = 4;

/// Returns the level of a look whose purpose is not known: neither the cheapest nor the closest.
fn usual(n_levels: usize) -> usize {
    n_levels.saturating_sub(2)
}

/// Which level of the bounds a look starts with, learnt from the looks before.
struct StartLevel {
    /// of every level but the closest, how large `|R| / alpha` may be for it to be close enough
    limits: Vec<f64>,
}

impl StartLevel {
    /// Returns the cheapest level that is likely to be close enough.
    fn start(&mut self, ratio: f64) -> usize {
        let within = |&limit: &f64| ratio < limit;
        let level = self.limits.iter().position(within).unwrap_or(self.limits.len());
        self.limits[..level].iter_mut().for_each(|limit| *limit *= LIMIT_GROWTH);
        level
    }

    /// Learns how many locations a look that started with `level` has left.
    fn learn(&mut self, level: usize, ratio: f64, n_left: usize, n_locations: usize) {
        if let Some(limit) = self.limits.get_mut(level)
            && n_left > n_locations / MAX_LEFT_ONE_IN
        {
            *limit = ratio;
        }
    }
}

/// What a look at all locations has found, and works in.
///
/// The window is looked at in pieces, which stay while the window moves on: samples are looked at
/// once, when they are new. What the sources have changed since is bounded and added.
pub(super) struct Look {
    /// at least `|G_s'R|`, exactly that where it mattered
    pub bounds: Vec<f64>,
    pub pieces: Pieces,
    start_level: StartLevel,
    room: ScreenRoom,
    /// for changes, which have few directions of time
    room_of_changes: ScreenRoom,
    changes: Vec<f64>,
    /// locations whose bound exceeds alpha, those of them that a piece has not seen as closely, and
    /// the new squares of these
    left: Vec<usize>,
    far: Vec<usize>,
    squares: Vec<f64>,
    /// an exact `G_s'R`
    block: Vec<Lane>,
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
            bounds: zeros()?,
            pieces: Pieces::new(gain.n_locations(), (n_times, hop))?,
            start_level: StartLevel { limits: vec![f64::INFINITY; screen.n_levels() - 1] },
            room: screen.room(n_times, threads)?,
            room_of_changes: screen.room(DIRECTIONS, threads)?,
            changes: zeros()?,
            left: memory::room(WHAT, gain.n_locations())?,
            far: memory::room(WHAT, gain.n_locations())?,
            squares: zeros()?,
            block: memory::zeros(WHAT, gain.n_orient() * n_times.div_ceil(8))?,
        })
    }

    /// Bounds `|G_s'R|` at all locations.
    pub fn bound(&mut self, gain: &Gain, residual: &Panel, workers: Workers) -> Result<(), Halt> {
        let screen = gain.screen(workers.clock)?;
        let level = usual(screen.n_levels());
        let samples = Samples::all(residual);
        screen.squares(level, samples, &mut self.room, Which::All, &mut self.bounds, workers)?;
        self.bounds.iter_mut().for_each(|bound| *bound = bound.sqrt());
        Ok(())
    }

    /// Bounds `|G_s'R|` at all locations, so closely that few bounds exceed `alpha` where the
    /// correlations do not.
    ///
    /// `change` is that of R in the samples seen since the last look; without it they are looked at
    /// again.
    pub fn bound_below(
        &mut self,
        alpha: f64,
        gain: &Gain,
        residual: &Panel,
        change: Option<LowRank>,
        workers: Workers,
    ) -> Result<(), Halt> {
        // Should a look halt before its end, nothing counts as seen.
        let mut n_seen = self.pieces.take();
        match change {
            None => n_seen = 0,
            Some(change) if change.columns.n_times > 0 || change.rest > 0.0 => {
                self.bound_change(0, gain, change, workers)?;
                self.pieces.loosen(n_seen, &self.changes);
            }
            Some(_) => {}
        }
        let (n_seen, n_pieces) = self.pieces.cut(n_seen, residual.n_times);
        let ratio = kernels().norm(residual.lanes()) / alpha;
        let level = self.start_level.start(ratio);
        self.bound_new_pieces(level, gain, residual, (n_seen, n_pieces), workers)?;
        self.left.clear();
        self.left.extend((0..self.bounds.len()).filter(|&s| self.bounds[s] > alpha));
        self.start_level.learn(level, ratio, self.left.len(), self.bounds.len());
        self.bound_closer((level, alpha), gain, residual, n_pieces, workers)?;
        self.pieces.restore(n_pieces);
        Ok(())
    }

    /// Bounds `|G_s'R|` by the pieces seen before, and by what one level finds in the pieces that
    /// are new.
    fn bound_new_pieces(
        &mut self,
        level: usize,
        gain: &Gain,
        residual: &Panel,
        (n_seen, n_pieces): (usize, usize),
        workers: Workers,
    ) -> Result<(), Halt> {
        let screen = gain.screen(workers.clock)?;
        let Look { room, bounds, pieces, .. } = self;
        bounds.fill(0.0);
        for (i, (range, piece)) in pieces.with_samples(n_pieces).enumerate() {
            if i >= n_seen {
                let samples = Samples { panel: residual, range };
                screen.squares(level, samples, room, Which::All, &mut piece.squares, workers)?;
                piece.levels.fill(level);
            }
            bounds.iter_mut().zip(&piece.squares).for_each(|(sum, square)| *sum += square);
        }
        bounds.iter_mut().for_each(|bound| *bound = bound.sqrt());
        Ok(())
    }

    /// Bounds the locations that are left closer and closer, as long as that is less work than
    /// computing their correlations.
    fn bound_closer(
        &mut self,
        (mut level, alpha): (usize, f64),
        gain: &Gain,
        residual: &Panel,
        n_pieces: usize,
        workers: Workers,
    ) -> Result<(), Halt> {
        let screen = gain.screen(workers.clock)?;
        let Look { room, bounds, pieces, left, far, squares, .. } = self;
        while level + 1 < screen.n_levels() {
            level += 1;
            let (n, k) = (gain.n_sensors(), screen.n_components(level));
            let rows = left.len() * gain.n_orient();
            if COST_OF_EXACT * rows * n <= k * (n + rows) {
                break;
            }
            left.iter().for_each(|&s| bounds[s] = 0.0);
            for (range, piece) in pieces.with_samples(n_pieces) {
                far.clear();
                far.extend(left.iter().filter(|&&s| piece.levels[s] < level));
                let (samples, squares) =
                    (Samples { panel: residual, range }, &mut squares[..far.len()]);
                screen.squares(level, samples, room, Which::These(far), squares, workers)?;
                for (&s, &square) in far.iter().zip(&*squares) {
                    (piece.squares[s], piece.levels[s]) = (square, level);
                }
                left.iter().for_each(|&s| bounds[s] += piece.squares[s]);
            }
            left.iter().for_each(|&s| bounds[s] = bounds[s].sqrt());
            left.retain(|&s| bounds[s] > alpha);
        }
        Ok(())
    }

    /// Bounds what a change correlates with each location.
    fn bound_change(
        &mut self,
        level: usize,
        gain: &Gain,
        LowRank { columns, rest }: LowRank,
        workers: Workers,
    ) -> Result<(), Halt> {
        let screen = gain.screen(workers.clock)?;
        let (samples, room) = (Samples::all(columns), &mut self.room_of_changes);
        screen.squares(level, samples, room, Which::All, &mut self.changes, workers)?;
        for (change, norm) in self.changes.iter_mut().zip(screen.norms()) {
            *change = change.sqrt() + norm * rest;
        }
        Ok(())
    }

    /// Turns the bounds on `|G_s'R|` into such on `|G_s'(R + D)|` for a change D.
    pub fn add(&mut self, gain: &Gain, change: LowRank, workers: Workers) -> Result<(), Halt> {
        let level = usual(gain.screen(workers.clock)?.n_levels());
        self.bound_change(level, gain, change, workers)?;
        let bounds = self.bounds.iter_mut().zip(&self.changes);
        bounds.for_each(|(bound, change)| *bound += change);
        Ok(())
    }

    /// Returns the largest `|G_s'M|`, or `least` if none exceeds it, given bounds on all of them.
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

    /// Counts the multiplications of one exact correlation.
    pub fn work(&self, residual: &Panel) -> usize {
        8 * self.block.len() * residual.rows
    }

    /// Replaces the bound of a location by its `|G_s'R|`.
    pub fn exact(&mut self, gain: &Gain, s: usize, residual: &Panel) {
        self.bounds[s] = self.correlation(gain, s, residual);
        self.pieces.exact(s, bytemuck::cast_slice(&self.block), residual.stride());
    }

    /// Computes `|G_s'R|`.
    fn correlation(&mut self, gain: &Gain, s: usize, residual: &Panel) -> f64 {
        kernels().correlate(&mut self.block, gain.block(s), residual.lanes(), residual.width);
        kernels().norm(&self.block)
    }

    /// Lists at most `count` of the locations wanted whose bound exceeds `floor`, the largest
    /// bounds first.
    pub fn largest(
        &self,
        out: &mut Vec<usize>,
        count: usize,
        floor: f64,
        is_wanted: impl Fn(usize) -> bool,
    ) {
        rank_largest(out, &self.bounds, count, |s| self.bounds[s] > floor && is_wanted(s));
    }
}
