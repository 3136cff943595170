//! The whitened gain, prepared once and shared by every solve.

use crate::eigen::diagonalise;
use crate::error::Error;
use crate::kernels::kernels;
use crate::memory::reserve;
use ndarray::{Array2, ArrayView2, Axis};

/// Columns that the copy into location order moves at a time, so that reads and writes stay in the cache.
const TILE: usize = 64;
/// Sensors that it moves at a time: a cache line of the copy.
const STRIP: usize = 8;

/// A whitened gain G (n_sensors x n_locations * n_orient), immutable and shared by many solves and threads.
///
/// Preparing it copies the columns into location order (one copy, the only one), checks that they are finite, and
/// computes for every location s the small matrix `G_s' G_s`, its eigenvalues and eigenvectors; the largest eigenvalue
/// is the block Lipschitz constant (Strohmeier et al. 2016, section II-B).
///
/// ```
/// use mxne_rs::Gain;
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 2.0]].view(), 1)?;
/// assert_eq!((gain.n_sensors(), gain.n_locations(), gain.n_orient()), (2, 2, 1));
/// assert_eq!(gain.lipschitz(1), 4.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gain {
    n_sensors: usize,
    n_orient: usize,
    /// a row per column of the gain, `n_sensors` long
    columns: Vec<f64>,
    curvature: Curvature,
}

impl Gain {
    /// Prepares a gain of shape (n_sensors, n_locations * n_orient).
    ///
    /// # Errors
    /// Empty arrays, an `n_orient` that does not divide the columns, values that are not finite, no memory.
    pub fn new(gain: ArrayView2<f64>, n_orient: usize) -> Result<Self, Error> {
        let (n_sensors, n_columns) = gain.dim();
        if n_sensors == 0 || n_columns == 0 {
            return Err(Error::Empty { name: "gain", rows: n_sensors, columns: n_columns });
        }
        if n_orient == 0 || n_columns % n_orient != 0 {
            return Err(Error::Orientation { n_orient, columns: n_columns });
        }
        let columns = transposed(gain)?;
        let curvature = Curvature::new(&columns, n_sensors, n_orient);
        if curvature.matrices.iter().all(|value| value.is_finite()) {
            return Ok(Gain { n_sensors, n_orient, columns, curvature });
        }
        check_finite("gain", gain)?;
        Err(Error::Parameter {
            name: "the largest absolute value in gain",
            value: columns.iter().fold(0.0, |a: f64, b| a.max(b.abs())),
            remedy: "its square overflows; scale gain and data down",
        })
    }

    /// Number of sensors (rows).
    #[must_use]
    pub fn n_sensors(&self) -> usize {
        self.n_sensors
    }

    /// Number of orientations in a location: 1 fixed, 3 loose or free.
    #[must_use]
    pub fn n_orient(&self) -> usize {
        self.n_orient
    }

    /// Number of locations.
    #[must_use]
    pub fn n_locations(&self) -> usize {
        self.columns.len() / (self.n_sensors * self.n_orient)
    }

    /// Number of sources (columns): locations times orientations.
    #[must_use]
    pub fn n_sources(&self) -> usize {
        self.columns.len() / self.n_sensors
    }

    /// The block Lipschitz constant `|G_s' G_s|_2` of location `s`.
    ///
    /// # Panics
    /// If there is no location `s`.
    #[must_use]
    pub fn lipschitz(&self, s: usize) -> f64 {
        self.curvature.eigenvalues(s).iter().fold(0.0, |a: f64, &b| a.max(b))
    }

    /// The columns of the locations named, in their order (n_sensors x locations * n_orient).
    ///
    /// # Panics
    /// If a location does not exist.
    #[must_use]
    pub fn columns_of(&self, locations: &[usize]) -> Array2<f64> {
        let o = self.n_orient;
        Array2::from_shape_fn((self.n_sensors, locations.len() * o), |(i, j)| {
            self.block(locations[j / o])[j % o * self.n_sensors + i]
        })
    }

    /// All columns, one after the other.
    pub(crate) fn columns(&self) -> &[f64] {
        &self.columns
    }

    /// The columns of location `s`, one after the other.
    pub(crate) fn block(&self, s: usize) -> &[f64] {
        let size = self.n_sensors * self.n_orient;
        &self.columns[s * size..(s + 1) * size]
    }

    pub(crate) fn curvature(&self) -> &Curvature {
        &self.curvature
    }

    /// The gain of some locations, in that order.
    pub(crate) fn select(&self, locations: &[usize]) -> Result<Gain, Error> {
        let mut columns = reserve(locations.len() * self.n_orient * self.n_sensors)?;
        for &s in locations {
            columns.extend_from_slice(self.block(s));
        }
        let curvature = self.curvature.select(locations);
        Ok(Gain { n_sensors: self.n_sensors, n_orient: self.n_orient, columns, curvature })
    }
}

