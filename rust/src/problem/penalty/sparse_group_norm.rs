//! The penalty of TF-MxNE, which is sparse over locations and over the coefficients of each.

use super::Penalty;
use crate::error::Error;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::problem::frame::Frame;
use std::sync::Arc;

const WHAT: &str = "the weights";
/// Newton's steps for a dual norm end where they move it by less than this part of itself.
const ROUNDING: f64 = 1e-15;
const MAX_STEPS: usize = 100;
/// Correlations come close to moving a coefficient from zero at this part of its threshold.
const CLOSE: f64 = 0.8;
/// The weight of a coefficient that is kept at zero, and of padding: beyond any correlation, and no
/// infinity, which times zero would be NaN.
pub(crate) const EXCLUDED: f64 = 1e200;

/// `alpha sum_s ((1 - l1_ratio) w_s |Z_s| + l1_ratio sum_k v_sk |Z_sk|)`, with Z_sk the rows of
/// coefficient k at location s (Gramfort, Strohmeier, Haueisen, Hämäläinen and Kowalski 2013,
/// equation 6).
///
/// `v_sk` has the square root of the coefficient's multiplicity as a factor, as `|Z_sk|` has. An
/// infinite weight keeps a location at zero, [`EXCLUDED`] a coefficient.
#[derive(Debug)]
pub(crate) struct SparseGroupNorm {
    frame: Arc<Frame>,
    alpha: f64,
    pub l1_ratio: f64,
    weights: Vec<f64>,
    coef_weights: CoefWeights,
    thresholds: Vec<f64>,
}

/// `v_sk`, in the order of a row of coefficients, padding [`EXCLUDED`].
#[derive(Debug)]
enum CoefWeights {
    /// one row for all locations
    Same(Arc<Vec<Lane>>),
    /// a row for each location
    Own(Vec<Lane>),
}

impl SparseGroupNorm {
    /// Makes the penalty of some locations; the weights of coefficients are those of their
    /// multiplicity.
    pub fn new(
        frame: Arc<Frame>,
        (alpha, l1_ratio): (f64, f64),
        weights: Vec<f64>,
    ) -> Result<Self, Error> {
        let mut same: Vec<Lane> = memory::zeros(WHAT, frame.half_width())?;
        let values: &mut [f64] = bytemuck::cast_slice_mut(&mut same);
        values.fill(EXCLUDED);
        values.iter_mut().zip(frame.roots_of_multiplicities()).for_each(|(v, root)| *v = root);
        SparseGroupNorm::with(frame, (alpha, l1_ratio), weights, CoefWeights::Same(Arc::new(same)))
    }

    /// Makes the penalty, with the thresholds: as `sum_k v_k |Z_k| >= min_k v_k |Z|`.
    fn with(
        frame: Arc<Frame>,
        (alpha, l1_ratio): (f64, f64),
        weights: Vec<f64>,
        coef_weights: CoefWeights,
    ) -> Result<Self, Error> {
        let mut thresholds = memory::room(WHAT, weights.len())?;
        let least_of = |row: &[Lane]| {
            let values: &[f64] = bytemuck::cast_slice(row);
            values.iter().fold(f64::INFINITY, |a, &b| a.min(b))
        };
        let half = frame.half_width();
        let of_all = if let CoefWeights::Same(row) = &coef_weights { least_of(row) } else { 0.0 };
        for (s, &weight) in weights.iter().enumerate() {
            let least = match &coef_weights {
                CoefWeights::Same(_) => of_all,
                CoefWeights::Own(rows) => least_of(&rows[s * half..(s + 1) * half]),
            };
            thresholds.push(match weight {
                f64::INFINITY => f64::INFINITY,
                _ => alpha * ((1.0 - l1_ratio) * weight + l1_ratio * least),
            });
        }
        Ok(SparseGroupNorm { frame, alpha, l1_ratio, weights, coef_weights, thresholds })
    }

    /// Makes the penalty with other weights, of locations and of the coefficients of each.
    pub fn reweighted(&self, weights: Vec<f64>, coef_weights: Vec<Lane>) -> Result<Self, Error> {
        let scale = (self.alpha, self.l1_ratio);
        SparseGroupNorm::with(self.frame.clone(), scale, weights, CoefWeights::Own(coef_weights))
    }

