//! Bounds on the correlations of all locations, for a fraction of what a product with the gain
//! costs.

mod split;

use super::Gain;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::{Factors, RUN, kernels};
use crate::machine::memory;
use crate::machine::threads::Threads;
use nalgebra::{DMatrix, SymmetricEigen};
pub(crate) use split::Samples;
use split::{SINGLE_ROUNDING, Split, projection_error};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

const WHAT: &str = "the bounds on correlations";
/// The levels of a look use one in so many of all components, from the cheapest to the closest.
const COMPONENTS_ONE_IN: [usize; 3] = [12, 3, 1];
/// Levels with fewer components than this are left out, except the closest.
const MIN_COMPONENTS: usize = 16;
/// Locations that one task multiplies.
const CHUNK: usize = 384;
/// At least what double precision loses here, as a part of the norms.
const DOUBLE_ROUNDING: f64 = 1e-12;

/// The gain in single precision on the principal components of its columns, and the norm of what
/// the first components leave out of each location.
///
/// With `G_s = P G_s + E_s`, where P projects on some components,
/// `|G_s'R| <= |(P G_s)'(P R)| + |E_s| |R - P R|_2`; the last factor is a spectral norm. Rounding
/// in single precision is bounded as well, so that the sum is a true bound.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    n_sensors: usize,
    n_orient: usize,
    /// a row per component, orthonormal
    basis: Vec<f32>,
    /// a row per column of the gain, in units of `unit`
    columns: Vec<f32>,
    /// the largest |G_s|
    unit: f64,
    /// |G_s| of every location
    norms: Vec<f64>,
    levels: Vec<Level>,
}

/// A bound that uses the first components.
#[derive(Debug, Clone)]
struct Level {
    n_components: usize,
    /// |E_s| of every location
    tails: Vec<f64>,
}

/// The locations to look at.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    All,
    These(&'a [usize]),
}

/// Who does the work of a look, and who may stop it.
#[derive(Clone, Copy)]
pub(crate) struct Workers<'a> {
    pub threads: &'a Threads,
    pub clock: &'a Clock<'a>,
}

/// What a look works in.
pub(crate) struct Room {
    split: Split,
    tasks: Vec<Mutex<Task>>,
}

/// What a thread works in.
struct Task {
    product: Vec<f32>,
    /// rows of the gain that are not neighbours
    gathered: Vec<f32>,
}

/// What turns `(P G_s)'(P R)` in single precision into a bound on `|G_s'R|`.
struct Bound<'a> {
    /// |G_s| of every location
    norms: &'a [f64],
    /// |E_s|
    tails: &'a [f64],
    /// factor on the norm of the product
    of_product: f64,
    /// factor on |G_s|
    of_norm: f64,
    /// factor on |E_s|: at least the spectral norm of R - P R
    of_tail: f64,
    /// at least the norm of what underflows in the squares of the product
    underflow: f64,
}

impl Bound<'_> {
    /// Bounds `|G_s'R|_F^2`, given the product of the location.
    fn square(&self, s: usize, product: &[f32]) -> f64 {
        let norm = kernels().energy_single(product).sqrt() + self.underflow;
        let bound =
            self.of_product * norm + self.norms[s] * self.of_norm + self.tails[s] * self.of_tail;
        bound * bound
    }
}

impl Which<'_> {
    /// Returns the location in place `i`.
    fn location(self, i: usize) -> usize {
        match self {
            Which::All => i,
            Which::These(locations) => locations[i],
        }
    }

    /// Returns the first `k` components of the columns of the locations in some places, a row each.
    fn rows<'b>(
        self,
        screen: &'b Screen,
        places: Range<usize>,
        k: usize,
        gathered: &'b mut [f32],
    ) -> Factors<'b, f32> {
        let (n, o) = (screen.n_sensors, screen.n_orient);
        match self {
            Which::All => {
                Factors::Rows(&screen.columns[places.start * o * n..places.end * o * n], n)
            }
            Which::These(locations) => {
                let gathered = &mut gathered[..places.len() * o * k];
                let rows = locations[places].iter().flat_map(|s| s * o..(s + 1) * o);
                for (to, row) in gathered.chunks_mut(k).zip(rows) {
                    to.copy_from_slice(&screen.columns[row * n..][..k]);
                }
                Factors::Rows(gathered, k)
            }
        }
    }
}

