//! A look at all locations for a fraction of a product: what their correlations can be at most.

use super::Gain;
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::{Factors, RUN, kernels};
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::threads::Threads;
use nalgebra::{DMatrix, SymmetricEigen};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

const WHAT: &str = "the bounds on correlations";
/// Levels of a look: one in so many of all components, from the cheapest up.
const LEVELS: [usize; 3] = [12, 3, 1];
/// Fewer components than this are not worth a level of their own.
const WORTH_IT: usize = 16;
/// Rows of the gain that one task multiplies.
const CHUNK: usize = 384;
/// Windows longer than this are not squared to find how much a direction of time can hold.
const LONG: usize = 256;
/// Half a unit in the last place of single precision.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
/// What double precision loses in all of this, generously.
const SLACK: f64 = 1e-12;

/// The gain in single precision on the principal components of its columns, and what the first of them leave out of each
/// location.
///
/// With `G_s = P G_s + E_s`, P the projection on some components: `|G_s'R| <= |(P G_s)'(P R)| + |E_s| |R - P R|_2`, the last factor
/// being a spectral norm. What single precision rounds off is bounded, too: the answer is a bound, not an estimate.
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

/// A look at so many components.
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

/// What a look works in.
pub(crate) struct Room {
    /// R over |R|
    whole: Vec<f32>,
    /// its components
    projected: Vec<f32>,
    gram: [Vec<f32>; 2],
    tasks: Vec<Mutex<Task>>,
}

/// What a thread works in.
struct Task {
    product: Vec<f32>,
    /// rows of the gain that are not neighbours
    gathered: Vec<f32>,
}

