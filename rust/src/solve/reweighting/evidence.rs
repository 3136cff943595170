//! gamma-MAP: locations with variances, the evidence of which is maximised.
//!
//! The evidence of variances gamma is, up to constants and as something to lower,
//! `L(gamma) = log|C| + tr(C^-1 M M') / n_times` with `C = lambda I + sum_s gamma_s G_s G_s'`. Its
//! first term is concave in gamma, so it lies below its tangent, of slope `z_s = tr(G_s'C^-1 G_s)`;
//! its second term is the least of `|M - G X|^2 / lambda + sum_s |X_s|^2 / gamma_s` over X, by
//! n_times. The least of tangent and second term over gamma is at
//! `gamma_s = |X_s| / sqrt(n_times z_s)`, and what is left is MxNE in X, with
//! `alpha = lambda sqrt(n_times)` and `w_s = sqrt(z_s)` (Wipf and Nagarajan, IEEE J. Sel. Top.
//! Signal Process. 4, 2010).
//!
//! C is lambda I + A A' with few columns A: with `lambda I + A'A = U'U` and `W = A U^-1` it is
//! `C^-1 = (I - W W') / lambda`, so that a round costs a product of the gain with W.

use super::WHAT;
use super::majorant::Majorant;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::definite::Definite;
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::products;
use crate::machine::threads::Threads;
use crate::machine::units::{Units, times_power};
use crate::method::working_set::Descended;
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::penalty::{GroupNorm, Penalty};
use crate::solve::setup::Setup;

/// What is left of a location's energy beside strong sources is at least this part of it: less is
/// rounding.
const LEAST_LEFT: f64 = 1e-14;

/// The evidence of one data set.
pub(super) struct Evidence<'a> {
    /// M of the scaled problem
    data: Panel,
    /// lambda, the variance of the noise, of the scaled problem
    noise: f64,
    units: Units,
    threads: &'a Threads,
    clock: &'a Clock<'a>,
    /// the user's weights: 1, or infinite where a location is left out
    base: Vec<f64>,
}

/// `C = lambda I + A A'`, factorised.
struct Covariance {
    /// W' (columns of A x n_sensors)
    root: Vec<f64>,
    log_determinant: f64,
    /// `lambda` times the diagonal of `(lambda I + A'A)^-1`
    shares: Vec<f64>,
}

impl<'a> Evidence<'a> {
    /// Prepares the evidence for `alpha = lambda sqrt(n_times)`.
    pub fn new(setup: &Setup<'a>, gain: &Gain, alpha: f64) -> Result<Self, Error> {
        let base = memory::gathered(WHAT, (0..gain.n_locations()).map(|s| setup.weight(s)))?;
        if let Some(location) = base.iter().position(|&w| w != 1.0 && w.is_finite()) {
            let remedy = "the evidence has no weights: give 1, or infinity to exclude a location";
            return Err(Error::Parameter { name: "weights", value: base[location], remedy });
        }
        let (data, units) = (Panel::from_array(setup.unrotated())?, setup.units);
        let noise = times_power(alpha, -2 * units.data) / (data.n_times as f64).sqrt();
        let (threads, clock) = (setup.threads(), setup.clock());
        Ok(Evidence { data, noise, units, threads, clock, base })
    }

    /// Computes the weights of the first round: those for `C = lambda I + M M' / n_times`.
    pub fn first_weights(&self, gain: &Gain) -> Result<Vec<f64>, Halt> {
        let (n, n_times, stride) = (self.data.rows, self.data.n_times, self.data.stride());
        let root = (n_times as f64).sqrt();
        let entry = |i: usize| self.data.values()[i % n * stride + i / n] / root;
        let columns = memory::gathered(WHAT, (0..n_times * n).map(entry))?;
        self.weights_for(&self.covariance(columns, self.clock)?, gain)
    }

    /// Makes the penalty with these weights.
    pub fn penalty_of(&self, weights: &[f64]) -> Result<Box<dyn Penalty>, Error> {
        let alpha = self.noise * (self.data.n_times as f64).sqrt();
        Ok(Box::new(GroupNorm::new(alpha, Some(weights), weights.len())?))
    }

    /// Computes the variances that follow from an answer and its weights, of its locations.
    fn variances(&self, gain: &Gain, x: &Iterate, weights: &[f64]) -> Vec<f64> {
        let root = (self.data.n_times as f64).sqrt();
        let pairs = x.locations.iter().zip(x.norms(gain.n_orient()));
        pairs.map(|(&s, norm)| norm / (root * weights[s])).collect()
    }

    /// Factorises C for some variances.
    fn covariance_of(
        &self,
        gain: &Gain,
        locations: &[usize],
        variances: &[f64],
        clock: &Clock,
    ) -> Result<Covariance, Halt> {
        let size = gain.n_sensors() * gain.n_orient();
        let mut columns = memory::room(WHAT, locations.len() * size)?;
        for (&s, variance) in locations.iter().zip(variances) {
            clock.spend(size)?;
            let root = variance.sqrt();
            columns.extend(gain.block(s).iter().map(|value| root * value));
        }
        self.covariance(columns, clock)
    }

