//! Newton's method on the locations that are not zero, in the logarithms of their norms.
//!
//! As `|X_s| = min over eta_s > 0 of (|X_s|^2 / eta_s + eta_s) / 2`, the objective on the support
//! is the least over X and eta of `1/2 |M - G X|^2 + ridge/2 |X|^2`, plus half the sum of `a_s
//! (|X_s|^2 / eta_s + eta_s)`. At a given eta, `X = A^-1 G'M` with `A = G'G + ridge + diag(a_s /
//! eta_s)`: what is left is smooth and convex in one unknown per location, however many samples
//! there are. Steps in `log eta` keep eta positive. They shrink a location that should be zero, but
//! never make it zero: epochs of block coordinate descent do.

mod point;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::definite::{Definite, padded};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::problem::convex::support;
use crate::problem::penalty::{GroupNorm, Penalty};
use point::{Point, Smooth};

/// Newton's steps in a row; then epochs look which locations are zero.
const MAX_STEPS: usize = 8;
/// Trials of one step, each damped more than the one before.
const MAX_TRIALS: usize = 10;
/// The smallest damping that is not zero, as a part of `alpha w_s eta_s`, and the factor by which
/// it grows where a trial fails, and shrinks where one succeeds.
const LEAST_DAMPING: f64 = 1e-4;
const DAMPING_FACTOR: f64 = 4.0;
/// By how much the logarithm of a norm may fall and rise in one step.
const LARGEST_FALL: f64 = 4.0;
const LARGEST_RISE: f64 = 2.0;
/// The time of a multiplication here as a part of one in an epoch, whose rows are read one by one.
const SPEED: f64 = 0.5;
/// Rows of the support up to which a step is taken: beyond, its matrices take too much memory.
const MAX_ROWS: usize = 1024;
/// Steps end where the gap that they leave is this part of the one to reach.
const GAP_FRACTION: f64 = 0.1;
const WHAT: &str = "the matrix of a Newton step";

/// The gap that steps have to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub gap: f64,
    /// `|M|^2 / 2`
    pub scale: f64,
}

/// The arrays of Newton's steps, which the next problem may use again.
pub(crate) struct Newton {
    support: Vec<usize>,
    smooth: Smooth,
    now: Point,
    trial: Point,
    /// A X = G'M
    system: Definite,
    /// the system of a step
    step: Definite,
    /// A^-1, of which the lower triangle counts
    inverse: Panel,
    /// the second derivatives by log eta
    curvature: Panel,
    gradient: Vec<f64>,
    /// added to the diagonal of the second derivatives, as a part of `alpha w_s eta_s`
    damping: f64,
}

impl Newton {
    pub fn new() -> Result<Self, Error> {
        let panel = || Panel::zeros(0, 0);
        Ok(Newton {
            support: Vec::new(),
            smooth: Smooth::new()?,
            now: Point::new()?,
            trial: Point::new()?,
            system: Definite::new()?,
            step: Definite::new()?,
            inverse: panel()?,
            curvature: panel()?,
            gradient: Vec::new(),
            damping: 0.0,
        })
    }

    /// Forgets how far steps were damped.
    pub fn restart(&mut self) {
        self.damping = 0.0;
    }

    /// Counts the multiplications of an epoch that take as long as a run of steps; none where the
    /// support has too many rows.
    pub fn work(rows: usize, n_times: usize) -> Option<f64> {
        let (n, t) = (padded(rows) as f64, padded(n_times) as f64);
        (rows <= MAX_ROWS).then_some(SPEED * MAX_STEPS as f64 * n * n * (0.5 * n + 2.0 * t))
    }

    /// Moves `x`, the state of `quadratic`, by Newton's steps on its support, until the gap that is
    /// owed to the support is a part of `aim`. Where no step lowers the objective, `x` stays.
    pub fn polish(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &GroupNorm,
        x: &mut Panel,
        aim: Aim,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let o = quadratic.n_orient();
        self.support.clear();
        for s in support(x, o) {
            memory::append(WHAT, &mut self.support, &[s])?;
        }
        if self.support.is_empty() || self.support.len() * o > MAX_ROWS {
            return Ok(());
        }
        let before = quadratic.energies(x);
        let objective = 0.5 * before.residual + penalty.value(x);
        self.smooth.restrict(quadratic, penalty, &self.support, x.n_times, clock)?;
        self.now.begin(x, &self.support, o)?;
        self.smooth.data_energy = before.against_data + self.smooth.linear_part(&self.now);
        let rounding = 4.0 * f64::EPSILON * aim.scale;
        let first = self.now.evaluate(&self.smooth, &mut self.system, clock)?;
        if !(first && self.now.objective <= objective + rounding) {
            return Ok(());
        }
        for _ in 0..MAX_STEPS {
            let left = self.now.gap(&self.smooth.thresholds, aim.scale);
            if left <= GAP_FRACTION * aim.gap || !self.advance(rounding, clock)? {
                break;
            }
        }
        for (i, &s) in self.support.iter().enumerate() {
            x.block_mut(s, o).copy_from_slice(self.now.x.block(i, o));
        }
        quadratic.load(x, clock)
    }

