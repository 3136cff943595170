//! The working set of a stream: it stays from window to window, with its Gram matrix.

use super::look::DIRECTIONS;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::eigen::diagonalise;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::gram::Gram;
use crate::method::solver::Epoch;
use crate::method::solver::bcd::Bcd;
use crate::method::stopping::{Goal, Watch};
use crate::problem::convex::is_zero;
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use crate::problem::solution::{Certificate, Status};
use crate::solve::reweighting::{Surrogate, Unit};
use std::ops::Range;

/// Rows of X up to which its directions are looked for.
pub(super) const ROWS: usize = 48;
/// Locations there is room for from the start.
const ROOM: usize = 384;

/// The locations being solved, where each of them is, and the sources there.
pub(super) struct Live {
    gram: Gram,
    pub locations: Vec<usize>,
    /// the place of each location of the gain, or `ABSENT`
    places: Vec<u32>,
    pub x: Panel,
    /// sources that are put by
    apart: Panel,
    /// sources at the last look at all locations
    seen: Panel,
    /// rows whose directions are looked for
    few: Panel,
    penalty: Penalty,
    solver: Bcd,
    workspace: Workspace,
    kept: Vec<usize>,
    n_orient: usize,
}

const ABSENT: u32 = u32::MAX;

impl Live {
    pub fn new(gain: &Gain, data: &Panel) -> Result<Self, Halt> {
        let n_orient = gain.n_orient();
        let mut gram = Gram::empty(gain, data, 0.0)?;
        let size = ROOM.min(gain.n_locations());
        gram.reserve(size)?;
        let mut x = Panel::zeros(0, data.n_times)?;
        x.resize(size * n_orient)?;
        let mut live = Live {
            gram,
            locations: memory::room("the working set", size)?,
            places: memory::gathered("the working set", (0..gain.n_locations()).map(|_| ABSENT))?,
            apart: x.copy()?,
            seen: x.copy()?,
            few: Panel::zeros(ROWS, data.n_times)?,
            x,
            penalty: Penalty::new(0.0, None, size)?,
            solver: Bcd::default(),
            workspace: Workspace::new(data.n_times)?,
            kept: memory::room("the working set", size)?,
            n_orient,
        };
        live.workspace.reserve(live.x.rows)?;
        live.solver.reserve(live.x.rows, data.n_times)?;
        live.x.reset(0)?;
        live.seen.reset(0)?;
        Ok(live)
    }

    pub fn contains(&self, s: usize) -> bool {
        self.places[s] != ABSENT
    }

    /// Takes in other data of as many samples.
    pub fn renew(&mut self, data: &Panel, watch: &Watch) -> Result<(), Halt> {
        self.gram.renew(data, watch.clock)
    }

    /// The sources move to earlier samples; the last ones are not known yet.
    pub fn shift(&mut self, hop: usize) {
        for x in [&mut self.x, &mut self.seen] {
            let (n_times, stride) = (x.n_times, x.stride());
            let hop = hop.min(n_times);
            for row in x.values_mut().chunks_mut(stride) {
                row.copy_within(hop..n_times, 0);
                row[n_times - hop..].fill(0.0);
            }
        }
    }

    /// Adds locations that are not in it. What changes the set is not interrupted: half a change would be none.
    pub fn add(&mut self, gain: &Gain, new: &[usize], data: &Panel) -> Result<(), Halt> {
        let before = self.locations.len();
        memory::append("the working set", &mut self.locations, new)?;
        for (place, &s) in (before..).zip(new) {
            self.places[s] = place as u32;
        }
        self.gram.extend(gain, new, data, &Clock::endless())?;
        self.x.resize(self.locations.len() * self.n_orient)?;
        self.seen.resize(self.locations.len() * self.n_orient)?;
        Ok(())
    }

    /// The sources at hand are those of a look at all locations.
    pub fn remember(&mut self) {
        self.seen.lanes_mut().copy_from_slice(self.x.lanes());
    }

    /// Keeps the locations that were at least so close, `|G_s'R|`, when it was solved last, and those that are not zero.
    pub fn trim(&mut self, least: f64) -> Result<(), Halt> {
        let (o, all) = (self.n_orient, self.locations.len());
        self.kept.clear();
        for place in 0..all {
            let s = self.locations[place];
            if self.gram.correlation_norm(place) >= least || !is_zero(self.x.block(place, o)) {
                self.kept.push(place);
            } else {
                self.places[s] = ABSENT;
            }
        }
        if self.kept.len() == all {
            return Ok(());
        }
        let size = o * self.x.width;
        for (to, &from) in self.kept.iter().enumerate() {
            self.places[self.locations[from]] = to as u32;
            self.locations[to] = self.locations[from];
            for x in [&mut self.x, &mut self.seen] {
                x.lanes_mut().copy_within(from * size..(from + 1) * size, to * size);
            }
        }
        self.locations.truncate(self.kept.len());
        self.x.resize(self.kept.len() * o)?;
        self.seen.resize(self.kept.len() * o)?;
        self.gram.retain(&self.kept, &Clock::endless())
    }

    /// Makes it empty.
    pub fn forget(&mut self) -> Result<(), Halt> {
        self.x.values_mut().fill(0.0);
        self.seen.values_mut().fill(0.0);
        self.trim(f64::INFINITY)
    }

