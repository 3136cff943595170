//! irMxNE: a non-convex penalty by repeated convex problems with new weights.

mod coefficients;
mod concave;
mod evidence;
mod majorant;
mod norms;
mod penalty;
mod problems;
mod rounds;
mod unit;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::method::stopping::Watch;
use crate::method::working_set::{Descended, Descent};
use crate::problem::gain::Gain;
use crate::problem::scaled::Scaled;
use crate::problem::solution::{Reweighting, Solution};
use crate::solve::options::{Options, Run, TimeFrequency};
use crate::solve::setup::Setup;
use crate::solve::single::{in_units, solve_from, solve_from_the_start};
use coefficients::CoefficientNorms;
pub use concave::Surrogate;
use evidence::Evidence;
use majorant::Majorant;
use ndarray::ArrayView2;
use norms::Norms;
pub(crate) use penalty::ConcavePenalty;
use problems::Problems;
pub(crate) use rounds::{Reweighted, Rounds};
use std::borrow::Cow;
pub use unit::AmplitudeUnit;
pub(crate) use unit::Unit;

/// What the memory is for.
const WHAT: &str = "the weights";

/// How often and how far to reweight.
#[derive(Debug, Clone, Copy)]
pub struct Reweight {
    /// convex problems at most, the first (unweighted) included (default 100); 1 is MxNE
    pub n_reweights: usize,
    /// change of the amplitudes, relative to the largest, at which reweighting has converged
    /// (default 1e-6)
    pub tol_reweight: f64,
    /// the penalty
    pub surrogate: Surrogate,
    /// the unit in which the penalty sees amplitudes
    pub amplitude_unit: AmplitudeUnit,
}

impl Default for Reweight {
    fn default() -> Self {
        Reweight {
            n_reweights: 100,
            tol_reweight: 1e-6,
            surrogate: Surrogate::default(),
            amplitude_unit: AmplitudeUnit::default(),
        }
    }
}

/// irMxNE: lowers `1/2 |M - G X|_F^2 + alpha u sum_s w_s g(|X_s|_F / u) + ridge/2 |X|_F^2` for the
/// concave `g` of the surrogate by convex problems weighted with `g'(|X_s|_F / u)` (Strohmeier et
/// al. 2016, Algorithm 3, where u = 1).
///
/// The first round is MxNE. Gap, primal and dual are those of the last convex problem, over the
/// locations that survived. The answer depends on `u`, the [`AmplitudeUnit`]. With
/// [`Surrogate::Evidence`] the objective is gamma-MAP's, which has no unit. With
/// [`Options::time_frequency`](crate::Options) it is irTF-MxNE.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Reweight, solve_irmxne};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.6], [0.0, 0.8]].view(), 1)?;
/// let data = array![[4.0], [0.5]];
/// let (reweight, options) = (Reweight::default(), Options::default());
/// let solution = solve_irmxne(&gain, data.view(), 0.5, &reweight, &options)?;
/// let reweighting = solution.reweighting.as_ref().ok_or("no reweighting")?;
/// assert!(reweighting.n_reweights <= 10);
/// assert_eq!(solution.sources.locations, [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn solve_irmxne<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    reweight: &Reweight,
    options: impl Into<Run<'a>>,
) -> Result<Solution, Error> {
    let run = options.into();
    reweight.check_with(run.options)?;
    let clock = run.clock();
    let mut watch = Watch::start(&clock, run.options.stopping.max_iter);
    let data = Scaled::new(gain, data)?;
    let mut setup = Setup::new(gain, &data, alpha, run.options, &clock)?;
    if reweight.surrogate == Surrogate::Evidence {
        return evidence(setup, gain, alpha, reweight, watch);
    }
    let (first, descent) = solve_from_the_start(&mut setup, gain, alpha, &mut watch)?;
    reweighted((setup, descent), gain, first, alpha, reweight, watch)
}

/// The rounds after the first one, whose answer is `first`.
pub(crate) fn reweighted<'a>(
    (setup, mut descent): (Setup<'a>, Descent),
    gain: &'a Gain,
    first: Descended,
    alpha: f64,
    reweight: &Reweight,
    watch: Watch,
) -> Result<Solution, Error> {
    let largest = first.iterate.norms(gain.n_orient()).into_iter().fold(0.0, f64::max);
    setup.units.check_source(largest, f64::INFINITY, 0.0)?;
    let unit = match largest {
        0.0 => Unit::number(1.0, setup.units),
        _ => Unit::of(
            (reweight.amplitude_unit, reweight.surrogate),
            largest,
            setup.units,
            || gain.typical_norm(),
            || setup.largest_correlation(gain),
        )?,
    };
    // A location at zero has an infinite weight under the square root: only the survivors' gain is
    // needed.
    let (within, part) = match reweight.surrogate {
        Surrogate::Sqrt => {
            let within = memory::copied(WHAT, &first.iterate.locations)?;
            let part = gain.select(&within, &Clock::endless()).map_err(Halt::into_error)?;
            descent = setup.strategy().start(&part);
            (within, Cow::Owned(part))
        }
        _ => (memory::gathered(WHAT, 0..gain.n_locations())?, Cow::Borrowed(gain)),
    };
    let base = memory::gathered(WHAT, within.iter().map(|&s| setup.weight(s)))?;
    let scaled = setup.units.alpha(alpha)?;
    let concave = ConcavePenalty::new(reweight.surrogate, unit, largest);
    let norms =
        Norms { base: memory::copied(WHAT, &base)?, alpha: scaled, concave, units: setup.units };
    let majorant: Box<dyn Majorant> =
        match setup.sparse_group_norm(scaled, memory::copied(WHAT, &base)?)? {
            None => Box::new(norms),
            Some(penalty) => Box::new(CoefficientNorms { norms, penalty }),
        };
    let (first, objectives) = (named_within(first, &within), Vec::new());
    let problems = Problems {
        part,
        majorant,
        descent,
        last: first,
        weights: base,
        new: None,
        objectives,
        setup,
    };
    let amplitude_unit = unit.in_units(problems.setup.units);
    finish(problems, (gain, &within), alpha, (reweight, amplitude_unit), watch)
}

