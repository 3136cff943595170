//! The small block operations of an epoch, compiled for AVX-512, AVX2 and the baseline, chosen once
//! at run time.
//!
//! The bodies are plain safe Rust that the compiler vectorises; the `unsafe` here only calls a body
//! compiled for a CPU feature after that feature was detected. The baseline body is the oracle the
//! others are tested against.
#![allow(unsafe_code)]

mod multiply;
#[cfg(test)]
mod tests;

use crate::machine::panel::Lane;
use crate::machine::units::{exponent, times_power};
pub(crate) use multiply::Factors;
use multiply::{multiply_body, multiply_single_body};
use std::sync::OnceLock;

/// Sums of squares below this have lost digits.
const MIN_EXACT_ENERGY: f64 = 1e-280;

#[inline(always)]
fn madd<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn madd_arrays<const FMA: bool, const N: usize>(sums: &mut [f64; N], x: &[f64; N], y: &[f64; N]) {
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum = madd::<FMA>(*x, *y, *sum);
    }
}

#[inline(always)]
fn dot_body<const FMA: bool>(a: &[Lane], b: &[Lane]) -> f64 {
    dot_slices_body::<FMA>(bytemuck::cast_slice(a), bytemuck::cast_slice(b))
}

#[inline(always)]
fn dot_slices_body<const FMA: bool>(a: &[f64], b: &[f64]) -> f64 {
    let (mut wide, mut narrow) = ([0.0; 32], [0.0; 8]);
    let ((a_wide, a), (b_wide, b)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    for (x, y) in a_wide.iter().zip(b_wide) {
        madd_arrays::<FMA, 32>(&mut wide, x, y);
    }
    let ((a_narrow, a), (b_narrow, b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (x, y) in a_narrow.iter().zip(b_narrow) {
        madd_arrays::<FMA, 8>(&mut narrow, x, y);
    }
    for part in wide.as_chunks::<8>().0 {
        for (sum, value) in narrow.iter_mut().zip(part) {
            *sum += value;
        }
    }
    let rest: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    narrow.iter().sum::<f64>() + rest
}

/// Sum of squares: sixteen sums in single precision over at most `RUN` numbers each, then in
/// double.
#[inline(always)]
fn energy_single_body<const FMA: bool>(a: &[f32]) -> f64 {
    let mut total = 0.0;
    for run in a.chunks(16 * RUN) {
        let mut sums = [0.0_f32; 16];
        let (whole, rest) = run.as_chunks::<16>();
        for x in whole {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = if FMA { x.mul_add(*x, *sum) } else { *sum + x * x };
            }
        }
        total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        total += rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    }
    total
}

/// Squares that are summed up in single precision: the relative error is at most this, times 2^-24.
pub(crate) const RUN: usize = 32;

/// Rows that `subtract_outer` takes in one pass over its target: with so many, arithmetic takes
/// longer than memory.
pub(crate) const ROWS_AT_ONCE: usize = 12;

/// `out[r] -= sum_i rows[i][r] * delta[i]` for `K` rows at once.
#[inline(always)]
fn subtract_rows<const FMA: bool, const K: usize>(
    out: &mut [Lane],
    rows: [&[f64]; K],
    delta: &[Lane],
    width: usize,
) {
    for (r, target) in out.chunks_exact_mut(width).enumerate() {
        let factors: [f64; K] = std::array::from_fn(|i| -rows[i][r]);
        for (q, lane) in target.iter_mut().enumerate() {
            let mut sum = lane.0;
            for i in 0..K {
                let d = &delta[i * width + q].0;
                for (value, d) in sum.iter_mut().zip(d) {
                    *value = madd::<FMA>(factors[i], *d, *value);
                }
            }
            lane.0 = sum;
        }
    }
}

#[inline(always)]
fn subtract_outer_body<const FMA: bool>(
    out: &mut [Lane],
    rows: &[f64],
    delta: &[Lane],
    width: usize,
) {
    let n = out.len() / width;
    let mut rows = rows;
    let mut delta = delta;
    while rows.len() >= ROWS_AT_ONCE * n && n > 0 {
        let (now, rest) = rows.split_at(ROWS_AT_ONCE * n);
        let now: [&[f64]; ROWS_AT_ONCE] = std::array::from_fn(|i| &now[i * n..(i + 1) * n]);
        subtract_rows::<FMA, ROWS_AT_ONCE>(out, now, delta, width);
        rows = rest;
        delta = &delta[ROWS_AT_ONCE * width..];
    }
    while rows.len() >= 3 * n && n > 0 {
        let (now, rest) = rows.split_at(3 * n);
        let (a, b) = now.split_at(n);
        let (b, c) = b.split_at(n);
        subtract_rows::<FMA, 3>(out, [a, b, c], delta, width);
        rows = rest;
        delta = &delta[3 * width..];
    }
    while rows.len() >= n && n > 0 {
        let (now, rest) = rows.split_at(n);
        subtract_rows::<FMA, 1>(out, [now], delta, width);
        rows = rest;
        delta = &delta[width..];
    }
}

#[inline(always)]
fn correlate_body<const FMA: bool>(
    out: &mut [Lane],
    columns: &[f64],
    residual: &[Lane],
    width: usize,
) {
    let n = residual.len() / width;
    for (target, column) in out.chunks_exact_mut(width).zip(columns.chunks_exact(n)) {
        target.fill(Lane([0.0; 8]));
        for (&factor, row) in column.iter().zip(residual.chunks_exact(width)) {
            for (lane, r) in target.iter_mut().zip(row) {
                for (value, r) in lane.0.iter_mut().zip(r.0) {
                    *value = madd::<FMA>(factor, r, *value);
                }
            }
        }
    }
}

/// The kernels, all compiled for the same CPU.
pub(crate) struct Kernels {
    dot: unsafe fn(&[Lane], &[Lane]) -> f64,
    dot_slices: unsafe fn(&[f64], &[f64]) -> f64,
    energy_single: unsafe fn(&[f32]) -> f64,
    multiply_single: unsafe fn(&mut [f32], Factors<f32>, &[f32], usize),
    multiply: unsafe fn(&mut [f64], Factors<f64>, &[f64], usize),
    subtract_outer: unsafe fn(&mut [Lane], &[f64], &[Lane], usize),
    correlate: unsafe fn(&mut [Lane], &[f64], &[Lane], usize),
}

macro_rules! kernels {
    ($module:ident, $fma:literal, $wide:literal $(, $feature:literal)?) => {
        mod $module {
            use super::*;
            $(#[target_feature(enable = $feature)])?
            fn dot(a: &[Lane], b: &[Lane]) -> f64 {
                dot_body::<$fma>(a, b)
            }
            $(#[target_feature(enable = $feature)])?
            fn dot_slices(a: &[f64], b: &[f64]) -> f64 {
                dot_slices_body::<$fma>(a, b)
            }
            $(#[target_feature(enable = $feature)])?
            fn energy_single(a: &[f32]) -> f64 {
                energy_single_body::<$fma>(a)
            }
            $(#[target_feature(enable = $feature)])?
            fn multiply_single(out: &mut [f32], a: Factors<f32>, b: &[f32], stride: usize) {
                multiply_single_body::<$fma, $wide>(out, a, b, stride)
            }
            $(#[target_feature(enable = $feature)])?
            fn multiply(out: &mut [f64], a: Factors<f64>, b: &[f64], stride: usize) {
                multiply_body::<$fma, $wide>(out, a, b, stride)
            }
            $(#[target_feature(enable = $feature)])?
            fn subtract_outer(out: &mut [Lane], rows: &[f64], delta: &[Lane], width: usize) {
                subtract_outer_body::<$fma>(out, rows, delta, width)
            }
            $(#[target_feature(enable = $feature)])?
            fn correlate(out: &mut [Lane], columns: &[f64], residual: &[Lane], width: usize) {
                correlate_body::<$fma>(out, columns, residual, width)
            }
            pub(super) const TABLE: Kernels = Kernels {
                dot,
                dot_slices,
                energy_single,
                multiply_single,
                multiply,
                subtract_outer,
                correlate,
            };
        }
    };
}

kernels!(baseline, false, 1);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, true, 1, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx512, true, 2, "avx512f,avx2,fma");

/// Returns the kernels for this CPU.
pub(crate) fn kernels() -> &'static Kernels {
    static CHOSEN: OnceLock<Kernels> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                return avx512::TABLE;
            }
            if fma {
                return avx2::TABLE;
            }
        }
        baseline::TABLE
    })
}

impl Kernels {
    /// Sums the products of two equally long runs of lanes.
    pub fn dot(&self, a: &[Lane], b: &[Lane]) -> f64 {
        // SAFETY: this entry was compiled for features detected on this CPU (as are all below).
        unsafe { (self.dot)(a, b) }
    }

    /// Computes |a|^2.
    pub fn energy(&self, a: &[Lane]) -> f64 {
        self.dot(a, a)
    }

    /// Computes |a|, also where its squares vanish or overflow.
    pub fn norm(&self, a: &[Lane]) -> f64 {
        let energy = self.energy(a);
        if energy > MIN_EXACT_ENERGY && energy.is_finite() {
            return energy.sqrt();
        }
        let values = || a.iter().flat_map(|lane| lane.0);
        let largest = values().fold(0.0, |a: f64, b| a.max(b.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        let taken_out = exponent(largest);
        let energy: f64 = values().map(|value| times_power(value, -taken_out).powi(2)).sum();
        times_power(energy.sqrt(), taken_out)
    }

    /// Sums the products of two equally long slices.
    pub fn dot_slices(&self, a: &[f64], b: &[f64]) -> f64 {
        // SAFETY: as in `dot`.
        unsafe { (self.dot_slices)(a, b) }
    }

    /// Computes |a|^2 of numbers in single precision, to a few times its rounding.
    pub fn energy_single(&self, a: &[f32]) -> f64 {
        // SAFETY: as in `dot`.
        unsafe { (self.energy_single)(a) }
    }

    /// Multiplies `out = a b` in single precision for rows of `stride` numbers, a multiple of 16;
    /// nothing is allocated.
    pub fn multiply_single(&self, out: &mut [f32], a: Factors<f32>, b: &[f32], stride: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.multiply_single)(out, a, b, stride) }
    }

    /// Multiplies `out = a b` for rows of `stride` numbers, a multiple of 8; nothing is allocated.
    pub fn multiply(&self, out: &mut [f64], a: Factors<f64>, b: &[f64], stride: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.multiply)(out, a, b, stride) }
    }

    /// Subtracts `out -= rows' delta`: `rows` holds a row per row of `delta`, each as long as `out`
    /// has rows of `width` lanes.
    pub fn subtract_outer(&self, out: &mut [Lane], rows: &[f64], delta: &[Lane], width: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.subtract_outer)(out, rows, delta, width) }
    }

    /// Multiplies `out = columns residual`: a row of `out` per column of the gain, each as long as
    /// `residual` has rows.
    pub fn correlate(&self, out: &mut [Lane], columns: &[f64], residual: &[Lane], width: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.correlate)(out, columns, residual, width) }
    }
}
