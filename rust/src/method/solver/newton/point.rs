//! A point of Newton's method: eta, the X that it gives, and the objective there.

use super::WHAT;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::definite::{Definite, padded};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::problem::penalty::{GroupNorm, Penalty};

/// The problem on the support.
pub(super) struct Smooth {
    pub n_orient: usize,
    /// `alpha w_s`
    pub thresholds: Vec<f64>,
    /// G'G + ridge
    hessian: Panel,
    /// G'M, padded to whole blocks of rows
    linear: Panel,
    /// |M|^2
    pub data_energy: f64,
}

impl Smooth {
    pub fn new() -> Result<Self, Error> {
        let panel = || Panel::zeros(0, 0);
        let (hessian, linear) = (panel()?, panel()?);
        Ok(Smooth { n_orient: 1, thresholds: Vec::new(), hessian, linear, data_energy: 0.0 })
    }

    pub fn reserve(
        &mut self,
        n_locations: usize,
        n_orient: usize,
        n_times: usize,
    ) -> Result<(), Error> {
        let rows = padded(n_locations * n_orient);
        memory::resize(WHAT, &mut self.thresholds, n_locations)?;
        self.hessian.reshape(rows, rows)?;
        self.linear.reshape(rows, n_times)
    }

    /// Takes the problem on the locations given.
    pub fn restrict(
        &mut self,
        quadratic: &dyn Quadratic,
        penalty: &GroupNorm,
        support: &[usize],
        n_times: usize,
        clock: &Clock,
    ) -> Result<(), Halt> {
        self.n_orient = quadratic.n_orient();
        memory::resize(WHAT, &mut self.thresholds, support.len())?;
        for (threshold, &s) in self.thresholds.iter_mut().zip(support) {
            *threshold = penalty.threshold(s);
        }
        let rows = padded(support.len() * self.n_orient);
        self.hessian.reshape(rows, rows)?;
        self.linear.reshape(rows, n_times)?;
        quadratic.restrict(support, &mut self.hessian, &mut self.linear, clock)
    }

    /// Computes `<X, G'M>`.
    pub fn linear_part(&self, point: &Point) -> f64 {
        kernels().dot(point.x.lanes(), self.linear.lanes())
    }
}

/// eta and what it gives.
pub(super) struct Point {
    pub eta: Vec<f64>,
    /// X(eta), padded to whole blocks of rows
    pub x: Panel,
    /// |X_s|
    pub norms: Vec<f64>,
    /// the objective of X(eta)
    pub objective: f64,
}

impl Point {
    pub fn new() -> Result<Self, Error> {
        let x = Panel::zeros(0, 0)?;
        Ok(Point { eta: Vec::new(), x, norms: Vec::new(), objective: f64::INFINITY })
    }

    pub fn reserve(
        &mut self,
        n_locations: usize,
        n_orient: usize,
        n_times: usize,
    ) -> Result<(), Error> {
        memory::resize(WHAT, &mut self.eta, n_locations)?;
        memory::resize(WHAT, &mut self.norms, n_locations)?;
        self.x.reshape(padded(n_locations * n_orient), n_times)
    }

    /// Begins with the norms of the support of `x`.
    pub fn begin(&mut self, x: &Panel, support: &[usize], n_orient: usize) -> Result<(), Error> {
        self.x.reshape(padded(support.len() * n_orient), x.n_times)?;
        self.eta.clear();
        for (i, &s) in support.iter().enumerate() {
            let block = x.block(s, n_orient);
            self.x.block_mut(i, n_orient).copy_from_slice(block);
            memory::append(WHAT, &mut self.eta, &[kernels().norm(block)])?;
        }
        Ok(())
    }

    /// Computes X(eta), its norms and its objective; returns whether `system` could be solved.
    ///
    /// With `A X = G'M` the objective is `1/2 |M|^2 - 1/2 <X, G'M> + sum_s a_s |X_s| (1 - |X_s| /
    /// (2 eta_s))`.
    pub fn evaluate(
        &mut self,
        smooth: &Smooth,
        system: &mut Definite,
        clock: &Clock,
    ) -> Result<bool, Halt> {
        let (o, n_times) = (smooth.n_orient, smooth.linear.n_times);
        let n = self.eta.len() * o;
        let (stride, width) = (smooth.hessian.stride(), smooth.linear.stride());
        system.begin(n, n_times)?;
        for i in 0..n {
            let row = system.matrix_mut(i);
            row[..n].copy_from_slice(&smooth.hessian.values()[i * stride..i * stride + n]);
            row[i] += smooth.thresholds[i / o] / self.eta[i / o];
            let linear = &smooth.linear.values()[i * width..(i + 1) * width];
            system.right_mut(i).copy_from_slice(linear);
        }
        if !system.solve(clock)? {
            return Ok(false);
        }
        self.x.reshape(smooth.linear.rows, n_times)?;
        for (i, row) in self.x.values_mut().chunks_exact_mut(width).take(n).enumerate() {
            row.copy_from_slice(system.right(i));
        }
        self.norms.clear();
        self.objective = 0.5 * (smooth.data_energy - smooth.linear_part(self));
        for (s, (eta, a)) in self.eta.iter().zip(&smooth.thresholds).enumerate() {
            let norm = kernels().norm(self.x.block(s, o));
            memory::append(WHAT, &mut self.norms, &[norm])?;
            self.objective += a * norm * (1.0 - 0.5 * norm / eta);
        }
        Ok(self.objective.is_finite())
    }

    /// Bounds the duality gap that is owed to the support, where `|G_s'R| / a_s = |X_s| / eta_s`.
    pub fn gap(&self, thresholds: &[f64], scale: f64) -> f64 {
        let (mut sum, mut largest) = (0.0, 1.0_f64);
        for ((norm, eta), a) in self.norms.iter().zip(&self.eta).zip(thresholds) {
            let ratio = norm / eta;
            largest = largest.max(ratio);
            sum += a * norm * (1.0 - ratio).abs();
        }
        sum + (largest - 1.0) * 2.0 * scale
    }
}
