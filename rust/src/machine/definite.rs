//! Positive definite systems with many right-hand sides, and the inverse of their matrix, without
//! an allocation once the memory is at hand.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::{BLOCK, kernels};
use crate::machine::memory;
use crate::machine::panel::Panel;

/// A pivot below this part of its diagonal element, for each row, is rounding.
const NEGLIGIBLE_PIVOT: f64 = 4.0 * f64::EPSILON;
const WHAT: &str = "a system of equations";

/// Rounds up to whole blocks.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(BLOCK)
}

/// The system `A X = B`, A being symmetric and positive definite.
///
/// It is written as rows `[A | B]` with A padded by the identity, of which the upper triangle
/// counts. [`solve`](Definite::solve) makes them `[U | U^-T B]`, where `A = U'U`, then `[U | X]`.
pub(crate) struct Definite {
    rows: Panel,
    /// rows of A, padded
    size: usize,
    /// pivots that do not exceed these are rounding
    floors: Vec<f64>,
    /// U^-T
    lower: Panel,
}

impl Definite {
    /// Makes a system of no rows.
    pub fn new() -> Result<Self, Error> {
        let panel = || Panel::zeros(0, 0);
        Ok(Definite { rows: panel()?, size: 0, floors: Vec::new(), lower: panel()? })
    }

    /// Makes room for `n` rows with `n_times` right-hand sides.
    pub fn reserve(&mut self, n: usize, n_times: usize) -> Result<(), Error> {
        self.begin(n, n_times)?;
        self.lower.reshape(self.size, self.size)
    }

    /// Begins a system of `n` rows with `n_times` right-hand sides: all zero, but for the padding.
    pub fn begin(&mut self, n: usize, n_times: usize) -> Result<(), Error> {
        self.size = padded(n);
        self.rows.reshape(self.size, self.size + padded(n_times.max(1)))?;
        memory::resize(WHAT, &mut self.floors, self.size)?;
        for i in n..self.size {
            self.matrix_mut(i)[i] = 1.0;
        }
        Ok(())
    }

    /// Returns row `i` of A.
    pub fn matrix_mut(&mut self, i: usize) -> &mut [f64] {
        let (stride, size) = (self.rows.stride(), self.size);
        &mut self.rows.values_mut()[i * stride..i * stride + size]
    }

    /// Returns row `i` of B, later of X, with its padding.
    pub fn right(&self, i: usize) -> &[f64] {
        let stride = self.rows.stride();
        &self.rows.values()[i * stride + self.size..(i + 1) * stride]
    }

    /// Returns row `i` of B, with its padding.
    pub fn right_mut(&mut self, i: usize) -> &mut [f64] {
        let (stride, size) = (self.rows.stride(), self.size);
        &mut self.rows.values_mut()[i * stride + size..(i + 1) * stride]
    }

    /// Counts the multiplications of one block of a pass over the matrix.
    fn work(&self) -> usize {
        BLOCK * self.size * self.rows.stride() / 2
    }

    /// Solves for X; returns whether A is positive definite beyond rounding.
    pub fn solve(&mut self, clock: &Clock) -> Result<bool, Halt> {
        let (size, stride, width) = (self.size, self.rows.stride(), self.rows.width);
        for (i, floor) in self.floors.iter_mut().enumerate() {
            let diagonal = self.rows.values()[i * stride + i];
            *floor = NEGLIGIBLE_PIVOT * size as f64 * diagonal.abs();
        }
        for block in 0..size / BLOCK {
            clock.spend(self.work())?;
            if !kernels().eliminate(self.rows.lanes_mut(), width, block, &self.floors) {
                return Ok(false);
            }
        }
        for block in (0..size / BLOCK).rev() {
            clock.spend(BLOCK * size * (stride - size))?;
            kernels().substitute(self.rows.lanes_mut(), width, block, size / BLOCK);
        }
        Ok(true)
    }

    /// Computes `log|A|`, after a system was solved.
    pub fn log_determinant(&self) -> f64 {
        let (stride, values) = (self.rows.stride(), self.rows.values());
        (0..self.size).map(|i| 2.0 * values[i * stride + i].ln()).sum()
    }

