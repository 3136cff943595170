//! QR factorisation of a matrix whose rows come one by one, in memory for a few of them.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;

/// What the memory is for.
const WHAT: &str = "a triangular factor";
/// Rows kept before they are reduced, at least: fewer would be reduced too often.
const FEWEST: usize = 32;

/// Of the rows `[A | B]` pushed so far those of `Q'[A | B]` that the columns of A reach: `[R | ..]`
/// with R upper triangular. Products of A's columns with B's, and among A's, are kept.
pub(crate) struct Triangle {
    /// columns of A
    pivots: usize,
    /// columns of A and B
    width: usize,
    /// rows that fit
    room: usize,
    rows: Vec<f64>,
}

impl Triangle {
    /// Without rows; `expected` are to come.
    pub fn new(pivots: usize, width: usize, expected: usize) -> Result<Self, Error> {
        let room = expected.min((2 * pivots).max(FEWEST)).max(1);
        let rows = memory::room(WHAT, room.saturating_mul(width))?;
        Ok(Triangle { pivots, width, room, rows })
    }

    /// Takes one row of `[A | B]`.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>, clock: &Clock) -> Result<(), Halt> {
        if self.rows.len() >= self.room * self.width {
            self.reduce(clock)?;
        }
        self.rows.extend(row.into_iter().take(self.width));
        Ok(())
    }

    /// The rows of `Q'[A | B]` in order, at most as many as A has columns.
    pub fn finish(mut self, clock: &Clock) -> Result<Vec<f64>, Halt> {
        self.reduce(clock)?;
        Ok(self.rows)
    }

    /// Makes A triangular by reflections, and drops the rows that its columns do not reach.
    fn reduce(&mut self, clock: &Clock) -> Result<(), Halt> {
        let (width, count) = (self.width, self.rows.len() / self.width);
        let mut reflector = memory::zeros(WHAT, count)?;
        let mut products = memory::zeros(WHAT, width)?;
        for j in 0..self.pivots.min(count) {
            let rows = &mut self.rows[j * width..];
            clock.spend(2 * rows.len())?;
            let reflector = &mut reflector[j..];
            for (value, row) in reflector.iter_mut().zip(rows.chunks_exact_mut(width)) {
                *value = std::mem::take(&mut row[j]);
            }
            let Some((diagonal, scale)) = make_reflector(reflector) else { continue };
            products[j..].fill(0.0);
            for (&value, row) in reflector.iter().zip(rows.chunks_exact(width)) {
                add(&mut products[j..], value, &row[j..]);
            }
            for (&value, row) in reflector.iter().zip(rows.chunks_exact_mut(width)) {
                add(&mut row[j..], -scale * value, &products[j..]);
            }
            rows[j] = diagonal;
        }
        self.rows.truncate(self.pivots.min(count) * width);
        Ok(())
    }
}

/// Turns `x` into a vector v, for which `x - scale v v'x` is `diagonal` times the first unit
/// vector; the two numbers, or nothing where `x` is zero.
pub(crate) fn make_reflector(x: &mut [f64]) -> Option<(f64, f64)> {
    let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
    if norm == 0.0 {
        return None;
    }
    let (first, diagonal) = (x[0], -norm.copysign(x[0]));
    x[0] = first - diagonal;
    Some((diagonal, 1.0 / (norm * (norm + first.abs()))))
}

/// `out += factor * row`.
pub(crate) fn add(out: &mut [f64], factor: f64, row: &[f64]) {
    out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;

    /// However many pieces the rows come in, R'R = A'A and R'(Q'B) = A'B.
    #[test]
    fn products_with_the_columns_are_kept() -> Result<(), Halt> {
        let clock = Clock::endless();
        for (count, pivots, width) in [(1, 1, 1), (3, 5, 7), (40, 3, 4), (500, 4, 9), (90, 40, 41)]
        {
            let value = |i: usize, j: usize| ((7 * i + 3 * j + i * j) as f64).sin();
            let matrix = DMatrix::from_fn(count, width, value);
            let mut triangle = Triangle::new(pivots, width, count)?;
            for i in 0..count {
                triangle.push((0..width).map(|j| value(i, j)), &clock)?;
            }
            let rows = triangle.finish(&clock)?;
            assert_eq!(rows.len(), width * pivots.min(count));
            let reduced = DMatrix::from_row_slice(rows.len() / width, width, &rows);
            assert!((0..reduced.nrows()).all(|i| (0..i).all(|j| reduced[(i, j)] == 0.0)));
            let products = |m: &DMatrix<f64>| m.columns(0, pivots).transpose() * m;
            let error = products(&reduced) - products(&matrix);
            assert!(error.norm() <= 1e-13 * products(&matrix).norm());
        }
        Ok(())
    }
}
