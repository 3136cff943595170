//! Anderson extrapolation of the epochs, used only where the objective falls (Bertrand and Massias
//! 2021).

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::panel::Panel;
use crate::machine::panel::add_scaled;
use crate::method::quadratic::Quadratic;
use crate::problem::penalty::Penalty;
use nalgebra::{SMatrix, SVector};

/// Differences that an extrapolation combines.
const MEMORY: usize = 5;

/// The last iterates.
#[derive(Default)]
pub(crate) struct Anderson {
    iterates: Vec<Panel>,
    count: usize,
}

impl Anderson {
    /// Makes room for iterates of `rows` rows.
    pub fn reserve(&mut self, rows: usize, n_times: usize) -> Result<(), Error> {
        for _ in 0..=MEMORY {
            self.iterates.push(Panel::zeros(rows, n_times)?);
        }
        Ok(())
    }

    /// Forgets the iterates.
    pub fn forget(&mut self) {
        self.count = 0;
    }

    /// Keeps `x`; when enough iterates are kept, moves `x` to the extrapolated point if the
    /// objective is smaller there.
    pub fn visit(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        if self.iterates.is_empty() {
            self.reserve(x.rows, x.n_times)?;
        } else if self.iterates[0].rows != x.rows {
            self.iterates.iter_mut().try_for_each(|iterate| iterate.reset(x.rows))?;
            self.count = 0;
        }
        self.iterates[self.count].lanes_mut().copy_from_slice(x.lanes());
        self.count += 1;
        if self.count <= MEMORY {
            return Ok(());
        }
        self.count = 0;
        let Some(coefficients) = self.coefficients() else { return Ok(()) };
        let before = 0.5 * quadratic.energies(x).residual + penalty.value(x);
        let (trial, rest) = self.iterates.split_at_mut(1);
        trial[0].values_mut().fill(0.0);
        for (factor, iterate) in coefficients.iter().zip(rest) {
            add_scaled(trial[0].lanes_mut(), *factor, iterate.lanes());
        }
        quadratic.load(&trial[0], clock)?;
        let after = 0.5 * quadratic.energies(&trial[0]).residual + penalty.value(&trial[0]);
        if after < before {
            x.lanes_mut().copy_from_slice(trial[0].lanes());
        } else {
            quadratic.load(x, clock)?;
        }
        Ok(())
    }

    /// Computes `argmin |sum_i c_i (x_i+1 - x_i)|` with `sum_i c_i = 1`; nothing where the iterates
    /// stand still.
    fn coefficients(&mut self) -> Option<SVector<f64, MEMORY>> {
        for i in 0..MEMORY {
            let (older, newer) = self.iterates.split_at_mut(i + 1);
            // x_i is not needed once the difference to its successor is taken.
            for (old, new) in older[i].lanes_mut().iter_mut().zip(newer[0].lanes()) {
                for (old, new) in old.0.iter_mut().zip(new.0) {
                    *old = new - *old;
                }
            }
        }
        // iterates[i] now holds the i-th difference; put the iterates back from the newest down.
        let mut gram = SMatrix::<f64, MEMORY, MEMORY>::zeros();
        for i in 0..MEMORY {
            for j in 0..=i {
                let value = kernels().dot(self.iterates[i].lanes(), self.iterates[j].lanes());
                gram[(i, j)] = value;
                gram[(j, i)] = value;
            }
        }
        for i in (1..MEMORY).rev() {
            let (older, newer) = self.iterates.split_at_mut(i + 1);
            for (old, new) in older[i].lanes_mut().iter_mut().zip(newer[0].lanes()) {
                for (old, new) in old.0.iter_mut().zip(new.0) {
                    *old = new - *old;
                }
            }
        }
        let trace = gram.trace();
        if !(trace > 0.0 && trace.is_finite()) {
            return None;
        }
        let ridge = SMatrix::<f64, MEMORY, MEMORY>::identity() * (1e-12 * trace);
        let solved = (gram + ridge).lu().solve(&SVector::repeat(1.0))?;
        let sum = solved.sum();
        (sum != 0.0 && sum.is_finite()).then(|| solved / sum)
    }
}
