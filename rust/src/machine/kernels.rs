//! The small block operations of an epoch, compiled for AVX-512, AVX2 and the baseline, chosen once
//! at run time.
//!
//! The bodies are plain safe Rust that the compiler vectorises; the `unsafe` here only calls a body
//! compiled for a CPU feature after that feature was detected. The baseline body is the oracle the
//! others are tested against.
#![allow(unsafe_code)]

mod blocks;
mod definite;
mod multiply;
#[cfg(test)]
mod tests;

use crate::machine::panel::Lane;
use crate::machine::units::{exponent, times_power};
pub(crate) use blocks::{ROWS_AT_ONCE, RUN};
use blocks::{correlate_body, dot_body, dot_slices_body, energy_single_body, subtract_outer_body};
pub(crate) use definite::BLOCK;
use definite::{add_squares_body, eliminate_body, invert_body, substitute_body};
pub(crate) use multiply::Factors;
use multiply::{multiply_body, multiply_single_body};
use std::sync::OnceLock;

/// Sums of squares below this have lost digits.
const MIN_EXACT_ENERGY: f64 = 1e-280;

/// The kernels, all compiled for the same CPU.
pub(crate) struct Kernels {
    dot: unsafe fn(&[Lane], &[Lane]) -> f64,
    dot_slices: unsafe fn(&[f64], &[f64]) -> f64,
    energy_single: unsafe fn(&[f32]) -> f64,
    multiply_single: unsafe fn(&mut [f32], Factors<f32>, &[f32], usize),
    multiply: unsafe fn(&mut [f64], Factors<f64>, &[f64], usize),
    subtract_outer: unsafe fn(&mut [Lane], &[f64], &[Lane], usize),
    correlate: unsafe fn(&mut [Lane], &[f64], &[Lane], usize),
    eliminate: unsafe fn(&mut [Lane], usize, usize, &[f64]) -> bool,
    substitute: unsafe fn(&mut [Lane], usize, usize, usize),
    invert: unsafe fn(&mut [Lane], usize, &[Lane], usize, usize),
    add_squares: unsafe fn(&mut [Lane], usize, &[Lane], usize),
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
            $(#[target_feature(enable = $feature)])?
            fn eliminate(rows: &mut [Lane], width: usize, block: usize, floors: &[f64]) -> bool {
                eliminate_body::<$fma>(rows, width, block, floors)
            }
            $(#[target_feature(enable = $feature)])?
            fn substitute(rows: &mut [Lane], width: usize, block: usize, at: usize) {
                substitute_body::<$fma>(rows, width, block, at)
            }
            $(#[target_feature(enable = $feature)])?
            fn invert(out: &mut [Lane], stride: usize, rows: &[Lane], width: usize, block: usize) {
                invert_body::<$fma>(out, stride, rows, width, block)
            }
            $(#[target_feature(enable = $feature)])?
            fn add_squares(out: &mut [Lane], stride: usize, rows: &[Lane], count: usize) {
                add_squares_body::<$fma>(out, stride, rows, count)
            }
            pub(super) const TABLE: Kernels = Kernels {
                dot,
                dot_slices,
                energy_single,
                multiply_single,
                multiply,
                subtract_outer,
                correlate,
                eliminate,
                substitute,
                invert,
                add_squares,
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

    /// Eliminates block `block` of the rows `[A | B]`, `width` lanes each, after the blocks before
    /// it; returns whether every pivot exceeds its floor.
    pub fn eliminate(&self, rows: &mut [Lane], width: usize, block: usize, floors: &[f64]) -> bool {
        // SAFETY: as in `dot`.
        unsafe { (self.eliminate)(rows, width, block, floors) }
    }

    /// Solves `U X = Z` for block `block` of the rows `[U | Z]`, after the blocks below it; Z
    /// begins at lane `at`.
    pub fn substitute(&self, rows: &mut [Lane], width: usize, block: usize, at: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.substitute)(rows, width, block, at) }
    }

    /// Computes block `block` of the rows of `U^-T` after the blocks before it, for rows `[U | Z]`
    /// of `width` lanes; `out` starts as the identity.
    pub fn invert(
        &self,
        out: &mut [Lane],
        stride: usize,
        rows: &[Lane],
        width: usize,
        block: usize,
    ) {
        // SAFETY: as in `dot`.
        unsafe { (self.invert)(out, stride, rows, width, block) }
    }

    /// Adds the squares `s s'` of eight rows to the lower triangle of the first `count` rows of
    /// `out`.
    pub fn add_squares(&self, out: &mut [Lane], stride: usize, rows: &[Lane], count: usize) {
        // SAFETY: as in `dot`.
        unsafe { (self.add_squares)(out, stride, rows, count) }
    }
}
