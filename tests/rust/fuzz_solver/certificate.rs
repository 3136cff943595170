//! A second implementation of the certificate, from the formulas: data and each location are scaled
//! by exact powers of two to ordinary size, sums have twice the digits, and what rounding may have
//! done to the library's own certificate is bounded.
//!
//! ```text
//! P = 1/2 |M - G X|^2 + alpha sum_s w_s |X_s| + ridge/2 |X|^2
//! D = t <R, M> - t^2/2 (|R|^2 + ridge |X|^2)
//! R = M - G X,  C_s = G_s'R - ridge X_s,  t = min(1, min_s alpha w_s / |C_s|)
//! ```

use crate::case::{exponent_of, ldexp};
use mxne_rs::Sources;
use ndarray::{Array2, ArrayView2, s};

/// Roundings that the library may make in a row in one number: sums of at most a few dozen terms, a
/// rotation of time to and fro, and what that drops as rounding (1e-14 of the norm).
const ROUNDINGS: f64 = 256.0;

/// What is certified: a problem, and what may stand in for its weights after reweighting.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    pub gain: &'a Array2<f64>,
    pub data: &'a Array2<f64>,
    pub n_orient: usize,
    pub weights: Option<&'a [f64]>,
    pub alpha: f64,
    pub ridge: f64,
}

/// In units of `|M|^2 / 2`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Independent {
    pub gap: f64,
    pub primal: f64,
    pub dual: f64,
    pub explained_variance: f64,
    /// what rounding may do to a gap computed without twice the digits
    pub rounding: f64,
}

/// One location in units in which its columns (or its time courses, where it has any) are of size
/// one.
struct Location {
    columns: Array2<f64>,
    x: Option<Array2<f64>>,
    threshold: f64,
    ridge: f64,
}

impl<'a> Problem<'a> {
    fn weight(&self, s: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[s])
    }

    fn block(&self, s: usize) -> ArrayView2<'a, f64> {
        self.gain.slice(s![.., s * self.n_orient..(s + 1) * self.n_orient])
    }

    /// The largest `|G_s'M| / w_s` as a number of ordinary size and a power of two.
    pub fn alpha_max(&self) -> (f64, i32) {
        let km = largest_exponent(self.data.view()).unwrap_or(0);
        let data = self.data.mapv(|m| ldexp(m, -km));
        let mut largest = (0.0, 0);
        for s in 0..self.gain.ncols() / self.n_orient {
            let (block, w) = (self.block(s), self.weight(s));
            let Some(kg) = largest_exponent(block).filter(|_| w.is_finite()) else { continue };
            let columns = block.mapv(|g| ldexp(g, -kg));
            let kw = exponent_of(w);
            let norm = size(&products(&columns, &data)) / ldexp(w, -kw);
            let shift = exponent_of(norm);
            let found = (ldexp(norm, -shift), km + kg - kw + shift);
            if norm > 0.0 && (largest.0 == 0.0 || (found.1, found.0) > (largest.1, largest.0)) {
                largest = found;
            }
        }
        largest
    }

    /// None where X is so large that its objective is beyond all numbers.
    pub fn certify(&self, sources: &Sources) -> Option<Independent> {
        let Some(km) = largest_exponent(self.data.view()) else {
            // Any X that is not zero is infinitely worse than nothing.
            let is_zero = sources.coef.iter().all(|x| *x == 0.0);
            let gap = if is_zero { 0.0 } else { f64::INFINITY };
            return Some(Independent { gap, ..Independent::default() });
        };
        let data = self.data.mapv(|m| ldexp(m, -km));
        let locations = self.locations(sources, km);
        let mut residual = data.clone();
        let mut reach = size(&data);
        let fits: Vec<_> = locations.iter().filter_map(|l| Some((l, l.x.as_ref()?))).collect();
        for ((i, t), r) in residual.indexed_iter_mut() {
            let mut sum = Sum::new(data[[i, t]]);
            for (location, x) in &fits {
                for j in 0..self.n_orient {
                    sum.add_product(-location.columns[[i, j]], x[[j, t]]);
                }
            }
            *r = sum.value();
        }
        for (location, x) in &fits {
            reach += size(&location.columns) * size(x);
        }
        let unit = ROUNDINGS * f64::EPSILON / 2.0;
        let (of_residual, of_data) = (size(&residual), size(&data));
        let residual_error = unit * reach;

        let (mut penalty, mut ridge_energy) = (0.0, 0.0);
        let (mut largest, mut least, mut most) = (1.0f64, 1.0f64, 1.0f64);
        for location in &locations {
            let mut correlations = products(&location.columns, &residual);
            let of_columns = size(&location.columns);
            let mut error = of_columns * (residual_error + unit * of_residual);
            if let Some(x) = &location.x {
                correlations.scaled_add(-location.ridge, x);
                error += unit * location.ridge * size(x);
                penalty += location.threshold * size(x);
                ridge_energy += location.ridge * size(x).powi(2);
            }
            let norm = size(&correlations);
            if norm > 0.0 {
                largest = largest.max(norm / location.threshold);
            }
            error += unit * norm;
            if norm + error > 0.0 {
                least = least.max((norm - error) / location.threshold);
                most = most.max((norm + error) / location.threshold);
            }
        }
        let energy = dot(&residual, &residual) + ridge_energy;
        let against = dot(&residual, &data);
        let dual_at = |largest: f64| against / largest - 0.5 * energy / largest / largest;
        let primal = 0.5 * energy + penalty;
        let dual = dual_at(largest);
        let t = 1.0 / least;
        let moved = [least, most].map(|ratio| (dual_at(ratio) - dual).abs());
        let energy_error =
            of_residual * residual_error + 0.5 * residual_error.powi(2) + unit * energy;
        let dual_error = moved[0].max(moved[1])
            + t * of_data * residual_error
            + unit * (t * against.abs())
            + t * t * energy_error;
        let primal_error = energy_error + unit * penalty;
        let scale = 0.5 * dot(&data, &data);
        let found = Independent {
            gap: ((primal - dual) / scale).max(0.0),
            primal: primal / scale,
            dual: dual / scale,
            explained_variance: 1.0 - dot(&residual, &residual) / (2.0 * scale),
            rounding: (primal_error + dual_error) / scale + unit,
        };
        (found.primal.is_finite() && found.dual.is_finite()).then_some(found)
    }

    fn locations(&self, sources: &Sources, km: i32) -> Vec<Location> {
        let o = self.n_orient;
        let mut found = Vec::new();
        for s in 0..self.gain.ncols() / o {
            let (block, w) = (self.block(s), self.weight(s));
            let x = sources.locations.iter().position(|&l| l == s);
            let x = x.map(|i| sources.coef.slice(s![i * o..(i + 1) * o, ..]));
            let x = x.filter(|x| largest_exponent(*x).is_some());
            if w.is_infinite() && x.is_none() {
                continue;
            }
            // X_s in units of 2^k, the columns in units of 2^(km - k): their product is in units of
            // the data.
            let k = match (x.and_then(largest_exponent), largest_exponent(block)) {
                // Unless X_s is nothing beside the data: in its unit the columns would be no normal
                // numbers.
                (Some(k), Some(kg)) if k + kg < km - 900 => km - kg,
                (Some(k), _) => k,
                (None, Some(kg)) => km - kg,
                (None, None) => continue,
            };
            found.push(Location {
                columns: block.mapv(|g| ldexp(g, k - km)),
                x: x.map(|x| x.mapv(|value| ldexp(value, -k))),
                threshold: scaled_product(self.alpha, w, k - 2 * km),
                ridge: ldexp(self.ridge, 2 * (k - km)),
            });
        }
        found
    }
}

