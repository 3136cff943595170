//! The working set of a stream: it stays from window to window, with its Gram matrix.

use super::directions::Directions;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::machine::panel::{add_scaled, is_zero};
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::gram::Gram;
use crate::method::solver::bcd::Bcd;
use crate::method::stopping::{Goal, Watch};
use crate::problem::gain::Gain;
use crate::problem::penalty::GroupNorm;
use crate::problem::solution::{Certificate, Status};
use crate::solve::reweighting::ConcavePenalty;
use std::ops::Range;

/// Locations for which memory is allocated at the start.
const INITIAL_LOCATIONS: usize = 384;
/// Locations of a support for which memory is allocated at the start.
const INITIAL_SUPPORT: usize = 128;
/// The place of a location that is not in the working set.
const ABSENT: u32 = u32::MAX;

/// The locations being solved, the sources there, and the weights of all locations.
pub(super) struct Live {
    gram: Gram,
    pub locations: Vec<usize>,
    /// the place of each location of the gain, or `ABSENT`
    places: Vec<u32>,
    pub x: Panel,
    /// sources of the first round, while later ones are solved
    first: Panel,
    /// sources of the round before
    last: Panel,
    /// sources at the last look at all locations
    seen: Panel,
    pub alpha: f64,
    /// the factor on alpha of each location in the working set
    weights: Vec<f64>,
    /// and that of every other location: infinite where these stay at zero
    pub weight_elsewhere: f64,
    penalty: GroupNorm,
    solver: Bcd,
    workspace: Workspace,
    kept: Vec<usize>,
    n_orient: usize,
}

impl Live {
    pub fn new(gain: &Gain, data: &Panel) -> Result<Self, Halt> {
        let n_orient = gain.n_orient();
        let mut gram = Gram::empty(gain, data, 0.0)?;
        let size = INITIAL_LOCATIONS.min(gain.n_locations());
        gram.reserve(size)?;
        let panel = || Panel::zeros(size * n_orient, data.n_times);
        let mut live = Live {
            gram,
            locations: memory::room("the working set", size)?,
            places: memory::gathered("the working set", (0..gain.n_locations()).map(|_| ABSENT))?,
            x: panel()?,
            first: panel()?,
            last: panel()?,
            seen: panel()?,
            alpha: 0.0,
            weights: memory::room("the weights", size)?,
            weight_elsewhere: 1.0,
            penalty: GroupNorm::new(0.0, None, size)?,
            solver: Bcd::default(),
            workspace: Workspace::new(data.n_times)?,
            kept: memory::room("the working set", size)?,
            n_orient,
        };
        live.workspace.reserve(size * n_orient)?;
        live.solver.reserve(size, INITIAL_SUPPORT.min(size), n_orient, data.n_times)?;
        for x in [&mut live.x, &mut live.first, &mut live.last, &mut live.seen] {
            x.reset(0)?;
        }
        Ok(live)
    }

    pub fn contains(&self, s: usize) -> bool {
        self.places[s] != ABSENT
    }

    /// Replaces the data by others of as many samples.
    pub fn renew(&mut self, gain: &Gain, data: &Panel, watch: &Watch) -> Result<(), Halt> {
        self.gram.renew(gain, &self.locations, data, watch.clock)
    }

    /// Moves the sources `hop` samples back; they are zero in the samples that are new.
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

    /// Adds locations that are not in it, at zero. A change of the set is never interrupted.
    pub fn add(&mut self, gain: &Gain, new: &[usize], data: &Panel) -> Result<(), Halt> {
        let before = self.locations.len();
        memory::append("the working set", &mut self.locations, new)?;
        for (place, &s) in (before..).zip(new) {
            self.places[s] = place as u32;
        }
        self.gram.extend(gain, &self.locations, data, &Clock::endless())?;
        let size = self.locations.len();
        self.weights.resize(size, self.weight_elsewhere);
        for x in [&mut self.x, &mut self.seen, &mut self.last] {
            x.resize(size * self.n_orient)?;
        }
        Ok(())
    }

    /// Remembers the sources as those of a look at all locations.
    pub fn remember(&mut self) {
        self.seen.lanes_mut().copy_from_slice(self.x.lanes());
    }