impl Screen {
    pub fn new(gain: &Gain, clock: &Clock) -> Result<Self, Halt> {
        let (n, o, columns) = (gain.n_sensors, gain.n_orient, &gain.columns);
        let basis = principal(columns, n, clock)?;
        let energies = columns.chunks(n * o).map(|block| kernels().dot_slices(block, block));
        let norms = memory::gathered(WHAT, energies.map(f64::sqrt))?;
        let unit = norms.iter().fold(f64::MIN_POSITIVE, |a: f64, &b| a.max(b));
        let mut levels = Vec::new();
        for part in LEVELS {
            let n_components = (n / part).next_multiple_of(8).min(n);
            if part == 1 || n_components >= WORTH_IT {
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
                    tails[s] = (left + SLACK * norms[s] * norms[s]).sqrt();
                }
            }
            clock.check()?;
        }
        let basis = memory::gathered(WHAT, basis.iter().map(|&value| value as f32))?;
        Ok(Screen { n_sensors: n, n_orient: o, basis, columns: single, unit, norms, levels })
    }

    /// How many levels there are; each is closer, and dearer, than the one before.
    pub fn n_levels(&self) -> usize {
        self.levels.len()
    }

    /// Components of a level.
    pub fn n_components(&self, level: usize) -> usize {
        self.levels[level].n_components
    }

    /// |G_s| of every location.
    pub fn norms(&self) -> &[f64] {
        &self.norms
    }

    pub fn room(&self, n_times: usize, threads: &Threads) -> Result<Room, Error> {
        let stride = n_times.next_multiple_of(16);
        let is_squared = n_times <= LONG.min(self.n_sensors);
        let square = if is_squared { stride * stride } else { 0 };
        let rows = CHUNK * self.n_orient;
        let task = || {
            let (product, gathered) = (rows * stride, rows * self.n_sensors);
            let zeros = |size| memory::zeros(WHAT, size);
            Ok(Mutex::new(Task { product: zeros(product)?, gathered: zeros(gathered)? }))
        };
        Ok(Room {
            whole: memory::zeros(WHAT, self.n_sensors * stride)?,
            projected: memory::zeros(WHAT, self.n_sensors * stride)?,
            gram: [memory::zeros(WHAT, square)?, memory::zeros(WHAT, square)?],
            tasks: (0..threads.count()).map(|_| task()).collect::<Result<_, Error>>()?,
        })
    }

    /// At most how large `|G_s'R|_F^2` is for the locations of `which`, R being some samples of `residual`, at most as many as the
    /// room was made for.
    pub fn squares(
        &self,
        level: usize,
        (residual, samples): (&Panel, Range<usize>),
        room: &mut Room,
        (which, out): (Which, &mut [f64]),
        (threads, clock): (&Threads, &Clock),
    ) -> Result<(), Halt> {
        let Level { n_components: k, ref tails } = self.levels[level];
        let (n, o) = (self.n_sensors, self.n_orient);
        let stride = samples.len().next_multiple_of(16);
        let rows = residual.values().chunks(residual.stride()).map(|row| &row[samples.clone()]);
        let length = rows.clone().map(|row| kernels().dot_slices(row, row)).sum::<f64>().sqrt();
        if length == 0.0 {
            out.fill(0.0);
            return Ok(());
        }
        let Room { whole, projected, gram, tasks: rooms } = room;
        let (whole, projected) = (&mut whole[..n * stride], &mut projected[..k * stride]);
        for (to, from) in whole.chunks_mut(stride).zip(rows) {
            to.fill(0.0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = (from / length) as f32);
        }
        let basis = Factors::Rows(&self.basis[..k * n], n);
        kernels().multiply_single(projected, basis, whole, stride);
        clock.check()?;
        let beyond = length * self.beyond(k, (&*whole, &*projected), stride, gram);
        clock.check()?;
        // Entries, products and sums in single precision, and the square root of the sum of their squares.
        let per_norm = length * ((k + 8) as f64 * ROUNDING + self.projection_error(k) + SLACK);
        let seen = self.unit * length * (1.0 + RUN as f64 * ROUNDING);
        // Squares of less than the smallest single are lost.
        let lost = f64::from(f32::MIN_POSITIVE).sqrt() * ((o * stride) as f64).sqrt();
        let square = |s: usize, block: &[f32]| {
            let norm = kernels().energy_single(block).sqrt() + lost;
            let bound = seen * norm + self.norms[s] * per_norm + tails[s] * beyond;
            bound * bound
        };
        let at_once = threads.count() * CHUNK;
        for (many, out) in out.chunks_mut(at_once).enumerate() {
            threads.for_each(out.chunks_mut(CHUNK).enumerate(), |thread, (i, out)| {
                let room = &mut *rooms[thread].lock().unwrap_or_else(PoisonError::into_inner);
                let product = &mut room.product[..out.len() * o * stride];
                let first = many * at_once + i * CHUNK;
                let last = first + out.len();
                match which {
                    Which::All => {
                        let columns = &self.columns[first * o * n..last * o * n];
                        let factors = Factors::Rows(columns, n);
                        kernels().multiply_single(product, factors, projected, stride);
                        let blocks = out.iter_mut().zip(product.chunks(o * stride));
                        (first..).zip(blocks).for_each(|(s, (out, block))| *out = square(s, block));
                    }
                    Which::These(locations) => {
                        let locations = &locations[first..last];
                        let rows = locations.iter().flat_map(|s| s * o..(s + 1) * o);
                        let gathered = &mut room.gathered[..out.len() * o * k];
                        for (to, row) in gathered.chunks_mut(k).zip(rows) {
                            to.copy_from_slice(&self.columns[row * n..][..k]);
                        }
                        let factors = Factors::Rows(gathered, k);
                        kernels().multiply_single(product, factors, projected, stride);
                        let blocks = out.iter_mut().zip(product.chunks(o * stride));
                        locations
                            .iter()
                            .zip(blocks)
                            .for_each(|(&s, (out, block))| *out = square(s, block));
                    }
                }
            });
            clock.check()?;
        }
        Ok(())
    }

    /// At most how far the components of an R with |R| = 1 are from what single precision makes of them.
    fn projection_error(&self, k: usize) -> f64 {
        (self.n_sensors + 4) as f64 * ROUNDING * (k as f64).sqrt()
    }

    /// At least the largest singular value of R - P R, for |R| = 1.
    ///
    /// The largest eigenvalue of a matrix C is at most the eighth root of the trace of its eighth power.
    fn beyond(
        &self,
        k: usize,
        (whole, projected): (&[f32], &[f32]),
        t: usize,
        gram: &mut [Vec<f32>; 2],
    ) -> f64 {
        if k == self.n_sensors {
            // Nothing is left; what rounding leaves is in the error of the projection.
            return 1.0;
        }
        let error = (self.n_sensors + k + 8) as f64 * ROUNDING + 3.0 * self.projection_error(k);
        let left = 1.0 - kernels().energy_single(projected);
        let left = left.max(0.0) + error;
        let [a, b] = gram;
        if a.is_empty() {
            return left.sqrt();
        }
        let (a, b) = (&mut a[..t * t], &mut b[..t * t]);
        kernels().multiply_single(a, Factors::Columns(whole, t), whole, t);
        kernels().multiply_single(b, Factors::Columns(projected, t), projected, t);
        // In units of its trace no power overflows.
        let factor = (1.0 / left) as f32;
        a.iter_mut().zip(&*b).for_each(|(a, b)| *a = (*a - b) * factor);
        kernels().multiply_single(b, Factors::Rows(a, t), a, t);
        kernels().multiply_single(a, Factors::Rows(b, t), b, t);
        let trace = kernels().energy_single(a);
        // Each squaring loses at most `t^1.5` roundings of what it makes.
        let squares = 1.0 + 4.0 * (t as f64).powf(1.5) * ROUNDING;
        (left * trace.powf(0.125) * squares + error).sqrt().min(left.sqrt())
    }
}

/// The principal components of the columns, a row each, the largest first.
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
    use crate::machine::products::correlation_norms;
    use ndarray::{Array2, s};

    /// Bounds hold, and are of use, for gains of low and of full rank, one location and many, short and long windows.
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
                        let (all, tools) = ((&residual, 0..t), (&threads, clock));
                        let some = &mut bounds[..odd.len()];
                        let these = (Which::These(&odd), &mut *some);
                        screen.squares(level, (&residual, 0..t), &mut room, these, tools)?;
                        let some = some.to_vec();
                        let every = (Which::All, &mut bounds[..]);
                        screen.squares(level, all, &mut room, every, tools)?;
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
