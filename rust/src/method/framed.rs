//! A quadratic seen through a frame of time: X stands for the coefficients of time courses.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::method::quadratic::Quadratic;
use crate::problem::convex::{Energies, support};
use crate::problem::curvature::Curvature;
use crate::problem::frame::{Frame, Scratch};

const WHAT: &str = "time courses";

/// `1/2 |M - G Z Phi'|^2` over coefficients Z, around the quadratic over time courses.
///
/// The frame is tight, so that a block has the curvature of its time courses at most, and
/// correlations the same norm.
pub(crate) struct Framed<'a> {
    inner: &'a mut dyn Quadratic,
    frame: &'a Frame,
    /// the time courses of the state
    courses: Panel,
    /// of one location: a move, or correlations
    block: Vec<Lane>,
    /// the location whose correlations `block` holds
    seen: Option<usize>,
    scratch: Scratch,
}

impl<'a> Framed<'a> {
    /// Sees `rows` rows of time courses through the frame.
    pub fn new(inner: &'a mut dyn Quadratic, frame: &'a Frame, rows: usize) -> Result<Self, Error> {
        let courses = Panel::zeros(rows, frame.n_times())?;
        let block = memory::zeros(WHAT, inner.n_orient() * courses.width)?;
        let scratch = frame.scratch()?;
        Ok(Framed { inner, frame, courses, block, seen: None, scratch })
    }
}

impl Quadratic for Framed<'_> {
    fn n_orient(&self) -> usize {
        self.inner.n_orient()
    }

    fn curvature(&self) -> &Curvature {
        self.inner.curvature()
    }

    fn ridge(&self) -> f64 {
        self.inner.ridge()
    }

    fn work(&self) -> usize {
        self.inner.work() + 2 * self.n_orient() * self.frame.work()
    }

    fn work_of_pass(&self, n_active: usize) -> usize {
        self.inner.work_of_pass(n_active) + n_active * self.work()
    }

    fn load(&mut self, z: &Panel, clock: &Clock) -> Result<(), Halt> {
        let o = self.n_orient();
        self.seen = None;
        self.courses.values_mut().fill(0.0);
        for s in support(z, o) {
            clock.spend(o * self.frame.work())?;
            let block = self.courses.block_mut(s, o);
            self.frame.synthesise(z.block(s, o), block, &mut self.scratch);
        }
        self.inner.load(&self.courses, clock)
    }

    fn advance(&mut self, s: usize, delta: &[Lane]) {
        self.seen = None;
        self.frame.synthesise(delta, &mut self.block, &mut self.scratch);
        let o = self.inner.n_orient();
        for (course, moved) in self.courses.block_mut(s, o).iter_mut().zip(&self.block) {
            course.0.iter_mut().zip(moved.0).for_each(|(x, d)| *x += d);
        }
        self.inner.advance(s, &self.block);
    }

    fn settle(&mut self) {
        self.inner.settle();
    }

    fn has_correlation_within(&mut self, s: usize, norm: f64) -> bool {
        let o = self.inner.n_orient();
        self.inner.correlation(s, self.courses.block(s, o), &mut self.block);
        self.seen = Some(s);
        kernels().energy(&self.block) <= norm * norm
    }

    fn correlation(&mut self, s: usize, _z: &[Lane], out: &mut [Lane]) {
        if self.seen != Some(s) {
            let o = self.inner.n_orient();
            self.inner.correlation(s, self.courses.block(s, o), &mut self.block);
        }
        self.seen = None;
        self.frame.analyse(&self.block, out, &mut self.scratch);
    }

    fn correlations(&self, _z: &Panel, out: &mut Panel, clock: &Clock) -> Result<(), Halt> {
        let mut courses = Panel::zeros(self.courses.rows, self.courses.n_times)?;
        self.inner.correlations(&self.courses, &mut courses, clock)?;
        let (o, mut scratch) = (self.inner.n_orient(), self.frame.scratch()?);
        for s in 0..courses.rows / o {
            clock.spend(o * self.frame.work())?;
            self.frame.analyse(courses.block(s, o), out.block_mut(s, o), &mut scratch);
        }
        Ok(())
    }

    fn energies(&self, _z: &Panel) -> Energies {
        self.inner.energies(&self.courses)
    }

    fn restrict(
        &self,
        locations: &[usize],
        hessian: &mut Panel,
        linear: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        self.inner.restrict(locations, hessian, linear, clock)
    }
}