    /// Returns the weights of the coefficients of location `s`.
    pub fn of_coefs(&self, s: usize) -> &[Lane] {
        let half = self.frame.half_width();
        match &self.coef_weights {
            CoefWeights::Same(row) => row,
            CoefWeights::Own(rows) => &rows[s * half..(s + 1) * half],
        }
    }

    /// Returns `(1 - l1_ratio) w_s`.
    fn of_norm(&self, s: usize) -> f64 {
        // Zero times infinity would be NaN.
        match self.weights[s] {
            f64::INFINITY => f64::INFINITY,
            weight => (1.0 - self.l1_ratio) * weight,
        }
    }

    /// Computes `(sum over rows of re^2 + im^2)` of eight coefficients of a block.
    pub fn energy(&self, block: &[Lane], lane: usize) -> Lane {
        let half = self.frame.half_width();
        let mut energy = [0.0; 8];
        for row in block.chunks_exact(2 * half) {
            for ((sum, re), im) in energy.iter_mut().zip(row[lane].0).zip(row[half + lane].0) {
                *sum += re * re + im * im;
            }
        }
        Lane(energy)
    }

    /// Computes `sum_k v_k |Z_k|` and `|Z|^2` of a block.
    fn sums(&self, block: &[Lane], v: &[Lane]) -> (f64, f64) {
        let (mut absolute, mut square) = (0.0, 0.0);
        for (lane, v) in v.iter().enumerate() {
            for (energy, v) in self.energy(block, lane).0.into_iter().zip(v.0) {
                absolute += v * energy.sqrt();
                square += energy;
            }
        }
        (absolute, square)
    }
}

impl Penalty for SparseGroupNorm {
    fn n_locations(&self) -> usize {
        self.weights.len()
    }

    fn select(&self, locations: &[usize]) -> Result<Box<dyn Penalty>, Error> {
        let weights = memory::gathered(WHAT, locations.iter().map(|&s| self.weights[s]))?;
        let coef_weights = match &self.coef_weights {
            CoefWeights::Same(row) => CoefWeights::Same(row.clone()),
            CoefWeights::Own(_) => {
                let mut rows = memory::room(WHAT, locations.len() * self.frame.half_width())?;
                locations.iter().for_each(|&s| rows.extend_from_slice(self.of_coefs(s)));
                CoefWeights::Own(rows)
            }
        };
        let scale = (self.alpha, self.l1_ratio);
        Ok(Box::new(SparseGroupNorm::with(self.frame.clone(), scale, weights, coef_weights)?))
    }

    fn value(&self, z: &Panel) -> f64 {
        let n_orient = z.rows / self.n_locations().max(1);
        let mut sum = 0.0;
        for s in 0..self.n_locations() {
            let (absolute, square) = self.sums(z.block(s, n_orient), self.of_coefs(s));
            if square > 0.0 {
                sum += self.of_norm(s) * square.sqrt() + self.l1_ratio * absolute;
            }
        }
        self.alpha * sum
    }

    /// Shrinks each coefficient, then the whole block: multiplicities cancel inside.
    fn prox(&self, s: usize, block: &mut [Lane], lipschitz: f64) {
        let half = self.frame.half_width();
        let step = self.alpha * self.l1_ratio / lipschitz;
        let mut square = 0.0;
        for (lane, v) in self.of_coefs(s).iter().enumerate() {
            let mut factors = self.energy(block, lane).0;
            for (factor, v) in factors.iter_mut().zip(v.0) {
                let energy = *factor;
                let kept = (1.0 - step * v / energy.sqrt()).max(0.0);
                *factor = if energy > 0.0 { kept } else { 0.0 };
                square += *factor * *factor * energy;
            }
            for row in block.chunks_exact_mut(2 * half) {
                for part in [lane, half + lane] {
                    row[part].0.iter_mut().zip(factors).for_each(|(value, factor)| {
                        *value = if factor == 0.0 { 0.0 } else { *value * factor };
                    });
                }
            }
        }
        let threshold = self.alpha * self.of_norm(s) / lipschitz;
        super::scale(super::values_mut(block), super::shrinkage(square.sqrt(), threshold));
    }