/// `H_s = G_s' G_s` of every location with its eigenvalues and eigenvectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curvature {
    n_orient: usize,
    matrices: Vec<f64>,
    eigenvalues: Vec<f64>,
    /// eigenvectors in columns
    bases: Vec<f64>,
    /// scratch
    diagonal: Vec<f64>,
}

impl Curvature {
    fn new(columns: &[f64], n_sensors: usize, n_orient: usize) -> Self {
        let mut all = Curvature { n_orient, ..Curvature::default() };
        let mut matrix = vec![0.0; n_orient * n_orient];
        for block in columns.chunks_exact(n_sensors * n_orient) {
            for (i, a) in block.chunks_exact(n_sensors).enumerate() {
                for (j, b) in block.chunks_exact(n_sensors).enumerate().take(i + 1) {
                    matrix[i * n_orient + j] = kernels().dot_slices(a, b);
                    matrix[j * n_orient + i] = matrix[i * n_orient + j];
                }
            }
            all.push(&matrix);
        }
        all
    }

    fn push(&mut self, matrix: &[f64]) {
        let o = self.n_orient;
        self.matrices.extend_from_slice(matrix);
        let finite = matrix.iter().all(|value| value.is_finite());
        let (first, first_vector) = (self.eigenvalues.len(), self.bases.len());
        self.bases.resize(first_vector + o * o, 1.0);
        self.diagonal.clear();
        self.diagonal.extend_from_slice(matrix);
        if finite && o > 1 {
            diagonalise(&mut self.diagonal, &mut self.bases[first_vector..], o);
        }
        self.eigenvalues.resize(first + o, 0.0);
        for (i, d) in self.eigenvalues[first..].iter_mut().enumerate() {
            *d = self.diagonal[i * (o + 1)].max(0.0);
        }
    }

    /// `G_s' G_s` (symmetric).
    pub fn matrix(&self, s: usize) -> &[f64] {
        let size = self.n_orient * self.n_orient;
        &self.matrices[s * size..(s + 1) * size]
    }

    pub fn eigenvalues(&self, s: usize) -> &[f64] {
        &self.eigenvalues[s * self.n_orient..(s + 1) * self.n_orient]
    }

    /// The eigenvectors of location `s`: row `i`, column `j` is component `i` of vector `j`.
    pub fn basis(&self, s: usize) -> &[f64] {
        let size = self.n_orient * self.n_orient;
        &self.bases[s * size..(s + 1) * size]
    }

    pub fn select(&self, locations: &[usize]) -> Curvature {
        let pick = |values: &[f64], size: usize| {
            locations.iter().flat_map(|&s| &values[s * size..(s + 1) * size]).copied().collect()
        };
        let o = self.n_orient;
        Curvature {
            n_orient: o,
            matrices: pick(&self.matrices, o * o),
            eigenvalues: pick(&self.eigenvalues, o),
            bases: pick(&self.bases, o * o),
            diagonal: Vec::new(),
        }
    }

    pub fn append(&mut self, other: &Curvature) {
        self.n_orient = other.n_orient;
        self.matrices.extend_from_slice(&other.matrices);
        self.eigenvalues.extend_from_slice(&other.eigenvalues);
        self.bases.extend_from_slice(&other.bases);
    }
}

fn transposed(gain: ArrayView2<f64>) -> Result<Vec<f64>, Error> {
    let (n, p) = gain.dim();
    let mut out = reserve(n * p)?;
    let flipped = gain.reversed_axes();
    if let Some(values) = flipped.as_slice() {
        out.extend_from_slice(values);
        return Ok(out);
    }
    out.resize(n * p, 0.0);
    for (tile, target) in out.chunks_mut(TILE * n).enumerate() {
        let first = tile * TILE;
        let last = first + target.len() / n;
        for (strip, sensors) in
            flipped.slice(ndarray::s![first..last, ..]).axis_chunks_iter(Axis(1), STRIP).enumerate()
        {
            for (j, column) in sensors.rows().into_iter().enumerate() {
                let at = j * n + strip * STRIP;
                for (value, &source) in target[at..].iter_mut().zip(column) {
                    *value = source;
                }
            }
        }
    }
    Ok(out)
}

/// Refuses NaN and infinities, naming the first.
pub(crate) fn check_finite(name: &'static str, array: ArrayView2<f64>) -> Result<(), Error> {
    match array.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(Error::NotFinite { name, value, row, column }),
    }
}