impl Screen {
    /// Computes the components of a gain, and what they leave out.
    pub fn new(gain: &Gain, clock: &Clock) -> Result<Self, Halt> {
        let (n, o, columns) = (gain.n_sensors, gain.n_orient, &gain.columns);
        let basis = principal(columns, n, clock)?;
        let energies = columns.chunks(n * o).map(|block| kernels().dot_slices(block, block));
        let norms = memory::gathered(WHAT, energies.map(f64::sqrt))?;
        let unit = norms.iter().fold(f64::MIN_POSITIVE, |a: f64, &b| a.max(b));
        let mut levels = Vec::new();
        for part in COMPONENTS_ONE_IN {
            let n_components = (n / part).next_multiple_of(8).min(n);
            if part == 1 || n_components >= MIN_COMPONENTS {
                levels.push(Level { n_components, tails: memory::zeros(WHAT, norms.len())? });
            }
        }
        let mut single = memory::zeros(WHAT, columns.len())?;
        let mut part = memory::zeros(WHAT, CHUNK * o * n)?;
        let chunks = columns.chunks(CHUNK * o * n).zip(single.chunks_mut(CHUNK * o * n));
        for (chunk, (columns, single)) in chunks.enumerate() {
            let kept = &mut part[..columns.len()];
            let view = View::new(columns, columns.len() / n, n, n);
            let target = Target { data: kept, stride: n, keep: 0.0 };
            gemm(target, 1.0, view, View::new(&basis, n, n, n).transpose());
            for (to, from) in single.iter_mut().zip(&*kept) {
                *to = (from / unit) as f32;
            }
            for (s, kept) in (chunk * CHUNK..).zip(kept.chunks(o * n)) {
                for Level { n_components, tails } in &mut levels {
                    let rest = kept.chunks(n).map(|row| &row[*n_components..]);
                    let left: f64 = rest.map(|rest| kernels().dot_slices(rest, rest)).sum();
                    tails[s] = (left + DOUBLE_ROUNDING * norms[s] * norms[s]).sqrt();
                }
            }
            clock.check()?;
        }
        let basis = memory::gathered(WHAT, basis.iter().map(|&value| value as f32))?;
        Ok(Screen { n_sensors: n, n_orient: o, basis, columns: single, unit, norms, levels })
    }

    /// Counts the levels; each is closer, and costs more, than the one before.
    pub fn n_levels(&self) -> usize {
        self.levels.len()
    }

    /// Counts the components that a level uses.
    pub fn n_components(&self, level: usize) -> usize {
        self.levels[level].n_components
    }

    /// Returns |G_s| of every location.
    pub fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// Allocates what looks at up to `n_times` samples need.
    pub fn room(&self, n_times: usize, threads: &Threads) -> Result<Room, Error> {
        let stride = n_times.next_multiple_of(16);
        let rows = CHUNK * self.n_orient;
        let task = || {
            let (product, gathered) = (rows * stride, rows * self.n_sensors);
            let zeros = |size| memory::zeros(WHAT, size);
            Ok(Mutex::new(Task { product: zeros(product)?, gathered: zeros(gathered)? }))
        };
        Ok(Room {
            split: Split::new(self.n_sensors, n_times)?,
            tasks: (0..threads.count()).map(|_| task()).collect::<Result<_, Error>>()?,
        })
    }

    /// Bounds `|G_s'R|_F^2` for the locations of `which`, R being `samples`, at most as many as the
    /// room was made for.
    pub fn squares(
        &self,
        level: usize,
        samples: Samples,
        room: &mut Room,
        which: Which,
        out: &mut [f64],
        workers: Workers,
    ) -> Result<(), Halt> {
        let Room { split, tasks } = room;
        let Level { n_components: k, ref tails } = self.levels[level];
        let (n, o) = (self.n_sensors, self.n_orient);
        let Some(norms) = split.compute(&self.basis[..k * n], k, &samples, workers.clock)? else {
            out.fill(0.0);
            return Ok(());
        };
        let (projected, stride) = split.projected(k, samples.range.len());
        // Entries, products and sums are in single precision, and so is the square root of the sum
        // of their squares.
        let rounding = (k + 8) as f64 * SINGLE_ROUNDING + projection_error(n, k) + DOUBLE_ROUNDING;
        let bound = Bound {
            norms: &self.norms,
            tails,
            of_product: self.unit * norms.whole * (1.0 + RUN as f64 * SINGLE_ROUNDING),
            of_norm: norms.whole * rounding,
            of_tail: norms.whole * norms.left_out,
            // Squares of less than the smallest single vanish.
            underflow: f64::from(f32::MIN_POSITIVE).sqrt() * ((o * stride) as f64).sqrt(),
        };
        let at_once = workers.threads.count() * CHUNK;
        for (many, out) in out.chunks_mut(at_once).enumerate() {
            workers.threads.for_each(out.chunks_mut(CHUNK).enumerate(), |thread, (i, out)| {
                let task = &mut *tasks[thread].lock().unwrap_or_else(PoisonError::into_inner);
                let product = &mut task.product[..out.len() * o * stride];
                let first = many * at_once + i * CHUNK;
                let places = first..first + out.len();
                let factors = which.rows(self, places.clone(), k, &mut task.gathered);
                kernels().multiply_single(product, factors, projected, stride);
                for (place, (out, block)) in
                    places.zip(out.iter_mut().zip(product.chunks(o * stride)))
                {
                    *out = bound.square(which.location(place), block);
                }
            });
            workers.clock.check()?;
        }
        Ok(())
    }
}