    fn threshold(&self, s: usize) -> f64 {
        self.thresholds[s]
    }

    /// Computes the nu at which `|(y_k - l1_ratio v_k nu)_+| = (1 - l1_ratio) w_s nu`, y_k being
    /// the norm of the correlations with coefficient k; the dual norm is `nu / alpha` (the epsilon
    /// norm of Burdakov; Ndiaye, Fercoq, Gramfort and Salmon, NIPS 2016, proposition 9).
    ///
    /// The left side minus the right side is convex and falling, so Newton's steps from below
    /// never overshoot, and one look tells whether nu is below the floor.
    fn dual_norm(&self, s: usize, correlations: &mut [Lane], floor: f64) -> f64 {
        let a = self.of_norm(s);
        let v = self.of_coefs(s);
        for lane in 0..v.len() {
            correlations[lane] = self.energy(correlations, lane);
        }
        let energies = &correlations[..v.len()];
        let mut nu = floor * self.alpha;
        if floor == 0.0 {
            // From below: one coefficient alone.
            let pairs = energies.iter().zip(v).flat_map(|(e, v)| e.0.into_iter().zip(v.0));
            let alone = pairs.map(|(energy, v)| energy.sqrt() / (a + self.l1_ratio * v));
            nu = alone.fold(0.0, f64::max);
        }
        for _ in 0..MAX_STEPS {
            let (mut square, mut slope) = (0.0, 0.0);
            for (energy, v) in energies.iter().zip(v) {
                let c = v.0.map(|v| self.l1_ratio * v);
                if (0..8).all(|i| energy.0[i] <= (c[i] * nu) * (c[i] * nu)) {
                    continue;
                }
                for (energy, c) in energy.0.into_iter().zip(c) {
                    let left = (energy.sqrt() - c * nu).max(0.0);
                    square += left * left;
                    slope += c * left;
                }
            }
            let norm = square.sqrt();
            let step = if norm > 0.0 { (norm - a * nu) / (slope / norm + a) } else { 0.0 };
            nu += step.max(0.0);
            if step <= ROUNDING * nu {
                break;
            }
        }
        nu / self.alpha
    }

    fn is_bound_exact(&self) -> bool {
        false
    }

    fn mark_open(&self, s: usize, correlations: &[Lane], open: &mut [bool]) {
        let mut frequencies = self.frame.frequencies();
        for (lane, v) in self.of_coefs(s).iter().enumerate() {
            for (energy, v) in self.energy(correlations, lane).0.into_iter().zip(v.0) {
                let Some(frequency) = frequencies.next() else { return };
                open[frequency] |= energy.sqrt() > CLOSE * self.alpha * self.l1_ratio * v;
            }
        }
    }

    fn on_band(&self, open: &[bool]) -> Result<Option<Box<dyn Penalty>>, Error> {
        let (frame, places) = (Arc::new(self.frame.on_band(open)?), self.frame.open_places(open));
        let gathered = |row: &[Lane], out: &mut Vec<Lane>| {
            let values: &[f64] = bytemuck::cast_slice(row);
            out.extend(places.chunks(8).map(|places| {
                Lane(std::array::from_fn(|i| places.get(i).map_or(EXCLUDED, |&k| values[k])))
            }));
        };
        let coef_weights = match &self.coef_weights {
            CoefWeights::Same(row) => {
                let mut out = memory::room(WHAT, frame.half_width())?;
                gathered(row, &mut out);
                CoefWeights::Same(Arc::new(out))
            }
            CoefWeights::Own(rows) => {
                let mut out = memory::room(WHAT, self.weights.len() * frame.half_width())?;
                rows.chunks(self.frame.half_width()).for_each(|row| gathered(row, &mut out));
                CoefWeights::Own(out)
            }
        };
        let weights = memory::copied(WHAT, &self.weights)?;
        let scale = (self.alpha, self.l1_ratio);
        Ok(Some(Box::new(SparseGroupNorm::with(frame, scale, weights, coef_weights)?)))
    }

    fn frame(&self) -> Option<&Frame> {
        Some(&self.frame)
    }
}