    /// Factorises C for columns A, one after the other.
    fn covariance(&self, columns: Vec<f64>, clock: &Clock) -> Result<Covariance, Halt> {
        let n = self.data.rows;
        let count = columns.len() / n;
        let column = |i: usize| &columns[i * n..(i + 1) * n];
        let mut system = Definite::new()?;
        system.begin(count, 1)?;
        for i in 0..count {
            clock.spend((i + 1) * n)?;
            for j in 0..=i {
                let product = kernels().dot_slices(column(i), column(j));
                system.matrix_mut(i)[j] = product;
                system.matrix_mut(j)[i] = product;
            }
            system.matrix_mut(i)[i] += self.noise;
        }
        if !system.solve(clock)? {
            let remedy = "it is too small beside the data: give a larger variance of the noise";
            let alpha = self.noise * (self.data.n_times as f64).sqrt();
            let value = times_power(alpha, 2 * self.units.data);
            return Err(Error::Parameter { name: "alpha", value, remedy }.into());
        }
        let rest = (n as f64 - count as f64) * self.noise.ln();
        let log_determinant = rest + system.log_determinant();
        let lower = system.factor_of_inverse(clock)?;
        let mut root = memory::zeros(WHAT, count * n)?;
        clock.spend(count * count * n)?;
        let factor = View::new(lower.values(), count, count, lower.stride());
        let target = Target { data: &mut root, stride: n, keep: 0.0 };
        gemm(target, 1.0, factor, View::new(&columns, count, n, n));
        let below = |i: usize| (i..count).map(move |j| lower.values()[j * lower.stride() + i]);
        let share = |i: usize| self.noise * below(i).map(|value| value * value).sum::<f64>();
        let shares = memory::gathered(WHAT, (0..count).map(share))?;
        Ok(Covariance { root, log_determinant, shares })
    }

    /// Computes `w_s = |C^-1/2 G_s|_F` of every location.
    fn weights_for(&self, covariance: &Covariance, gain: &Gain) -> Result<Vec<f64>, Halt> {
        let (n, o) = (gain.n_sensors(), gain.n_orient());
        let count = covariance.root.len() / n;
        let mut root = Panel::zeros(n, count)?;
        let stride = root.stride();
        for (j, row) in covariance.root.chunks(n).enumerate() {
            let entries = row.iter().zip(root.values_mut().chunks_mut(stride));
            entries.for_each(|(value, target)| target[j] = *value);
        }
        let columns = gain.columns();
        let mut weights = products::correlation_norms(columns, o, &root, self.threads, self.clock)?;
        for (s, (weight, base)) in weights.iter_mut().zip(&self.base).enumerate() {
            let energy: f64 = gain.curvature().matrix(s).iter().step_by(o + 1).sum();
            let left = (energy - *weight * *weight).max(LEAST_LEFT * energy) / self.noise;
            // A location without gain has no weight: it stays at zero for any.
            *weight = if base.is_finite() && left > 0.0 { left.sqrt() } else { f64::INFINITY };
        }
        Ok(weights)
    }
}

impl Majorant for Evidence<'_> {
    fn weights(&self, part: &Gain, answer: &Iterate, weights: &[f64]) -> Result<Vec<f64>, Halt> {
        let variances = self.variances(part, answer, weights);
        let covariance = self.covariance_of(part, &answer.locations, &variances, self.clock)?;
        let mut weights = self.weights_for(&covariance, part)?;
        // Where a source is strong, little is left of its energy: it follows from the shares
        // without a difference of large numbers.
        let shares = covariance.shares.chunks(part.n_orient());
        for ((&s, variance), shares) in answer.locations.iter().zip(variances).zip(shares) {
            if shares.iter().all(|&share| share < 0.5) {
                weights[s] =
                    (shares.iter().map(|share| 1.0 - share).sum::<f64>() / variance).sqrt();
            }
        }
        Ok(weights)
    }

    fn penalty(
        &self,
        _part: &Gain,
        _answer: &Iterate,
        weights: &[f64],
    ) -> Result<Box<dyn Penalty>, Error> {
        self.penalty_of(weights)
    }

    /// Computes L of the variances that follow from an answer, also where the time is over: of an
    /// answer that is there it has to be known.
    fn objective(
        &self,
        part: &Gain,
        answer: &Descended,
        weights: &[f64],
        _smooth: f64,
    ) -> Result<f64, Halt> {
        let clock = Clock::endless();
        let variances = self.variances(part, &answer.iterate, weights);
        let locations = &answer.iterate.locations;
        let covariance = self.covariance_of(part, locations, &variances, &clock)?;
        let data = &self.data;
        let mut explained = Panel::zeros(covariance.root.len() / data.rows, data.n_times)?;
        products::correlations(&covariance.root, data, &mut explained, self.threads, &clock)?;
        let energy = kernels().energy(data.lanes()) - kernels().energy(explained.lanes());
        Ok(covariance.log_determinant + energy / (self.noise * data.n_times as f64))
    }

    /// `log|C|` is larger where the data were divided.
    fn objective_in_units(&self, objective: f64) -> f64 {
        let twice = f64::from(2 * self.units.data) * std::f64::consts::LN_2;
        objective + self.data.rows as f64 * twice
    }

    fn weight_in_units(&self, weight: f64) -> f64 {
        times_power(weight, -self.units.of_sources())
    }
}