/// Computes the principal components of the columns, a row each, the largest first.
fn principal(columns: &[f64], n: usize, clock: &Clock) -> Result<Vec<f64>, Halt> {
    let mut square = memory::zeros(WHAT, n * n)?;
    for some in columns.chunks(CHUNK * n) {
        let view = View::new(some, some.len() / n, n, n);
        gemm(Target { data: &mut square, stride: n, keep: 1.0 }, 1.0, view.transpose(), view);
        clock.check()?;
    }
    let eigen =
        clock.wait_for(move || SymmetricEigen::new(DMatrix::from_row_slice(n, n, &square)))?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    let mut basis = memory::room(WHAT, n * n)?;
    for &i in &order {
        basis.extend(eigen.eigenvectors.column(i).iter());
    }
    Ok(basis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::panel::Panel;
    use crate::machine::products::correlation_norms;
    use ndarray::{Array2, s};

    /// Bounds hold, and are of use, for gains of low and of full rank, one location and many, short
    /// and long windows.
    #[test]
    fn bounds_are_bounds() -> Result<(), Halt> {
        let clock = Clock::endless();
        let random = |seed: usize| {
            move |(i, j): (usize, usize)| {
                let mixed = (i * 7919 + j * 104_729 + seed).wrapping_mul(2_654_435_761) % 65_536;
                mixed as f64 / 32_768.0 - 1.0
            }
        };
        for (n, p, o, rank, t) in [
            (40, 900, 3, 8, 20),
            (40, 900, 1, 40, 20),
            (12, 1, 1, 12, 1),
            (30, 1200, 3, 5, 300),
            (300, 400, 1, 9, 100),
        ] {
            let left = Array2::from_shape_fn((n, rank), random(1));
            let right = Array2::from_shape_fn((rank, p * o), random(2));
            let faint = 1e-3 * Array2::from_shape_fn((n, p * o), random(3));
            let scale = Array2::from_shape_fn((1, p * o), |(_, j)| 10.0_f64.powi(-(j as i32 % 7)));
            let mut array = (left.dot(&right) + faint) * scale;
            // A direction of its own, too faint for a principal component.
            array
                .column_mut(0)
                .assign(&(1e-3 * Array2::from_shape_fn((n, 1), random(5))).column(0));
            let gain = Gain::new(array.view(), o).map_err(Halt::from)?;
            let noise = Array2::from_shape_fn((n, t), random(4));
            let alone = array.slice(s![.., ..1]).dot(&noise.slice(s![..1, ..]));
            for residual in [noise, alone] {
                let residual = Panel::from_array(residual.view())?;
                for threads in [Threads::new(1), Threads::new(2)] {
                    let screen = Screen::new(&gain, &clock)?;
                    let mut room = screen.room(t, &threads)?;
                    let mut bounds = vec![0.0; p];
                    let clock = &clock;
                    let exact = correlation_norms(gain.columns(), o, &residual, &threads, clock)?;
                    let odd: Vec<usize> = (0..p).filter(|s| s % 3 == 1).collect();
                    for level in 0..screen.n_levels() {
                        let workers = Workers { threads: &threads, clock };
                        let some = &mut bounds[..odd.len()];
                        let samples = Samples::all(&residual);
                        let these = Which::These(&odd);
                        screen.squares(level, samples.clone(), &mut room, these, some, workers)?;
                        let some = some.to_vec();
                        let every = &mut bounds[..];
                        screen.squares(level, samples, &mut room, Which::All, every, workers)?;
                        for (&s, square) in odd.iter().zip(some) {
                            assert_eq!(bounds[s], square);
                        }
                        let close = if level + 1 == screen.n_levels() { 1e-3 } else { 1.0 };
                        for (s, (square, exact)) in bounds.iter().zip(&exact).enumerate() {
                            let bound = square.sqrt();
                            let whole = screen.norms[s] * kernels().norm(residual.lanes());
                            let what =
                                format!("{n} x {p}, level {level}, location {s}: {bound} {exact}");
                            assert!(bound >= *exact && bound - exact < close * whole, "{what}");
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