    /// Computes U^-T, padded, after a system was solved: `A^-1` is its transpose times itself.
    pub fn factor_of_inverse(&mut self, clock: &Clock) -> Result<&Panel, Halt> {
        self.inverse(&mut Panel::zeros(0, 0)?, clock)?;
        Ok(&self.lower)
    }

    /// Computes the lower triangle of A^-1, padded, after a system was solved.
    pub fn inverse(&mut self, out: &mut Panel, clock: &Clock) -> Result<(), Halt> {
        let size = self.size;
        self.lower.reshape(size, size)?;
        for i in 0..size {
            self.lower.values_mut()[i * size + i] = 1.0;
        }
        out.reshape(size, size)?;
        let width = self.lower.width;
        for block in 0..size / BLOCK {
            clock.spend(2 * self.work())?;
            let (rows, row_width) = (self.rows.lanes(), self.rows.width);
            kernels().invert(self.lower.lanes_mut(), width, rows, row_width, block);
            let done = &self.lower.lanes()[block * BLOCK * width..];
            kernels().add_squares(out.lanes_mut(), width, done, (block + 1) * BLOCK);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Solution and inverse against the definition, for a matrix `G'G + ridge` of wide scales.
    fn agree(n: usize, n_times: usize, ridge: f64) -> Result<(), Halt> {
        let wave = |i: usize, j: usize| ((i * 31 + j * 17 + i * j) as f64).sin();
        let power = |i: usize| 10.0_f64.powi(i as i32 % 7 - 3);
        let entry = |i: usize, j: usize| {
            let product: f64 = (0..n + 2).map(|k| wave(k, i) * wave(k, j)).sum();
            power(i) * power(j) * (product + if i == j { ridge } else { 0.0 })
        };
        let clock = Clock::endless();
        let mut system = Definite::new()?;
        system.begin(n, n_times)?;
        for i in 0..n {
            (0..n).for_each(|j| system.matrix_mut(i)[j] = entry(i, j));
            (0..n_times).for_each(|t| system.right_mut(i)[t] = power(i) * wave(i, t + 5));
        }
        assert!(system.solve(&clock)?);
        let mut inverse = Panel::zeros(0, 0)?;
        system.inverse(&mut inverse, &clock)?;
        for i in 0..n {
            for t in 0..n_times {
                let product: f64 = (0..n).map(|j| entry(i, j) * system.right(j)[t]).sum();
                assert!((product / power(i) - wave(i, t + 5)).abs() < 1e-9, "X, n = {n}");
            }
            for j in 0..n {
                let at = |i: usize, j: usize| inverse.values()[i.max(j) * padded(n) + i.min(j)];
                let product: f64 = (0..n).map(|k| entry(i, k) * at(k, j)).sum();
                let exact = if i == j { 1.0 } else { 0.0 };
                assert!((product * power(j) / power(i) - exact).abs() < 1e-9, "A^-1, n = {n}");
            }
        }
        Ok(())
    }

    #[test]
    fn sizes_around_blocks() -> Result<(), Halt> {
        for n in [1, 2, 7, 8, 9, 15, 16, 17, 24, 40, 65] {
            agree(n, 1, 1.0)?;
            agree(n, 9, 0.1)?;
        }
        Ok(())
    }

    /// Matrices that are not positive definite, or only by rounding, and values that are no
    /// numbers.
    #[test]
    fn what_is_not_definite_is_told() -> Result<(), Halt> {
        for [a, b, c] in [
            [1.0, 1.0, 1.0],
            [1.0, 2.0, 1.0],
            [0.0, 0.0, 1.0],
            [-1.0, 0.0, 1.0],
            [1.0, f64::NAN, 1.0],
            [f64::INFINITY, 0.0, 1.0],
            [1.0, 1.0 - 1e-17, 1.0],
        ] {
            let mut system = Definite::new()?;
            system.begin(2, 1)?;
            system.matrix_mut(0)[..2].copy_from_slice(&[a, b]);
            system.matrix_mut(1)[..2].copy_from_slice(&[b, c]);
            assert!(!system.solve(&Clock::endless())?, "{a} {b} {c}");
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: 32,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_size(n in 1usize..50, n_times in 1usize..20, ridge in 0.01..10.0) {
            prop_assert!(agree(n, n_times, ridge).is_ok());
        }
    }
}