/// `a b 2^e`.
fn scaled_product(a: f64, b: f64, e: i32) -> f64 {
    if b.is_infinite() {
        return f64::INFINITY;
    }
    let (ea, eb) = (exponent_of(a), exponent_of(b));
    ldexp(ldexp(a, -ea) * ldexp(b, -eb), ea + eb + e)
}

/// The exponent of the largest absolute value, if that is not zero.
pub fn largest_exponent(array: ArrayView2<f64>) -> Option<i32> {
    let largest = array.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    (largest > 0.0).then(|| exponent_of(largest))
}

/// Frobenius norm of numbers of which the largest is of any size.
fn size(array: &Array2<f64>) -> f64 {
    let Some(k) = largest_exponent(array.view()) else { return 0.0 };
    let unit = array.mapv(|value| ldexp(value, -k));
    ldexp(dot(&unit, &unit).sqrt(), k)
}

/// `columns' residual`.
fn products(columns: &Array2<f64>, residual: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((columns.ncols(), residual.ncols()), |(j, t)| {
        let mut sum = Sum::new(0.0);
        for i in 0..columns.nrows() {
            sum.add_product(columns[[i, j]], residual[[i, t]]);
        }
        sum.value()
    })
}

fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let mut sum = Sum::new(0.0);
    a.iter().zip(b).for_each(|(a, b)| sum.add_product(*a, *b));
    sum.value()
}

/// A sum as if with twice the digits (Ogita, Rump and Oishi, SIAM J. Sci. Comput. 26 (2005),
/// algorithm 5.3).
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn new(value: f64) -> Self {
        Sum { high: value, low: 0.0 }
    }

    fn add_product(&mut self, a: f64, b: f64) {
        let product = a * b;
        let of_product = a.mul_add(b, -product);
        let sum = self.high + product;
        let part = sum - self.high;
        let of_sum = (self.high - (sum - part)) + (product - part);
        self.high = sum;
        self.low += of_product + of_sum;
    }

    fn value(&self) -> f64 {
        self.high + self.low
    }
}
