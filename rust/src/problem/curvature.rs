//! The small matrix of every location, `G_s' G_s`, that a block update needs.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::eigen::diagonalise;
use crate::machine::kernels::kernels;
use crate::machine::memory;

const WHAT: &str = "the block Lipschitz constants";

/// `H_s = G_s' G_s` of every location with its eigenvalues and eigenvectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curvature {
    n_orient: usize,
    matrices: Vec<f64>,
    eigenvalues: Vec<f64>,
    /// eigenvectors in columns
    bases: Vec<f64>,
    /// at least the largest eigenvalue
    bound: f64,
}

/// The eigen-decomposition of one location's matrix.
#[derive(Clone, Copy)]
pub(crate) struct Eigen<'a> {
    pub values: &'a [f64],
    /// row `i`, column `j` is component `i` of vector `j`
    pub vectors: &'a [f64],
}

impl Curvature {
    /// Computes the matrices of a gain whose columns are given one after the other; where a matrix
    /// is not finite its eigenvalues are zero.
    pub fn new(
        columns: &[f64],
        n_sensors: usize,
        n_orient: usize,
        clock: &Clock,
    ) -> Result<Self, Halt> {
        let o = n_orient;
        let n_locations = columns.len() / (n_sensors * o);
        let mut all = Curvature {
            n_orient,
            matrices: memory::zeros(WHAT, n_locations * o * o)?,
            eigenvalues: memory::zeros(WHAT, n_locations * o)?,
            bases: memory::zeros(WHAT, n_locations * o * o)?,
            bound: 0.0,
        };
        let mut diagonal = memory::zeros(WHAT, o * o)?;
        let parts = all.matrices.chunks_exact_mut(o * o).zip(all.bases.chunks_exact_mut(o * o));
        let parts = parts.zip(all.eigenvalues.chunks_exact_mut(o));
        for (block, ((matrix, basis), d)) in columns.chunks_exact(n_sensors * o).zip(parts) {
            for (i, a) in block.chunks_exact(n_sensors).enumerate() {
                clock.spend((i + 1) * n_sensors)?;
                for (j, b) in block.chunks_exact(n_sensors).enumerate().take(i + 1) {
                    matrix[i * o + j] = kernels().dot_slices(a, b);
                    matrix[j * o + i] = matrix[i * o + j];
                }
            }
            if !matrix.iter().all(|value| value.is_finite()) {
                continue;
            }
            diagonal.copy_from_slice(matrix);
            match o {
                1 => basis[0] = 1.0,
                _ => diagonalise(&mut diagonal, basis, o, clock)?,
            }
            for (i, d) in d.iter_mut().enumerate() {
                *d = diagonal[i * (o + 1)].max(0.0);
            }
        }
        all.bound = all.eigenvalues.iter().fold(0.0, |a: f64, &b| a.max(b));
        Ok(all)
    }

    /// Tells whether no product has overflowed.
    pub fn is_finite(&self) -> bool {
        self.matrices.iter().all(|value| value.is_finite())
    }

    /// Returns `G_s' G_s` (symmetric).
    pub fn matrix(&self, s: usize) -> &[f64] {
        let size = self.n_orient * self.n_orient;
        &self.matrices[s * size..(s + 1) * size]
    }

    fn eigenvalues(&self, s: usize) -> &[f64] {
        &self.eigenvalues[s * self.n_orient..(s + 1) * self.n_orient]
    }

    /// Returns the largest eigenvalue: the block Lipschitz constant.
    pub fn lipschitz(&self, s: usize) -> f64 {
        self.eigenvalues(s).iter().fold(0.0, |a: f64, &b| a.max(b))
    }

    /// Returns a bound on the block Lipschitz constants.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// Returns the eigen-decomposition of `G_s' G_s`.
    pub fn eigen(&self, s: usize) -> Eigen<'_> {
        let size = self.n_orient * self.n_orient;
        Eigen { values: self.eigenvalues(s), vectors: &self.bases[s * size..(s + 1) * size] }
    }

    /// Copies those of some locations, in the order given.
    pub fn select(&self, locations: &[usize]) -> Result<Curvature, Error> {
        let mut out = Curvature { n_orient: self.n_orient, ..Curvature::default() };
        out.append(self, locations)?;
        Ok(out)
    }

    /// Makes room for so many locations.
    pub fn reserve(&mut self, n_locations: usize, n_orient: usize) -> Result<(), Error> {
        let o = n_orient;
        for (numbers, size) in
            [(&mut self.matrices, o * o), (&mut self.bases, o * o), (&mut self.eigenvalues, o)]
        {
            let kept = numbers.len();
            memory::resize(WHAT, numbers, n_locations * size)?;
            numbers.truncate(kept);
        }
        Ok(())
    }

    /// Keeps some of its locations, rising.
    pub fn retain(&mut self, kept: &[usize]) {
        let o = self.n_orient;
        for (to, &from) in kept.iter().enumerate() {
            self.matrices.copy_within(from * o * o..(from + 1) * o * o, to * o * o);
            self.bases.copy_within(from * o * o..(from + 1) * o * o, to * o * o);
            self.eigenvalues.copy_within(from * o..(from + 1) * o, to * o);
        }
        self.matrices.truncate(kept.len() * o * o);
        self.bases.truncate(kept.len() * o * o);
        self.eigenvalues.truncate(kept.len() * o);
    }

    /// Appends some locations of another.
    pub fn append(&mut self, other: &Curvature, locations: &[usize]) -> Result<(), Error> {
        self.n_orient = other.n_orient;
        self.bound = self.bound.max(other.bound);
        for &s in locations {
            memory::append(WHAT, &mut self.matrices, other.matrix(s))?;
            memory::append(WHAT, &mut self.eigenvalues, other.eigenvalues(s))?;
            memory::append(WHAT, &mut self.bases, other.eigen(s).vectors)?;
        }
        Ok(())
    }
}
