//! Least squares over numbers that are not negative: a fast guess, and a method that is exact.

use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::triangle::{add, make_reflector};

/// What the memory is for.
const WHAT: &str = "a least squares problem";
/// Exchanges after which a guess is given up.
const EXCHANGES: usize = 20;
/// Rounds per unknown at most; collinear columns in random directions take up to six.
const ROUNDS: usize = 100;
/// A column of norm one that is no further than this from the span of others counts as dependent:
/// held at zero it pulls with no more than this part of what is left.
const NEGLIGIBLE: f64 = 5e-10;

/// Guesses the minimum of `1/2 u'Hu - linear'u` over `u >= 0` by exchanging all wrong indices at
/// once. `hessian` holds H in rows.
///
/// The guess is feasible, and right unless columns are nearly collinear or exchanges go round.
pub(crate) fn exchange(
    hessian: &[f64],
    linear: &[f64],
    threshold: f64,
    clock: &Clock,
) -> Result<Vec<f64>, Halt> {
    let n = linear.len();
    let mut is_free = memory::gathered(WHAT, linear.iter().map(|&value| value > 0.0))?;
    let mut u = memory::zeros::<f64>(WHAT, n)?;
    for _ in 0..EXCHANGES {
        u.fill(0.0);
        let free: Vec<usize> = (0..n).filter(|&i| is_free[i]).collect();
        let Some(found) = solve_definite(hessian, linear, &free, clock)? else { break };
        free.iter().zip(found).for_each(|(&i, value)| u[i] = value);
        let mut settled = true;
        for (i, row) in hessian.chunks_exact(n).enumerate() {
            clock.spend(n)?;
            let is_wrong = match is_free[i] {
                true => u[i] < 0.0,
                false => linear[i] - kernels().dot_slices(row, &u) > threshold,
            };
            is_free[i] ^= is_wrong;
            settled &= !is_wrong;
        }
        if settled {
            break;
        }
    }
    u.iter_mut().for_each(|value| *value = value.max(0.0));
    Ok(u)
}

/// Solves `H u = linear` on the indices `free` by Cholesky's factorisation; nothing where H is not
/// positive definite there.
fn solve_definite(
    hessian: &[f64],
    linear: &[f64],
    free: &[usize],
    clock: &Clock,
) -> Result<Option<Vec<f64>>, Halt> {
    let (n, k) = (linear.len(), free.len());
    let mut factor = memory::zeros::<f64>(WHAT, k.saturating_mul(k))?;
    let mut u = memory::gathered(WHAT, free.iter().map(|&i| linear[i]))?;
    for i in 0..k {
        clock.spend(i * i)?;
        let (above, row) = factor.split_at_mut(i * k);
        for j in 0..i {
            let other = &above[j * k..][..=j];
            let product = kernels().dot_slices(&row[..j], &other[..j]);
            row[j] = (hessian[free[i] * n + free[j]] - product) / other[j];
        }
        let rest = hessian[free[i] * (n + 1)] - kernels().dot_slices(&row[..i], &row[..i]);
        if rest.is_nan() || rest <= 0.0 {
            return Ok(None);
        }
        row[i] = rest.sqrt();
        u[i] = (u[i] - kernels().dot_slices(&row[..i], &u[..i])) / row[i];
    }
    for (i, row) in factor.chunks_exact(k.max(1)).enumerate().rev() {
        clock.spend(i)?;
        u[i] /= row[i];
        let factor = -u[i];
        add(&mut u[..i], factor, &row[..i]);
    }
    Ok(Some(u))
}

/// A least squares problem `min |A u - b|`, whose columns have norm one or are zero.
pub(crate) struct LeastSquares {
    /// A, one column after the other
    pub columns: Vec<f64>,
    /// b
    pub target: Vec<f64>,
}

impl LeastSquares {
    fn column(&self, index: usize) -> &[f64] {
        let length = self.target.len();
        &self.columns[index * length..(index + 1) * length]
    }

