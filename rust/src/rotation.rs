//! Time as a working set: the few columns that carry the data, and the energy left out.

use crate::clock::{Clock, Halt};
use crate::error::Error;
use crate::memory::array;
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
#[derive(Debug)]
pub(crate) struct Rotation {
    /// V1' (n_kept x n_times), or nothing where time is left as it is
    basis: Option<Array2<f64>>,
    /// M2 in the frame of the data, M - M1 V1', unless it is only rounding
    pub left_out: Option<Panel>,
}

impl Rotation {
    /// The rotated data M1 and the rotation, leaving out at most `slack` of the energy of `data`.
    pub fn new(
        data: ArrayView2<f64>,
        slack: f64,
        clock: &Clock,
    ) -> Result<(Panel, Rotation), Halt> {
        let n_times = data.ncols();
        let energy: f64 = data.iter().map(|m| m * m).sum();
        if n_times == 1 || energy == 0.0 {
            return Rotation::none(data);
        }
        let allowed = energy * slack.clamp(ROUNDING, 0.5);
        let (spanning, remainder) = spanning_rows(data, 0.3 * allowed, clock)?;
        let data_in_span = dot(data, spanning.t(), clock)?;
        let axes = principal_axes(&data_in_span, clock)?;
        let rotated = dot(data_in_span.view(), axes.view(), clock)?;
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
            return Rotation::none(data);
        }
        let basis = dot(axes.slice(s![.., ..kept]).reversed_axes(), spanning.view(), clock)?;
        let rotated = rotated.slice(s![.., ..kept]);
        let left_out = match left_out > energy * ROUNDING {
            true => {
                let mut rest = dot(rotated, basis.view(), clock)?;
                rest.zip_mut_with(&data, |fit, m| *fit = m - *fit);
                Some(Panel::from_array(rest.view())?)
            }
            false => None,
        };
        Ok((Panel::from_array(rotated)?, Rotation { basis: Some(basis), left_out }))
    }

    /// Time as it is.
    pub fn none(data: ArrayView2<f64>) -> Result<(Panel, Rotation), Halt> {
        Ok((Panel::from_array(data)?, Rotation { basis: None, left_out: None }))
    }

    pub fn copy(&self) -> Result<Self, Error> {
        let basis = match &self.basis {
            Some(basis) => {
                let mut copy = array("time courses", basis.nrows(), basis.ncols())?;
                copy.assign(basis);
                Some(copy)
            }
            None => None,
        };
        let left_out = self.left_out.as_ref().map(Panel::copy).transpose()?;
        Ok(Rotation { basis, left_out })
    }

    /// Time courses in the rotated frame (a warm start).
    pub fn forward(&self, x: ArrayView2<f64>, clock: &Clock) -> Result<Panel, Halt> {
        Ok(match &self.basis {
            Some(basis) => Panel::from_array(dot(x, basis.t(), clock)?.view())?,
            None => Panel::from_array(x)?,
        })
    }

    /// Time courses in the frame of the data.
    pub fn back(&self, x: &Panel) -> Result<Array2<f64>, Error> {
        let x = x.to_array()?;
        match &self.basis {
            Some(basis) => dot(x.view(), basis.view(), &Clock::endless()).map_err(Halt::into_error),
            None => Ok(x),
        }
    }
}

/// Orthonormal rows that span the rows of `data` but for `allowed` of its energy, and the energy outside of the span.
///
/// Gram-Schmidt on the row with the most energy left, twice, so that the basis is orthonormal to rounding.
fn spanning_rows(
    data: ArrayView2<f64>,
    allowed: f64,
    clock: &Clock,
) -> Result<(Array2<f64>, f64), Halt> {
    let (n_sensors, n_times) = data.dim();
    let mut rest = array("the data", n_sensors, n_times)?;
    rest.assign(&data);
    let mut energies: Array1<f64> = rest.map_axis(Axis(1), |row| row.dot(&row));
    let mut rows = array("the data", n_sensors.min(n_times), n_times)?;
    let mut count = 0;
    while energies.sum() > allowed && count < rows.nrows() {
        let (done, mut todo) = rows.view_mut().split_at(Axis(0), count);
        let largest =
            energies.iter().enumerate().fold(0, |b, (i, e)| if *e > energies[b] { i } else { b });
        let mut row = todo.row_mut(0);
        row.assign(&rest.row(largest));
        row /= row.dot(&row).sqrt();
        for _ in 0..2 {
            for other in done.rows() {
                clock.spend(2 * n_times)?;
                let overlap = other.dot(&row);
                row.scaled_add(-overlap, &other);
            }
            row /= row.dot(&row).sqrt();
        }
        for (mut left, energy) in rest.rows_mut().into_iter().zip(&mut energies) {
            clock.spend(3 * n_times)?;
            let share = left.dot(&row);
            left.scaled_add(-share, &row);
            *energy = left.dot(&left);
        }
        count += 1;
    }
    Ok((rows.slice_move(s![..count, ..]), energies.sum()))
}

/// Eigenvectors of A'A in columns, largest eigenvalue first.
fn principal_axes(a: &Array2<f64>, clock: &Clock) -> Result<Array2<f64>, Halt> {
    let n = a.ncols();
    let gram = dot(a.t(), a.view(), clock)?;
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| gram[[i, j]]));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    Ok(Array2::from_shape_fn((n, n), |(i, j)| eigen.eigenvectors[(i, order[j])]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_energy_and_comes_back() -> Result<(), Halt> {
        let clock = Clock::endless();
        for (n, t, rank) in [(6, 4, 4), (6, 20, 6), (9, 30, 3), (5, 1, 1), (30, 12, 5)] {
            let left = Array2::from_shape_fn((n, rank), |(i, j)| ((i * 5 + j * 11) as f64).sin());
            let right = Array2::from_shape_fn((rank, t), |(i, j)| ((i * 3 + j * 7) as f64).cos());
            let data = left.dot(&right);
            let energy: f64 = data.iter().map(|m| m * m).sum();
            for slack in [0.0, 1e-3, 0.5] {
                let (panel, rotation) = Rotation::new(data.view(), slack, &clock)?;
                let kept: f64 = panel.values().iter().map(|m| m * m).sum();
                let left_out: f64 = rotation
                    .left_out
                    .as_ref()
                    .map_or(0.0, |rest| rest.values().iter().map(|m| m * m).sum());
                assert!(panel.n_times <= rank.max(1) && left_out <= slack.max(1e-25) * energy);
                assert!((kept + left_out - energy).abs() < 1e-12 * energy);
                let difference = &rotation.back(&panel)? - &data;
                let lost: f64 = difference.iter().map(|m| m * m).sum();
                assert!((lost - left_out).abs() < 1e-12 * energy);
            }
        }
        Ok(())
    }
}
