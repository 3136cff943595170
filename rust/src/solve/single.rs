//! One convex problem: solve it, certify an answer, find the smallest alpha whose answer is zero.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::prepare_this_thread;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::products;
use crate::machine::threads::Threads;
use crate::method::stopping::Watch;
use crate::method::working_set::{Descended, Descent};
use crate::problem::convex::{Iterate, Problem};
use crate::problem::frame::Frame;
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use crate::problem::scaled::Scaled;
use crate::problem::solution::{Certificate, Record, Solution, Sources};
use crate::solve::checks::{check_data, check_penalty, check_problem, check_sources};
use crate::solve::options::Run;
use crate::solve::setup::{Setup, frame_of, largest_correlation, penalty_of};
use ndarray::ArrayView2;

/// Solves MxNE: minimises `1/2 |M - G X|_F^2 + alpha sum_s w_s |X_s|_F + ridge/2 |X|_F^2`.
///
/// `data` is M (n_sensors x n_times), whitened like the gain; `alpha` is absolute, see
/// [`alpha_max`].
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`]. A run that stops short is no error: see
/// [`Solution::status`](crate::Solution).
///
/// ```
/// use mxne_rs::{Gain, Options, solve_mxne};
/// use ndarray::array;
///
/// // With an orthonormal gain the answer is group soft-thresholding of G'M.
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// let solution = solve_mxne(&gain, data.view(), 2.5, &Options::default())?;
/// assert_eq!(solution.sources.locations, [0]);
/// assert!((solution.sources.coef[[0, 0]] - 1.5).abs() < 1e-6);
/// assert!(solution.certificate.relative_gap() <= 1e-6);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_mxne<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    options: impl Into<Run<'a>>,
) -> Result<Solution, Error> {
    let run = options.into();
    let clock = run.clock();
    let mut watch = Watch::start(&clock, run.options.stopping.max_iter);
    let data = Scaled::new(gain, data)?;
    let mut setup = Setup::new(gain, &data, alpha, run.options, &clock)?;
    let (end, _) = solve_from_the_start(&mut setup, gain, alpha, &mut watch)?;
    finish(&setup, &end, alpha, watch)
}

/// Solves MxNE from the user's start or from zero; returns the descent, too, for more problems on
/// the gain.
pub(crate) fn solve_from_the_start(
    setup: &mut Setup,
    gain: &Gain,
    alpha: f64,
    watch: &mut Watch,
) -> Result<(Descended, Descent), Error> {
    let penalty = setup.penalty(alpha, gain.n_locations())?;
    let start = setup.start(gain, penalty.as_ref())?;
    solve_from(start, setup, gain, penalty.as_ref(), watch)
}