    /// Solves with one alpha for all locations.
    pub fn solve(
        &mut self,
        alpha: f64,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<(Certificate, Status), Halt> {
        self.penalty.renew(alpha, self.locations.iter().map(|_| 1.0));
        self.run(scale, goal, watch)
    }

    /// Solves with the weights that the square root gives to the sources as they are; a location at zero stays there.
    ///
    pub fn solve_reweighted(
        &mut self,
        (alpha, unit): (f64, Unit),
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<(Certificate, Status), Halt> {
        let concave = Surrogate::Sqrt.with_largest(0.0);
        let Live { penalty, x, locations, n_orient, .. } = self;
        let norms = (0..locations.len()).map(|place| kernels().norm(x.block(place, *n_orient)));
        let weight = |norm: f64| match norm > 0.0 {
            true => concave.weight(unit.amplitude(norm)),
            false => f64::INFINITY,
        };
        penalty.renew(alpha, norms.map(weight));
        self.run(scale, goal, watch)
    }

    fn run(
        &mut self,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<(Certificate, Status), Halt> {
        self.solver.restart();
        let problem = EpochProblem { quadratic: &mut self.gram, penalty: &self.penalty, scale };
        let solver: &mut dyn Epoch = &mut self.solver;
        drive(problem, solver, &mut self.x, goal, watch, &mut self.workspace, |_, _, _| {})
    }

    /// The largest `|G_s'M|` in it.
    pub fn largest_correlation(&self) -> f64 {
        self.gram.largest_linear()
    }

    /// The columns of `G X V` for an orthonormal V that hold nearly all of `G X`, at most [`DIRECTIONS`], and the norm of the rest;
    /// nothing where X has too many rows. X are the sources, or what of them has changed since the last look in the first
    /// `n_seen` samples.
    pub fn few_directions(
        &mut self,
        n_seen: Option<usize>,
        gain: &Gain,
        out: &mut Panel,
    ) -> Result<Option<f64>, Halt> {
        let (o, stride) = (self.n_orient, self.x.stride());
        let Live { x, seen, few, kept, .. } = self;
        kept.clear();
        for place in 0..self.locations.len() {
            let values = (place * o * stride)..((place + 1) * o * stride);
            let (now, before) = (&x.values()[values.clone()], &seen.values()[values]);
            let is_out = if n_seen.is_some() { now == before } else { is_zero(x.block(place, o)) };
            if is_out {
                continue;
            }
            let first = kept.len() * o * stride;
            if (kept.len() + 1) * o > ROWS {
                return Ok(None);
            }
            kept.push(place);
            let to = &mut few.values_mut()[first..first + o * stride];
            to.copy_from_slice(now);
            if let Some(n_seen) = n_seen {
                for (to, before) in to.chunks_mut(stride).zip(before.chunks(stride)) {
                    to.iter_mut().zip(before).for_each(|(to, before)| *to -= before);
                    to[n_seen..].fill(0.0);
                }
            }
        }
        let rows = kept.len() * o;
        let row = |i: usize| &few.values()[i * stride..(i + 1) * stride];
        let (mut square, mut basis) = ([0.0; ROWS * ROWS], [0.0; ROWS * ROWS]);
        for i in 0..rows {
            for j in 0..rows {
                square[i * rows + j] = kernels().dot_slices(row(i), row(j));
            }
        }
        // X X' = U d U', so |A X| = |A U sqrt(d)| for any A.
        let (square, basis) = (&mut square[..rows * rows], &mut basis[..rows * rows]);
        diagonalise(square, basis, rows, &Clock::endless())?;
        let mut order: [usize; ROWS] = std::array::from_fn(|j| j);
        let energy = |j: &usize| -square[j * rows + j];
        order[..rows].sort_unstable_by(|a, b| energy(a).total_cmp(&energy(b)));
        let n = gain.n_sensors();
        out.reshape(n, rows)?;
        let wide = out.stride();
        for (to, &j) in order[..rows].iter().enumerate() {
            for i in 0..rows {
                let s = self.locations[self.kept[i / o]];
                let column = &gain.block(s)[i % o * n..(i % o + 1) * n];
                let factor = basis[i * rows + j] * square[j * rows + j].max(0.0).sqrt();
                for (out, g) in out.values_mut()[to..].iter_mut().step_by(wide).zip(column) {
                    *out += factor * g;
                }
            }
        }
        let mut rest = 0.0;
        if rows > DIRECTIONS {
            for row in out.values().chunks(wide) {
                rest += row[DIRECTIONS..].iter().map(|v| v * v).sum::<f64>();
            }
            out.narrow(DIRECTIONS)?;
        }
        Ok(Some(rest.sqrt()))
    }

    /// Puts the sources by.
    pub fn put_by(&mut self) -> Result<(), Error> {
        self.apart.reset(self.x.rows)?;
        self.apart.lanes_mut().copy_from_slice(self.x.lanes());
        Ok(())
    }

    /// Takes back those that were put by.
    pub fn take_back(&mut self) {
        std::mem::swap(&mut self.x, &mut self.apart);
    }

    /// `|X_s|` of every location in it.
    pub fn norms(&self) -> impl Iterator<Item = f64> {
        self.places().map(|place| kernels().norm(self.x.block(place, self.n_orient)))
    }

    /// Every location that is not zero, and its place.
    pub fn support(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let alive = |&place: &usize| !is_zero(self.x.block(place, self.n_orient));
        self.places().filter(alive).map(|place| (self.locations[place], place))
    }

    fn places(&self) -> Range<usize> {
        0..self.locations.len()
    }
}
