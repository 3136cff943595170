//! The few directions of time that hold nearly all of `G X`.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::eigen::diagonalise;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::problem::gain::Gain;

/// Directions that are kept.
pub(super) const DIRECTIONS: usize = 16;
/// Rows of X up to which finding its directions is worth the time.
const MAX_ROWS: usize = 48;

/// A matrix `G X`, seen along few directions of time: the columns of `G X V` for an orthonormal V.
#[derive(Clone, Copy)]
pub(super) struct LowRank<'a> {
    /// n_sensors x at most [`DIRECTIONS`]
    pub columns: &'a Panel,
    /// the norm of what these columns leave out
    pub rest: f64,
}

/// Collects rows of X, and finds the directions of time in them.
pub(super) struct Directions {
    n_orient: usize,
    locations: Vec<usize>,
    rows: Panel,
    columns: Panel,
}

impl Directions {
    pub fn new(gain: &Gain, n_times: usize) -> Result<Self, Error> {
        Ok(Directions {
            n_orient: gain.n_orient(),
            locations: memory::room("the directions of time", MAX_ROWS)?,
            rows: Panel::zeros(MAX_ROWS, n_times)?,
            columns: Panel::zeros(gain.n_sensors(), MAX_ROWS)?,
        })
    }

    /// Drops the rows collected so far.
    pub fn clear(&mut self) {
        self.locations.clear();
    }

    /// Adds the rows of a location and returns them, to be overwritten; `None` where there would be
    /// too many.
    pub fn add(&mut self, s: usize) -> Option<&mut [f64]> {
        let size = self.n_orient * self.rows.stride();
        let first = self.locations.len() * size;
        let room = (self.locations.len() + 1) * self.n_orient <= MAX_ROWS;
        room.then(|| {
            self.locations.push(s);
            &mut self.rows.values_mut()[first..first + size]
        })
    }

    /// Computes `G X V` for the rows X collected.
    pub fn reduce(&mut self, gain: &Gain) -> Result<LowRank<'_>, Halt> {
        let (n, o, stride) = (gain.n_sensors(), self.n_orient, self.rows.stride());
        let n_rows = self.locations.len() * o;
        let row = |i: usize| &self.rows.values()[i * stride..(i + 1) * stride];
        let (mut square, mut basis) = ([0.0; MAX_ROWS * MAX_ROWS], [0.0; MAX_ROWS * MAX_ROWS]);
        for i in 0..n_rows {
            for j in 0..n_rows {
                square[i * n_rows + j] = kernels().dot_slices(row(i), row(j));
            }
        }
        // X X' = U d U', so |A X| = |A U sqrt(d)| for any A.
        let (square, basis) = (&mut square[..n_rows * n_rows], &mut basis[..n_rows * n_rows]);
        diagonalise(square, basis, n_rows, &Clock::endless())?;
        let eigenvalue = |j: usize| square[j * n_rows + j];
        let mut order: [usize; MAX_ROWS] = std::array::from_fn(|j| j);
        order[..n_rows].sort_unstable_by(|&a, &b| eigenvalue(b).total_cmp(&eigenvalue(a)));
        self.columns.reshape(n, n_rows)?;
        let wide = self.columns.stride();
        for (to, &j) in order[..n_rows].iter().enumerate() {
            for i in 0..n_rows {
                let column = &gain.block(self.locations[i / o])[i % o * n..(i % o + 1) * n];
                let factor = basis[i * n_rows + j] * eigenvalue(j).max(0.0).sqrt();
                let out = self.columns.values_mut()[to..].iter_mut().step_by(wide);
                out.zip(column).for_each(|(out, g)| *out += factor * g);
            }
        }
        let mut rest = 0.0;
        if n_rows > DIRECTIONS {
            for row in self.columns.values().chunks(wide) {
                rest += row[DIRECTIONS..].iter().map(|v| v * v).sum::<f64>();
            }
            self.columns.narrow(DIRECTIONS)?;
        }
        Ok(LowRank { columns: &self.columns, rest: rest.sqrt() })
    }
}