/// Solves with a penalty of the scaled problem, from a start.
pub(crate) fn solve_from(
    mut start: Iterate,
    setup: &mut Setup,
    gain: &Gain,
    penalty: &dyn Penalty,
    watch: &mut Watch,
) -> Result<(Descended, Descent), Error> {
    let (mut descent, goal) = (setup.strategy().start(gain), setup.goal());
    match setup.solve(&mut descent, gain, penalty, &mut start, goal, watch) {
        Ok(end) => Ok((end, descent)),
        Err(Halt::OutOfTime) => Ok((setup.nothing()?, descent)),
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// Makes the solution of one convex problem.
pub(crate) fn finish(
    setup: &Setup,
    end: &Descended,
    alpha: f64,
    watch: Watch,
) -> Result<Solution, Error> {
    Ok(Solution {
        sources: setup.sources(&end.iterate, alpha)?,
        coefficients: setup.coefficients(&end.iterate)?,
        certificate: end.certificate.in_units(setup.units),
        status: end.status,
        alpha,
        explained_variance: setup.explained_variance(end.misfit),
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: in_units(watch, setup),
        reweighting: None,
    })
}

/// Converts the history to the caller's units.
pub(crate) fn in_units(watch: Watch, setup: &Setup) -> Vec<Record> {
    let mut history = watch.history;
    for record in &mut history {
        record.primal = setup.units.energy(record.primal);
    }
    history
}

/// Computes the smallest alpha for which the answer is exactly zero: `max_s |G_s' M|_F / w_s`.
///
/// Of the options only `weights`, `threads` and the monitor matter here.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, alpha_max};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// assert_eq!(alpha_max(&gain, data.view(), &Options::default())?, 5.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn alpha_max<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    options: impl Into<Run<'a>>,
) -> Result<f64, Error> {
    let Run { options, monitor } = options.into();
    check_data(gain, data)?;
    check_penalty(gain, options)?;
    prepare_this_thread()?;
    let clock = Clock::start(None, monitor);
    let data = Scaled::new(gain, data)?;
    let largest =
        largest_correlation(gain, data.values.view(), options, &clock).map_err(Halt::into_error)?;
    data.units.correlation(largest)
}

impl Gain {
    /// Measures the seconds that one product `G'R` takes: the unit of the benchmarks.
    ///
    /// # Errors
    /// No memory for the product.
    ///
    /// ```
    /// use mxne_rs::{Gain, Threads};
    ///
    /// let gain = Gain::new(ndarray::Array2::eye(3).view(), 1)?;
    /// assert!(gain.product_seconds(ndarray::Array2::eye(3).view(), &Threads::new(1))? > 0.0);
    /// # Ok::<(), mxne_rs::Error>(())
    /// ```
    pub fn product_seconds(
        &self,
        residual: ArrayView2<f64>,
        threads: &Threads,
    ) -> Result<f64, Error> {
        check_data(self, residual)?;
        let residual = Panel::from_array(residual)?;
        let mut out = Panel::zeros(self.n_sources(), residual.n_times)?;
        let clock = Clock::endless();
        let mut product = || {
            products::correlations(self.columns(), &residual, &mut out, threads, &clock)
                .map_err(Halt::into_error)
        };
        product()?;
        let start = std::time::Instant::now();
        product()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Certifies any X on the full problem: primal value, dual value and duality gap.
///
/// Of the options only `weights`, `ridge`, `threads` and the monitor matter here.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Sources, duality_gap};
/// use ndarray::{Array2, array};
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [0.1, 0.2]];
/// let nothing = Sources::from_dense(Array2::zeros((2, 2)).view(), 1);
/// let certificate = duality_gap(&gain, data.view(), &nothing, 5.0, &Options::default())?;
/// assert_eq!(certificate.gap(), 0.0);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn duality_gap<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    sources: &Sources,
    alpha: f64,
    options: impl Into<Run<'a>>,
) -> Result<Certificate, Error> {
    let Run { options, monitor } = options.into();
    check_problem(gain, data, alpha, options)?;
    check_sources("x", gain, data, sources)?;
    let locations = memory::copied("time courses", &sources.locations)?;
    let x = Panel::from_array(sources.coef.view())?;
    certify(gain, data, alpha, Run { options, monitor }, |frame| {
        let x = match frame {
            None => x,
            Some(frame) => frame.analysed(&x)?,
        };
        Ok(Iterate { locations, x })
    })
}

/// Certifies an iterate in the caller's units, made for the frame of the options.
pub(crate) fn certify(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    Run { options, monitor }: Run,
    iterate: impl FnOnce(Option<&Frame>) -> Result<Iterate, Error>,
) -> Result<Certificate, Error> {
    prepare_this_thread()?;
    let clock = Clock::start(None, monitor);
    let frame = frame_of(options, data.ncols())?;
    let data = Scaled::new(gain, data)?;
    let alpha = data.units.alpha(alpha)?;
    let penalty = penalty_of(options, frame.as_ref(), alpha, gain.n_locations())?;
    let panel = Panel::from_array(data.values.view())?;
    let problem = Problem {
        gain,
        data: &panel,
        penalty: penalty.as_ref(),
        ridge: data.units.ridge(options.ridge),
        scale: 0.5 * data.energy,
        left_out: None,
        threads: &options.threads,
        clock: &clock,
    };
    let mut iterate = iterate(frame.as_deref())?;
    iterate.x.scale(-data.units.of_sources());
    let certified = problem.certify(&iterate, None).map_err(Halt::into_error)?;
    Ok(certified.certificate.in_units(data.units))
}