/// Solves gamma-MAP: all locations stay in it, and the first round has weights, too.
fn evidence<'a>(
    mut setup: Setup<'a>,
    gain: &'a Gain,
    alpha: f64,
    reweight: &Reweight,
    mut watch: Watch,
) -> Result<Solution, Error> {
    let majorant = Evidence::new(&setup, gain, alpha)?;
    let weights = match majorant.first_weights(gain) {
        Err(Halt::OutOfTime) => memory::gathered(WHAT, (0..gain.n_locations()).map(|_| 1.0))?,
        weights => weights.map_err(Halt::into_error)?,
    };
    let penalty = majorant.penalty_of(&weights)?;
    let (last, descent) = {
        let start = setup.start(gain, penalty.as_ref())?;
        solve_from(start, &mut setup, gain, penalty.as_ref(), &mut watch)?
    };
    let within: Vec<usize> = memory::gathered(WHAT, 0..gain.n_locations())?;
    let (majorant, part, objectives) = (Box::new(majorant), Cow::Borrowed(gain), Vec::new());
    let problems =
        Problems { part, majorant, descent, last, weights, new: None, objectives, setup };
    finish(problems, (gain, &within), alpha, (reweight, 1.0), watch)
}

/// Runs the rounds and makes the solution.
fn finish(
    mut problems: Problems,
    (gain, within): (&Gain, &[usize]),
    alpha: f64,
    (reweight, amplitude_unit): (&Reweight, f64),
    mut watch: Watch,
) -> Result<Solution, Error> {
    let n_active_first = problems.last.iterate.locations.len();
    let mut rounds = problems.first_round()?;
    let scale = problems.last.certificate.scale;
    rounds.run(&mut problems, (reweight.n_reweights, reweight.tol_reweight), scale, &mut watch)?;
    let Problems { setup, last, weights: of_part, majorant, mut objectives, .. } = problems;
    // Locations outside of the part were left at zero after the first round.
    let outside = |s: usize| if rounds.n_reweights > 1 { f64::INFINITY } else { setup.weight(s) };
    let mut weights = memory::gathered(WHAT, (0..gain.n_locations()).map(outside))?;
    within.iter().zip(of_part).for_each(|(&s, w)| weights[s] = majorant.weight_in_units(w));
    let Descended { mut iterate, certificate, misfit, .. } = last;
    iterate.locations.iter_mut().for_each(|s| *s = within[*s]);
    objectives.iter_mut().for_each(|value| *value = majorant.objective_in_units(*value));
    Ok(Solution {
        sources: setup.sources(&iterate, alpha)?,
        coefficients: setup.coefficients(&iterate)?,
        certificate: certificate.in_units(setup.units),
        status: rounds.status,
        alpha,
        explained_variance: setup.explained_variance(misfit),
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: in_units(watch, &setup),
        reweighting: Some(Reweighting {
            objectives,
            weights,
            n_reweights: rounds.n_reweights,
            converged: rounds.converged,
            amplitude_unit,
            n_active_first,
        }),
    })
}

impl Reweight {
    /// Refuses what does not go with the options.
    pub(crate) fn check_with(&self, options: &Options) -> Result<(), Error> {
        self.check()?;
        match &options.time_frequency {
            Some(TimeFrequency { l1_ratio, .. })
                if *l1_ratio > 0.0 && self.surrogate != Surrogate::Sqrt =>
            {
                let remedy = "TF-MxNE is reweighted with the square root only: give 0";
                Err(Error::Parameter { name: "l1_ratio", value: *l1_ratio, remedy })
            }
            _ => Ok(()),
        }
    }

    /// Refuses the evidence where the first round has to be MxNE.
    pub(crate) fn check_begins_with_mxne(&self) -> Result<(), Error> {
        let remedy = "its alpha is a noise variance, so it is solved for one alpha: give \"sqrt\" \
                      or \"log\" here";
        match self.surrogate {
            Surrogate::Evidence => Err(Error::Evidence { remedy }),
            _ => Ok(()),
        }
    }

    /// Refuses counts and units that are out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.n_reweights == 0 {
            let remedy = "give at least one convex problem (1 is MxNE)";
            return Err(Error::Parameter { name: "n_reweights", value: 0.0, remedy });
        }
        if !(self.tol_reweight >= 0.0 && self.tol_reweight.is_finite()) {
            let remedy = "give zero or a positive number such as 1e-6";
            let value = self.tol_reweight;
            return Err(Error::Parameter { name: "tol_reweight", value, remedy });
        }
        self.amplitude_unit.check()
    }
}

/// Renames the locations of an answer to their places in `within`, which holds all of them, rising.
fn named_within(mut answer: Descended, within: &[usize]) -> Descended {
    let place = |s: &mut usize| *s = within.partition_point(|c| c < s);
    answer.iterate.locations.iter_mut().for_each(place);
    answer
}