    /// `b - A u`.
    fn residual(&self, u: &[f64]) -> Result<Vec<f64>, Halt> {
        let mut out = memory::copied(WHAT, &self.target)?;
        for (i, &value) in u.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            add(&mut out, -value, self.column(i));
        }
        Ok(out)
    }

    /// Finds the minimum over `u >= 0` by the method of Lawson and Hanson (Solving Least Squares
    /// Problems, 1974, chapter 23), from the minimum over the positive numbers of `guess`.
    ///
    /// An index is free (u > 0) or held at zero. Each round frees the held index that pulls
    /// hardest, unless it pulls less than `threshold`, and moves to the minimum over the free
    /// ones, holding again what would turn negative. Every round lowers the objective, so that
    /// none of the finitely many sets returns; where digits are wanting a limit ends it. A round
    /// that gains nothing locks its index until another one gains.
    pub fn solve(&self, guess: &[f64], threshold: f64, clock: &Clock) -> Result<Vec<f64>, Halt> {
        let n = guess.len();
        let is_free = |u: &[f64]| memory::gathered(WHAT, u.iter().map(|&value| value > 0.0));
        let nothing = memory::zeros(WHAT, n)?;
        let mut u = self.descend(nothing, is_free(guess)?, clock)?;
        let mut locked = memory::gathered(WHAT, u.iter().map(|_| false))?;
        for _ in 0..ROUNDS * n {
            clock.spend(2 * self.columns.len())?;
            let rest = self.residual(&u)?;
            let mut best = None;
            let mut hardest = threshold;
            for i in (0..n).filter(|&i| u[i] <= 0.0 && !locked[i]) {
                let pull = kernels().dot_slices(self.column(i), &rest);
                if pull > hardest {
                    (best, hardest) = (Some(i), pull);
                }
            }
            let Some(index) = best else { break };
            let mut free = is_free(&u)?;
            free[index] = true;
            let moved = self.descend(memory::copied(WHAT, &u)?, free, clock)?;
            // Between two residuals a and b, |a|^2 - |b|^2 is (a - b)'(a + b).
            let after = self.residual(&moved)?;
            let gained: f64 = rest.iter().zip(&after).map(|(a, b)| (a - b) * (a + b)).sum();
            if moved[index] > 0.0 && gained > 0.0 {
                u = moved;
                locked.fill(false);
            } else {
                locked[index] = true;
            }
        }
        Ok(u)
    }

    /// Moves from feasible `u` to the minimum over `free`, holding at zero what blocks the way.
    fn descend(
        &self,
        mut u: Vec<f64>,
        mut free: Vec<bool>,
        clock: &Clock,
    ) -> Result<Vec<f64>, Halt> {
        while free.contains(&true) {
            let goal = self.minimum(&free, clock)?;
            let ratio = |i: usize| match free[i] && goal[i] <= 0.0 {
                true => u[i] / (u[i] - goal[i]).max(f64::MIN_POSITIVE),
                false => f64::INFINITY,
            };
            let nearest = (0..u.len()).map(ratio).fold(f64::INFINITY, f64::min);
            if nearest == f64::INFINITY {
                return Ok(goal);
            }
            let blocking: Vec<usize> = (0..u.len()).filter(|&i| ratio(i) <= nearest).collect();
            blocking.into_iter().for_each(|i| free[i] = false);
            for (i, value) in u.iter_mut().enumerate() {
                *value = if free[i] { *value + nearest * (goal[i] - *value) } else { 0.0 };
            }
        }
        Ok(u)
    }

    /// The minimum over all numbers at the indices `free`, zero elsewhere and where a column
    /// depends on others: QR factorisation, the column with the most left to explain first.
    fn minimum(&self, free: &[bool], clock: &Clock) -> Result<Vec<f64>, Halt> {
        let length = self.target.len();
        let mut order: Vec<usize> = (0..free.len()).filter(|&i| free[i]).collect();
        let mut work = memory::room(WHAT, order.len() * length)?;
        order.iter().for_each(|&i| work.extend_from_slice(self.column(i)));
        let mut right = memory::copied(WHAT, &self.target)?;
        let mut diagonals = memory::room(WHAT, order.len())?;
        let mut largest = 0.0_f64;
        while diagonals.len() < order.len().min(length) {
            let rank = diagonals.len();
            clock.spend(3 * (order.len() - rank) * (length - rank))?;
            let left = |j: usize| {
                let rest = &work[j * length + rank..(j + 1) * length];
                kernels().dot_slices(rest, rest)
            };
            let (mut pivot, mut most) = (rank, 0.0);
            for j in rank..order.len() {
                let energy = left(j);
                if energy > most {
                    (pivot, most) = (j, energy);
                }
            }
            largest = largest.max(most.sqrt());
            if most == 0.0 || most.sqrt() <= NEGLIGIBLE * largest {
                break;
            }
            order.swap(rank, pivot);
            let (before, after) = work.split_at_mut((rank + 1) * length);
            let column = &mut before[rank * length..];
            if pivot > rank {
                column.swap_with_slice(&mut after[(pivot - rank - 1) * length..][..length]);
            }
            let reflector = &mut column[rank..];
            let Some((diagonal, scale)) = make_reflector(reflector) else { break };
            for other in after.chunks_exact_mut(length).chain([&mut right[..]]) {
                let other = &mut other[rank..];
                let factor = -scale * kernels().dot_slices(reflector, other);
                add(other, factor, reflector);
            }
            diagonals.push(diagonal);
        }
        let mut out = memory::zeros::<f64>(WHAT, free.len())?;
        for (j, diagonal) in diagonals.into_iter().enumerate().rev() {
            let value = right[j] / diagonal;
            add(&mut right[..j], -value, &work[j * length..][..j]);
            out[order[j]] = value;
        }
        Ok(out)
    }
}
