//! Eigen-decomposition of the small symmetric matrices `G_s' G_s`, thousands at a time.
//!
//! Cyclic Jacobi: accurate to rounding for every size, without allocation, and for 3 x 3 several
//! times faster than the general routine of a library (preparing a gain is measured in products
//! with it).

use crate::machine::clock::{Clock, Halt};

/// Sweeps after which only rounding can be left.
const MAX_SWEEPS: usize = 30;

/// Diagonalises `matrix` (n x n, symmetric) in place and writes its eigenvectors into the columns
/// of `basis`.
pub(crate) fn diagonalise(
    matrix: &mut [f64],
    basis: &mut [f64],
    n: usize,
    clock: &Clock,
) -> Result<(), Halt> {
    for (i, value) in basis.iter_mut().enumerate() {
        *value = if i % (n + 1) == 0 { 1.0 } else { 0.0 };
    }
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            clock.spend(6 * n * (n - p))?;
            for q in p + 1..n {
                rotated |= rotate(matrix, basis, n, p, q);
            }
        }
        if !rotated {
            break;
        }
    }
    Ok(())
}

/// Rotates so that entry (p, q) becomes zero; returns whether it was more than rounding.
fn rotate(a: &mut [f64], basis: &mut [f64], n: usize, p: usize, q: usize) -> bool {
    let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
    if apq.abs() <= 1e-17 * (app.abs() * aqq.abs()).sqrt() {
        return false;
    }
    let theta = (aqq - app) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
        let (x, y) = (basis[k * n + p], basis[k * n + q]);
        basis[k * n + p] = c * x - s * y;
        basis[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, SymmetricEigen};

    #[test]
    fn eigenvalues_are_those_of_nalgebra_and_vectors_rebuild_the_matrix() -> Result<(), Halt> {
        let clock = Clock::endless();
        for n in 1..7 {
            for seed in 0..20 {
                let half = DMatrix::from_fn(n + 1, n, |i, j| ((i * 7 + j * 3 + seed) as f64).sin());
                // The last column nearly silent, as one orientation is in MEG.
                let scale = DMatrix::from_fn(n, n, |i, j| match (i == j, i + 1 == n) {
                    (false, _) => 0.0,
                    (true, last) => {
                        if last {
                            1e-4
                        } else {
                            1.0
                        }
                    }
                });
                let matrix = (&half * &scale).transpose() * (&half * &scale);
                let mut values: Vec<f64> = matrix.iter().copied().collect();
                let mut basis = vec![0.0; n * n];
                diagonalise(&mut values, &mut basis, n, &clock)?;
                let mut found: Vec<f64> = (0..n).map(|i| values[i * (n + 1)]).collect();
                let vectors = DMatrix::from_row_slice(n, n, &basis);
                let diagonal = DMatrix::from_diagonal(&found.clone().into());
                let rebuilt = &vectors * diagonal * vectors.transpose();
                assert!((rebuilt - &matrix).norm() <= 1e-14 * matrix.norm());
                let mut exact: Vec<f64> =
                    SymmetricEigen::new(matrix.clone()).eigenvalues.iter().copied().collect();
                found.sort_by(f64::total_cmp);
                exact.sort_by(f64::total_cmp);
                for (a, b) in found.iter().zip(&exact) {
                    assert!((a - b).abs() <= 1e-14 * matrix.norm(), "{found:?} {exact:?}");
                }
            }
        }
        Ok(())
    }
}