    /// Drops the locations at zero whose `|G_s'R|` was below `least` when the set was last solved.
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
            self.weights[to] = self.weights[from];
            for x in [&mut self.x, &mut self.seen] {
                x.lanes_mut().copy_within(from * size..(from + 1) * size, to * size);
            }
        }
        self.locations.truncate(self.kept.len());
        self.weights.truncate(self.kept.len());
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

    /// Gives all locations the same weight.
    pub fn weigh_equally(&mut self, alpha: f64) {
        (self.alpha, self.weight_elsewhere) = (alpha, 1.0);
        self.weights.fill(1.0);
    }

    /// Gives all locations the weights that a concave penalty gives to the sources at hand, which
    /// become those of the round before.
    pub fn reweight(&mut self, penalty: ConcavePenalty) -> Result<(), Error> {
        self.last.reset(self.x.rows)?;
        self.last.lanes_mut().copy_from_slice(self.x.lanes());
        for place in self.places() {
            self.weights[place] = penalty.weight(1.0, self.norm(&self.x, place));
        }
        self.weight_elsewhere = penalty.weight(1.0, 0.0);
        Ok(())
    }

    /// Returns alpha times the weight of a location, whether in the working set or not.
    pub fn threshold(&self, s: usize) -> f64 {
        self.alpha
            * match self.places[s] {
                ABSENT => self.weight_elsewhere,
                place => self.weights[place as usize],
            }
    }

    /// Returns the weighted penalty `alpha sum_s w_s |X_s|` of the sources.
    pub fn penalty(&self) -> f64 {
        let pairs = self.weights.iter().zip(self.norms()).filter(|(_, norm)| *norm > 0.0);
        self.alpha * pairs.map(|(weight, norm)| weight * norm).sum::<f64>()
    }

    /// Solves on the working set.
    pub fn solve(
        &mut self,
        scale: f64,
        goal: Goal,
        watch: &mut Watch,
    ) -> Result<(Certificate, Status), Halt> {
        self.penalty.renew(self.alpha, self.weights.iter().copied());
        let problem = EpochProblem { quadratic: &mut self.gram, penalty: &self.penalty, scale };
        drive(
            problem,
            &mut self.solver,
            &mut self.x,
            goal,
            watch,
            &mut self.workspace,
            |_, _, _| {},
        )
    }

    /// Returns the largest `|G_s'M|` in the working set.
    pub fn largest_correlation(&self) -> f64 {
        self.gram.largest_linear()
    }

    /// Copies the sources; `None` where they have too many rows.
    pub fn copy_sources(&self, out: &mut Directions) -> Option<()> {
        out.clear();
        for (s, block) in self.sources() {
            out.add(s)?.copy_from_slice(bytemuck::cast_slice(block));
        }
        Some(())
    }

    /// Copies what of the sources has changed in the first `n_seen` samples since the last look at
    /// all locations; `None` where that has too many rows.
    pub fn copy_changes(&self, n_seen: usize, out: &mut Directions) -> Option<()> {
        out.clear();
        let (o, stride) = (self.n_orient, self.x.stride());
        for place in self.places() {
            let (now, before) = (self.x.block(place, o), self.seen.block(place, o));
            if now == before {
                continue;
            }
            let rows = out.add(self.locations[place])?;
            rows.copy_from_slice(bytemuck::cast_slice(now));
            let before: &[f64] = bytemuck::cast_slice(before);
            rows.iter_mut().zip(before).for_each(|(row, before)| *row -= before);
            rows.chunks_mut(stride).for_each(|row| row[n_seen..].fill(0.0));
        }
        Some(())
    }

    /// Puts a copy of the sources aside, as those of the first round.
    pub fn put_first_aside(&mut self) -> Result<(), Error> {
        self.first.reset(self.x.rows)?;
        self.first.lanes_mut().copy_from_slice(self.x.lanes());
        Ok(())
    }

    /// Takes the sources of the first round back.
    pub fn take_first_back(&mut self) -> Result<(), Error> {
        // Locations that rounds have added were at zero.
        self.first.resize(self.x.rows)?;
        std::mem::swap(&mut self.x, &mut self.first);
        Ok(())
    }

    /// Tells whether since the round before the support stayed and no amplitude moved by more than
    /// `tol` times the largest. The sources of that round are spoilt.
    pub fn has_settled(&mut self, tol: f64) -> bool {
        let is_alive = |x: &Panel, place| !is_zero(x.block(place, self.n_orient));
        if self.places().any(|place| is_alive(&self.x, place) != is_alive(&self.last, place)) {
            return false;
        }
        add_scaled(self.last.lanes_mut(), -1.0, self.x.lanes());
        let largest =
            |x: &Panel| self.places().map(|place| self.norm(x, place)).fold(0.0, f64::max);
        largest(&self.last) <= tol * largest(&self.x)
    }

    /// Lists `|X_s|` of every location in it.
    pub fn norms(&self) -> impl Iterator<Item = f64> {
        self.places().map(|place| self.norm(&self.x, place))
    }

    /// Lists every location that is not zero, and its sources.
    pub fn sources(&self) -> impl Iterator<Item = (usize, &[Lane])> + Clone {
        self.support().map(|place| (self.locations[place], self.x.block(place, self.n_orient)))
    }

    /// Lists the places of the locations that are not zero.
    pub fn support(&self) -> impl Iterator<Item = usize> + Clone {
        self.places().filter(|&place| !is_zero(self.x.block(place, self.n_orient)))
    }

    fn norm(&self, x: &Panel, place: usize) -> f64 {
        kernels().norm(x.block(place, self.n_orient))
    }

    fn places(&self) -> Range<usize> {
        0..self.locations.len()
    }
}
