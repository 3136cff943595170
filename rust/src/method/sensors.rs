//! The quadratic of a whole gain: the residual is kept up to date, correlations are products with
//! the gain.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::panel::add_scaled;
use crate::machine::panel::{Lane, Panel};
use crate::machine::products;
use crate::machine::threads::Threads;
use crate::method::quadratic::Quadratic;
use crate::problem::convex::{Energies, Problem};
use crate::problem::curvature::Curvature;
use crate::problem::gain::Gain;

/// The smooth part over sensors: a block update costs `n_sensors * n_orient * n_times`, for any
/// number of locations.
pub(crate) struct Sensors<'a> {
    gain: &'a Gain,
    data: &'a Panel,
    ridge: f64,
    threads: &'a Threads,
    residual: Panel,
}

impl<'a> Sensors<'a> {
    /// Starts at X = 0.
    pub fn new(problem: &Problem<'a>) -> Result<Self, Error> {
        Ok(Sensors {
            gain: problem.gain,
            data: problem.data,
            ridge: problem.ridge,
            threads: problem.threads,
            residual: problem.data.copy()?,
        })
    }
}

impl Quadratic for Sensors<'_> {
    fn n_orient(&self) -> usize {
        self.gain.n_orient()
    }

    fn curvature(&self) -> &Curvature {
        self.gain.curvature()
    }

    fn ridge(&self) -> f64 {
        self.ridge
    }

    fn work(&self) -> usize {
        2 * 8 * self.gain.n_orient() * self.data.lanes().len()
    }

    fn work_of_pass(&self, _n_active: usize) -> usize {
        self.gain.n_locations() * self.work()
    }

    fn load(&mut self, x: &Panel, clock: &Clock) -> Result<(), Halt> {
        self.residual.lanes_mut().copy_from_slice(self.data.lanes());
        products::subtract_projection(self.gain.columns(), x, &mut self.residual, clock)
    }

    fn advance(&mut self, s: usize, delta: &[Lane]) {
        let width = self.data.width;
        kernels().subtract_outer(self.residual.lanes_mut(), self.gain.block(s), delta, width);
    }

    fn correlation(&mut self, s: usize, block: &[Lane], out: &mut [Lane]) {
        let width = self.data.width;
        kernels().correlate(out, self.gain.block(s), self.residual.lanes(), width);
        add_scaled(out, -self.ridge, block);
    }

    fn correlations(&self, x: &Panel, out: &mut Panel, clock: &Clock) -> Result<(), Halt> {
        products::correlations(self.gain.columns(), &self.residual, out, self.threads, clock)?;
        if self.ridge > 0.0 {
            add_scaled(out.lanes_mut(), -self.ridge, x.lanes());
        }
        Ok(())
    }

    fn energies(&self, x: &Panel) -> Energies {
        let residual = self.residual.lanes();
        Energies {
            residual: kernels().energy(residual) + self.ridge * kernels().energy(x.lanes()),
            against_data: kernels().dot(residual, self.data.lanes()),
        }
    }

    fn restrict(
        &self,
        locations: &[usize],
        hessian: &mut Panel,
        linear: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let stride = hessian.stride();
        self.gain.squares_from(0, locations, hessian.values_mut(), stride, clock)?;
        for i in 0..locations.len() * self.gain.n_orient() {
            hessian.values_mut()[i * stride + i] += self.ridge;
        }
        self.gain.correlate_from(0, locations, self.data, linear, clock)
    }
}
