//! Debiasing: a factor for each source that undoes the shrinkage of the penalty.

mod fit;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt, Monitor};
use crate::machine::dense::prepare_this_thread;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::nonnegative::exchange;
use crate::machine::panel::Panel;
use crate::problem::gain::Gain;
use crate::problem::solution::Sources;
use crate::solve::checks::{check_data, check_sources};
use fit::Fit;
use ndarray::ArrayView2;

/// What the memory is for.
const WHAT: &str = "the debiased sources";

/// Factors that undo the shrinkage of the penalty, and how far they are from the best ones.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Debiasing {
    /// a factor of at least 1 for each location of the sources, in their order
    pub factors: Vec<f64>,
    /// the largest violation of the optimality conditions, as a part of `max(|M|, |G X|)`
    pub violation: f64,
}

impl Debiasing {
    /// Conditions that are violated by no more than this hold.
    pub const TOLERANCE: f64 = 1e-9;

    /// Whether the factors are the best to [`TOLERANCE`](Debiasing::TOLERANCE). Where the fields of
    /// sources nearly cancel each other, double precision cannot settle them.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.violation <= Debiasing::TOLERANCE
    }
}

/// Finds the factor `d >= 1` of each source that best undoes the amplitude bias of the penalty:
/// `minimise 1/2 |M - G diag(d) X|^2`.
///
/// MxNE and irMxNE shrink amplitudes. d keeps the orientation and the time course of a source
/// (Strohmeier et al. 2016, section II-C 3). It is solved to the bottom: block exchanges on the
/// normal equations are fast; where these do not meet the conditions, the method of Lawson and
/// Hanson does, on the triangular factor of the columns `vec(G_k X_k)`, where nothing is squared.
/// A factor is exactly 1 where the source is invisible to the sensors. Where fields are collinear,
/// factors are not unique, the fit is. Factors fit no worse than ones, whatever the input.
///
/// # Errors
/// Input that does not fit together or is not finite, data that are 1e150 times the fields of the
/// sources, no memory, or [`Error::Interrupted`] where the monitor says so.
///
/// ```
/// use mxne_rs::{Gain, Sources, debias};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].view(), 1)?;
/// let data = array![[2.0, 4.0], [0.5, 0.5], [0.0, 0.0]];
/// // One source that is shrunk, one that is too large.
/// let x = array![[1.0, 2.0], [1.0, 1.0], [0.0, 0.0]];
/// let sources = Sources::from_dense(x.view(), 1);
/// let debiasing = debias(&gain, data.view(), &sources, None)?;
/// assert_eq!(debiasing.factors, [2.0, 1.0]);
/// assert!(debiasing.is_optimal());
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn debias(
    gain: &Gain,
    data: ArrayView2<f64>,
    sources: &Sources,
    monitor: Option<Monitor>,
) -> Result<Debiasing, Error> {
    check_data(gain, data)?;
    check_sources("x", gain, data, sources)?;
    prepare_this_thread()?;
    let clock = Clock::start(None, monitor);
    best_factors(&Fit::new(gain, data, sources)?, &clock).map_err(Halt::into_error)
}

impl Sources {
    /// The sources times the factors of [`debias`].
    ///
    /// # Errors
    /// As for [`debias`].
    ///
    /// ```
    /// use mxne_rs::{Gain, Options, solve_mxne};
    /// use ndarray::array;
    ///
    /// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
    /// let data = array![[3.0, 4.0], [0.1, 0.2]];
    /// let solution = solve_mxne(&gain, data.view(), 2.5, &Options::default())?;
    /// let debiased = solution.sources.debiased(&gain, data.view())?;
    /// assert!((debiased.coef[[0, 1]] - 4.0).abs() < 1e-12);
    /// # Ok::<(), mxne_rs::Error>(())
    /// ```
    pub fn debiased(&self, gain: &Gain, data: ArrayView2<f64>) -> Result<Sources, Error> {
        let Debiasing { factors, .. } = debias(gain, data, self, None)?;
        let mut coef = memory::array(WHAT, self.coef.nrows(), self.coef.ncols())?;
        coef.zip_mut_with(&self.coef, |out, value| *out = *value);
        for (row, mut values) in coef.rows_mut().into_iter().enumerate() {
            values *= factors[row / self.n_orient];
        }
        let locations = memory::copied(WHAT, &self.locations)?;
        Ok(Sources { locations, coef, n_orient: self.n_orient })
    }
}

/// The factors, from the fast method where it meets the conditions with a margin.
fn best_factors(fit: &Fit, clock: &Clock) -> Result<Debiasing, Halt> {
    let n = fit.n_sources();
    let ones = memory::gathered(WHAT, (0..n).map(|_| 1.0))?;
    if n == 0 {
        return Ok(Debiasing { factors: ones, violation: 0.0 });
    }
    let (hessian, norms) = fit.hessian(clock)?;
    let residual = fit.residual(&ones, clock)?;
    let linear = fit.pulls(&residual, &norms, clock)?;
    let size = fit.size(&residual);
    let threshold = size * Debiasing::TOLERANCE / 100.0;
    // In units of the fit: u_k = |G_k X_k| (d_k - 1).
    let judged = |u: &[f64]| -> Result<(Debiasing, Panel), Halt> {
        let factors = memory::gathered(WHAT, u.iter().zip(&norms).map(|(u, norm)| 1.0 + u / norm))?;
        let left = fit.residual(&factors, clock)?;
        let pulls = fit.pulls(&left, &norms, clock)?;
        let violation = if size > 0.0 { violation(u, &pulls) / size } else { 0.0 };
        Ok((Debiasing { factors, violation }, left))
    };
    let mut u = exchange(&hessian, &linear, threshold, clock)?;
    drop(hessian);
    let (guess, _) = judged(&u)?;
    if guess.violation <= Debiasing::TOLERANCE / 1000.0 {
        return Ok(guess);
    }
    u = fit.triangle(&residual, &norms, clock)?.solve(&u, threshold, clock)?;
    let (exact, left) = judged(&u)?;
    let misfit = |residual: &Panel| kernels().norm(residual.lanes());
    if exact.is_optimal() || misfit(&left) <= misfit(&residual) {
        return Ok(exact);
    }
    u.fill(0.0);
    Ok(judged(&u)?.0)
}

/// The largest violation of the conditions: no pull where u > 0, none upwards where u = 0.
/// Infinite where a pull is not a number.
fn violation(u: &[f64], pulls: &[f64]) -> f64 {
    let of_one = |(&u, &pull): (&f64, &f64)| if u > 0.0 { pull.abs() } else { pull };
    u.iter().zip(pulls).map(of_one).fold(0.0, |most: f64, one| match one.is_nan() {
        true => f64::INFINITY,
        false => most.max(one),
    })
}
