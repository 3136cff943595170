//! Time as a working set: the few rotated columns that carry the data, and the energy left out.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory::array;
use crate::machine::panel::Panel;
use crate::machine::products::dot;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Matrices from this size on take milliseconds to decompose: the clock is checked meanwhile.
const SLOW_SIZE: usize = 64;
/// Energies below this part of the whole are rounding.
const ROUNDING_ENERGY: f64 = 1e-28;

/// `M = [M1 M2] V'` with V orthogonal: penalty and data term do not change when data and sources
/// are rotated over time, so the problem is solved for M1 = M V1 and rotated back.
///
/// What M2 carries is not solved for: there X is zero and the residual is M2 itself. The
/// certificate counts it in full ([`Problem::certify`](crate::problem::convex::Problem::certify)).
#[derive(Debug)]
pub(crate) struct Rotation {
    /// V1' (n_kept x n_times), or nothing where time is left as it is
    basis: Option<Array2<f64>>,
    /// M2 in the frame of the data, M - M1 V1', unless it is only rounding
    pub left_out: Option<Panel>,
}

impl Rotation {
    /// Rotates `data` to M1, leaving out at most `slack` of its energy.
    pub fn new(
        data: ArrayView2<f64>,
        slack: f64,
        clock: &Clock,
    ) -> Result<(Panel, Rotation), Halt> {
        let n_times = data.ncols();
        let energy = energy_of(data);
        if n_times == 1 || energy == 0.0 {
            return Rotation::none(data);
        }
        let Part { kept, basis, left_out } =
            Part::new(data, energy * slack.clamp(ROUNDING_ENERGY, 0.5), energy, clock)?;
        match kept.ncols() == n_times {
            true => Rotation::none(data),
            false => {
                Ok((Panel::from_array(kept.view())?, Rotation { basis: Some(basis), left_out }))
            }
        }
    }

    /// Rotates again, leaving out at most `slack` of the energy of `data` and less than before.
    ///
    /// The columns kept before, M1, stay as they are and more follow, so that time courses move to
    /// the new frame by [`Rotation::moved`] without loss.
    pub fn refined(
        &self,
        data: ArrayView2<f64>,
        kept: &Panel,
        slack: f64,
        clock: &Clock,
    ) -> Result<(Panel, Rotation), Halt> {
        let (Some(basis), Some(rest)) = (&self.basis, &self.left_out) else {
            return Rotation::none(data);
        };
        let mut rest = rest.to_array()?;
        // Orthogonal to what is kept to the last digit of M2, not of M.
        let overlap = dot(rest.view(), basis.t(), clock)?;
        rest -= &dot(overlap.view(), basis.view(), clock)?;
        let energy = energy_of(data);
        let allowed = (energy * slack).min(0.5 * energy_of(rest.view()));
        if allowed <= energy * ROUNDING_ENERGY {
            return Rotation::none(data);
        }
        let more = Part::new(rest.view(), allowed, energy, clock)?;
        if basis.nrows() + more.basis.nrows() >= data.ncols() {
            return Rotation::none(data);
        }
        let data = joined(kept.to_array()?.view(), more.kept.view(), Axis(1))?;
        let basis = joined(basis.view(), more.basis.view(), Axis(0))?;
        let rotation = Rotation { basis: Some(basis), left_out: more.left_out };
        Ok((Panel::from_array(data.view())?, rotation))
    }

    /// Moves time courses from this frame to one that was [refined](Rotation::refined) from it.
    pub fn moved(&self, x: &Panel, to: &Rotation) -> Result<Panel, Error> {
        match &to.basis {
            None => Panel::from_array(self.back(x)?.view()),
            Some(basis) => {
                let mut out = array("time courses", x.rows, basis.nrows())?;
                out.slice_mut(s![.., ..x.n_times]).assign(&x.to_array()?);
                Panel::from_array(out.view())
            }
        }
    }

    /// Leaves time as it is.
    pub fn none(data: ArrayView2<f64>) -> Result<(Panel, Rotation), Halt> {
        Ok((Panel::from_array(data)?, Rotation { basis: None, left_out: None }))
    }

    /// Copies, or [`Error::Memory`].
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

    /// Rotates time courses, such as those of a start.
    pub fn forward(&self, x: ArrayView2<f64>, clock: &Clock) -> Result<Panel, Halt> {
        Ok(match &self.basis {
            Some(basis) => Panel::from_array(dot(x, basis.t(), clock)?.view())?,
            None => Panel::from_array(x)?,
        })
    }