    /// Makes one step, damped until the objective falls; returns whether it did.
    fn advance(&mut self, rounding: f64, clock: &Clock) -> Result<bool, Halt> {
        self.differentiate(clock)?;
        let allowed = self.now.objective + rounding;
        for _ in 0..MAX_TRIALS {
            if self.solve_step(clock)? {
                memory::resize(WHAT, &mut self.trial.eta, self.now.eta.len())?;
                for (s, (to, eta)) in self.trial.eta.iter_mut().zip(&self.now.eta).enumerate() {
                    let step = self.step.right(s)[0].clamp(-LARGEST_FALL, LARGEST_RISE);
                    *to = eta * step.exp();
                }
                let defined = self.trial.evaluate(&self.smooth, &mut self.system, clock)?;
                if defined && self.trial.objective <= allowed {
                    std::mem::swap(&mut self.now, &mut self.trial);
                    let less = self.damping / DAMPING_FACTOR;
                    self.damping = if less < LEAST_DAMPING { 0.0 } else { less };
                    return Ok(true);
                }
            }
            self.damping = (DAMPING_FACTOR * self.damping).max(LEAST_DAMPING);
        }
        // The step that never raises the objective: eta becomes the norms of X.
        self.trial.eta.clear();
        memory::append(WHAT, &mut self.trial.eta, &self.now.norms)?;
        let defined = self.trial.evaluate(&self.smooth, &mut self.system, clock)?;
        if defined && self.trial.objective < self.now.objective {
            std::mem::swap(&mut self.now, &mut self.trial);
            return Ok(true);
        }
        Ok(false)
    }

    /// Computes first and second derivatives of the objective by log eta.
    ///
    /// With `B_st` the sum of `A^-1 * (X X')` over the rows of s and t: the gradient is `a_s / 2
    /// (eta_s - |X_s|^2 / eta_s)`, and the second derivatives are `a_s |X_s|^2 / eta_s` on the
    /// diagonal, less `a_s a_t B_st / (eta_s eta_t)`. The derivative of the change of variables is
    /// the gradient; its size is added to the diagonal, so that the matrix stays positive definite.
    fn differentiate(&mut self, clock: &Clock) -> Result<(), Halt> {
        self.system.inverse(&mut self.inverse, clock)?;
        let x = &self.now.x;
        let (n, o, stride) = (self.support.len(), self.smooth.n_orient, self.inverse.stride());
        clock.spend(n * o * x.values().len())?;
        memory::resize(WHAT, &mut self.gradient, n)?;
        self.curvature.reshape(n, n)?;
        let places = self.curvature.stride();
        let inverse = self.inverse.values();
        let curvature = self.curvature.values_mut();
        let Point { eta, norms, .. } = &self.now;
        let ratio = |s: usize| self.smooth.thresholds[s] / eta[s];
        for s in 0..n {
            for t in 0..=s {
                let mut sum = 0.0;
                for i in s * o..(s + 1) * o {
                    for j in t * o..(t + 1) * o {
                        let product = kernels().dot(x.block(i, 1), x.block(j, 1));
                        sum += inverse[i.max(j) * stride + i.min(j)] * product;
                    }
                }
                let value = -ratio(s) * ratio(t) * sum;
                curvature[s * places + t] = value;
                curvature[t * places + s] = value;
            }
            let energy = norms[s] * norms[s];
            self.gradient[s] = 0.5 * self.smooth.thresholds[s] * (eta[s] - energy / eta[s]);
            curvature[s * places + s] += ratio(s) * energy + self.gradient[s].abs();
        }
        Ok(())
    }

    /// Solves for the step in log eta; returns whether it is defined.
    fn solve_step(&mut self, clock: &Clock) -> Result<bool, Halt> {
        let n = self.support.len();
        self.step.begin(n, 1)?;
        let places = self.curvature.stride();
        for s in 0..n {
            let row = self.step.matrix_mut(s);
            row[..n].copy_from_slice(&self.curvature.values()[s * places..s * places + n]);
            row[s] += self.damping * self.smooth.thresholds[s] * self.now.eta[s];
            self.step.right_mut(s)[0] = -self.gradient[s];
        }
        self.step.solve(clock)
    }

    /// Makes room for supports of `n_locations` locations.
    pub fn reserve(
        &mut self,
        n_locations: usize,
        n_orient: usize,
        n_times: usize,
    ) -> Result<(), Error> {
        let n_locations = n_locations.min(MAX_ROWS / n_orient);
        let rows = padded(n_locations * n_orient);
        memory::resize(WHAT, &mut self.support, n_locations)?;
        memory::resize(WHAT, &mut self.gradient, n_locations)?;
        self.smooth.reserve(n_locations, n_orient, n_times)?;
        for point in [&mut self.now, &mut self.trial] {
            point.reserve(n_locations, n_orient, n_times)?;
        }
        self.system.reserve(rows, n_times)?;
        self.step.reserve(n_locations, 1)?;
        self.inverse.reshape(rows, rows)?;
        self.curvature.reshape(n_locations, n_locations)
    }
}
