//! Time as a working set: the few columns that carry the data, and the energy left out.

use crate::error::Error;
use crate::panel::Panel;
use crate::products::dot;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Energy below this part of the whole is rounding.
const ROUNDING: f64 = 1e-28;

/// `M = [M1 M2] V'` with V orthogonal: penalty and data term do not change when data and sources are rotated over time,
/// so the problem is solved for M1 = M V1 and rotated back.
///
/// What M2 carries is not solved for: there X is zero and the residual is M2 itself. The certificate counts it in full
/// ([`Problem::certify`](crate::problem::Problem::certify)).
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// V1' (n_kept x n_times), or nothing where time is left as it is
    basis: Option<Array2<f64>>,
    /// M2 in the frame of the data, M - M1 V1', unless it is only rounding
    pub left_out: Option<Panel>,
}

impl Rotation {
    /// The rotated data M1 and the rotation, leaving out at most `slack` of the energy of `data`.
    pub fn new(data: ArrayView2<f64>, slack: f64) -> Result<(Panel, Rotation), Error> {
        let n_times = data.ncols();
        let energy: f64 = data.iter().map(|m| m * m).sum();
        if n_times == 1 || energy == 0.0 {
            return Ok((Panel::from_array(data)?, Rotation::none()));
        }
        let allowed = energy * slack.clamp(ROUNDING, 0.5);
        let (spanning, remainder) = spanning_rows(data, 0.3 * allowed);
        let data_in_span = dot(data, spanning.t());
        let axes = principal_axes(&data_in_span);
        let rotated = dot(data_in_span.view(), axes.view());
        let mut left_out = remainder;
        let mut kept = rotated.ncols();
        while kept > 1 {
            let column: f64 = rotated.column(kept - 1).iter().map(|m| m * m).sum();
            if left_out + column > allowed {
                break;
            }
            left_out += column;
            kept -= 1;
        }
        if kept == n_times {
            return Ok((Panel::from_array(data)?, Rotation::none()));
        }
        let basis = dot(axes.slice(s![.., ..kept]).reversed_axes(), spanning.view());
        let rotated = rotated.slice(s![.., ..kept]);
        let left_out = match left_out > energy * ROUNDING {
            true => Some(Panel::from_array((&data - &dot(rotated, basis.view())).view())?),
            false => None,
        };
        Ok((Panel::from_array(rotated)?, Rotation { basis: Some(basis), left_out }))
    }

    /// Time as it is.
    fn none() -> Rotation {
        Rotation { basis: None, left_out: None }
    }

    /// Time courses in the rotated frame (a warm start).
    pub fn forward(&self, x: ArrayView2<f64>) -> Result<Panel, Error> {
        match &self.basis {
            Some(basis) => Panel::from_array(dot(x, basis.t()).view()),
            None => Panel::from_array(x),
        }
    }

    /// Time courses in the frame of the data.
    pub fn back(&self, x: &Panel) -> Array2<f64> {
        match &self.basis {
            Some(basis) => dot(x.to_array().view(), basis.view()),
            None => x.to_array(),
        }
    }
}

/// Orthonormal rows that span the rows of `data` but for `allowed` of its energy, and the energy outside of the span.
///
/// Gram-Schmidt on the row with the most energy left, twice, so that the basis is orthonormal to rounding.
fn spanning_rows(data: ArrayView2<f64>, allowed: f64) -> (Array2<f64>, f64) {
    let (n_sensors, n_times) = data.dim();
    let mut rest = data.as_standard_layout().into_owned();
    let mut energies: Array1<f64> = rest.map_axis(Axis(1), |row| row.dot(&row));
    let mut rows = Array2::zeros((n_sensors.min(n_times), n_times));
    let mut count = 0;
    while energies.sum() > allowed && count < rows.nrows() {
        let (done, mut todo) = rows.view_mut().split_at(Axis(0), count);
        let largest =
            energies.iter().enumerate().fold(0, |b, (i, e)| if *e > energies[b] { i } else { b });
        let mut row = todo.row_mut(0);
        row.assign(&rest.row(largest));
        row /= row.dot(&row).sqrt();
        for _ in 0..2 {
            let overlap = done.dot(&row);
            row -= &done.t().dot(&overlap);
            row /= row.dot(&row).sqrt();
        }
        for (mut left, energy) in rest.rows_mut().into_iter().zip(&mut energies) {
            let share = left.dot(&row);
            left.scaled_add(-share, &row);
            *energy = left.dot(&left);
        }
        count += 1;
    }
    (rows.slice(s![..count, ..]).to_owned(), energies.sum())
}

/// Eigenvectors of A'A in columns, largest eigenvalue first.
fn principal_axes(a: &Array2<f64>) -> Array2<f64> {
    let n = a.ncols();
    let gram = dot(a.t(), a.view());
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| gram[[i, j]]));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    Array2::from_shape_fn((n, n), |(i, j)| eigen.eigenvectors[(i, order[j])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_energy_and_comes_back() -> Result<(), Error> {
        for (n, t, rank) in [(6, 4, 4), (6, 20, 6), (9, 30, 3), (5, 1, 1), (30, 12, 5)] {
            let left = Array2::from_shape_fn((n, rank), |(i, j)| ((i * 5 + j * 11) as f64).sin());
            let right = Array2::from_shape_fn((rank, t), |(i, j)| ((i * 3 + j * 7) as f64).cos());
            let data = left.dot(&right);
            let energy: f64 = data.iter().map(|m| m * m).sum();
            for slack in [0.0, 1e-3, 0.5] {
                let (panel, rotation) = Rotation::new(data.view(), slack)?;
                let kept: f64 = panel.values().iter().map(|m| m * m).sum();
                let left_out: f64 = rotation
                    .left_out
                    .as_ref()
                    .map_or(0.0, |rest| rest.values().iter().map(|m| m * m).sum());
                assert!(panel.n_times <= rank.max(1) && left_out <= slack.max(1e-25) * energy);
                assert!((kept + left_out - energy).abs() < 1e-12 * energy);
                let difference = &rotation.back(&panel) - &data;
                let lost: f64 = difference.iter().map(|m| m * m).sum();
                assert!((lost - left_out).abs() < 1e-12 * energy);
            }
        }
        Ok(())
    }
}