    /// Rotates time courses back to the frame of the data.
    pub fn back(&self, x: &Panel) -> Result<Array2<f64>, Error> {
        let x = x.to_array()?;
        match &self.basis {
            Some(basis) => dot(x.view(), basis.view(), &Clock::endless()).map_err(Halt::into_error),
            None => Ok(x),
        }
    }
}

/// Copies two arrays into one, along an axis.
fn joined(a: ArrayView2<f64>, b: ArrayView2<f64>, axis: Axis) -> Result<Array2<f64>, Error> {
    let mut size = a.raw_dim();
    size[axis.index()] += b.len_of(axis);
    let mut out = array("time courses", size[0], size[1])?;
    let (mut first, mut second) = out.view_mut().split_at(axis, a.len_of(axis));
    first.assign(&a);
    second.assign(&b);
    Ok(out)
}

/// Sums the squares.
fn energy_of(data: ArrayView2<f64>) -> f64 {
    data.iter().map(|m| m * m).sum()
}

/// Data split into the part that a few rotated columns carry and the rest.
struct Part {
    /// M1
    kept: Array2<f64>,
    /// V1'
    basis: Array2<f64>,
    /// M - M1 V1', unless it is only rounding beside the energy of all data
    left_out: Option<Panel>,
}

impl Part {
    /// Splits `data` so that the rest has at most the energy `allowed`; `energy` is that of all
    /// data.
    fn new(data: ArrayView2<f64>, allowed: f64, energy: f64, clock: &Clock) -> Result<Part, Halt> {
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
        let basis = dot(axes.slice(s![.., ..kept]).reversed_axes(), spanning.view(), clock)?;
        let kept = rotated.slice_move(s![.., ..kept]);
        let left_out = match left_out > energy * ROUNDING_ENERGY {
            true => {
                let mut rest = dot(kept.view(), basis.view(), clock)?;
                rest.zip_mut_with(&data, |fit, m| *fit = m - *fit);
                Some(Panel::from_array(rest.view())?)
            }
            false => None,
        };
        Ok(Part { kept, basis, left_out })
    }
}

/// Finds orthonormal rows that span the rows of `data` except for `allowed` of its energy, and the
/// energy outside.
///
/// Gram-Schmidt takes the row with the most energy left; done twice, the rows are orthonormal to
/// rounding.
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

/// Computes the eigenvectors of A'A, in columns, the largest eigenvalue first.
fn principal_axes(a: &Array2<f64>, clock: &Clock) -> Result<Array2<f64>, Halt> {
    let n = a.ncols();
    let gram = dot(a.t(), a.view(), clock)?;
    let gram = DMatrix::from_fn(n, n, |i, j| gram[[i, j]]);
    let decompose = move || SymmetricEigen::try_new(gram, f64::EPSILON, 1000 * n);
    let eigen = if n < SLOW_SIZE { decompose() } else { clock.wait_for(decompose)? };
    // Where the decomposition fails the columns stay as they are: any orthonormal axes are correct,
    // if less compact.
    let Some(eigen) = eigen else { return Ok(Array2::eye(n)) };
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
            let energy = energy_of(data.view());
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

    #[test]
    fn what_was_kept_stays_in_a_finer_rotation() -> Result<(), Halt> {
        let clock = Clock::endless();
        for (n, t) in [(12, 5), (12, 8), (6, 20), (40, 90)] {
            let falling = |(i, j): (usize, usize)| {
                ((i * 7 + j * 13 + i * j) as f64).sin() * 0.3_f64.powi((j % 7) as i32)
            };
            let data = Array2::from_shape_fn((n, t), falling);
            let energy = energy_of(data.view());
            let (mut panel, mut rotation) = Rotation::new(data.view(), 0.3, &clock)?;
            let mut x = Panel::from_array(panel.to_array()?.slice(s![..2, ..]))?;
            let expected = rotation.back(&x)?;
            for slack in [0.1, 1e-3, 1e-9, 0.0] {
                let (finer, next) = rotation.refined(data.view(), &panel, slack, &clock)?;
                x = rotation.moved(&x, &next)?;
                (panel, rotation) = (finer, next);
                let difference = &rotation.back(&x)? - &expected;
                assert!(difference.iter().all(|d| d.abs() < 1e-14), "{difference}");
                let rest = rotation
                    .left_out
                    .as_ref()
                    .map_or(0.0, |p| p.values().iter().map(|m| m * m).sum());
                assert!(rest <= (slack + 1e-25) * energy);
                let kept: f64 = panel.values().iter().map(|m| m * m).sum();
                assert!((kept + rest - energy).abs() < 1e-13 * energy);
                let lost = &rotation.back(&panel)? - &data;
                assert!((energy_of(lost.view()) - rest).abs() < 1e-13 * energy);
            }
        }
        Ok(())
    }
}
