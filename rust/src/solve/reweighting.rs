//! irMxNE: a non-convex penalty by repeated convex problems with new weights.

mod concave;
mod penalty;
mod rounds;
mod unit;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::method::stopping::{Goal, Watch};
use crate::method::working_set::{Descended, Descent};
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use crate::problem::scaled::Scaled;
use crate::problem::solution::{Reweighting, Solution, Status};
use crate::solve::options::Run;
use crate::solve::setup::Setup;
use crate::solve::single::{in_units, solve_from_the_start};
pub use concave::Surrogate;
use ndarray::ArrayView2;
pub(crate) use penalty::ConcavePenalty;
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
/// locations that survived. The answer depends on `u`, the [`AmplitudeUnit`].
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
    reweight.check()?;
    let run = options.into();
    let clock = run.clock();
    let mut watch = Watch::start(&clock, run.options.stopping.max_iter);
    let data = Scaled::new(gain, data)?;
    let mut setup = Setup::new(gain, &data, alpha, run.options, &clock)?;
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
    mut watch: Watch,
) -> Result<Solution, Error> {
    let n_locations = gain.n_locations();
    let mut weights = memory::gathered(WHAT, (0..n_locations).map(|s| setup.weight(s)))?;
    let largest = first.iterate.norms(gain.n_orient()).into_iter().fold(0.0, f64::max);
    setup.units.check_source(largest, f64::INFINITY, 0.0)?;
    let n_active_first = first.iterate.locations.len();
    let Reweight { surrogate, .. } = *reweight;
    let unit = match largest {
        0.0 => Unit::number(1.0, setup.units),
        _ => Unit::of(
            (reweight.amplitude_unit, surrogate),
            largest,
            setup.units,
            || gain.typical_norm(),
            || setup.largest_correlation(gain),
        )?,
    };
    // A location at zero has an infinite weight under the square root: only the survivors' gain is
    // needed.
    let within = match reweight.surrogate {
        Surrogate::Sqrt => memory::copied(WHAT, &first.iterate.locations)?,
        Surrogate::Log => memory::gathered(WHAT, 0..n_locations)?,
    };
    let part = match reweight.surrogate {
        Surrogate::Sqrt => {
            let endless = Clock::endless();
            Cow::Owned(gain.select(&within, &endless).map_err(Halt::into_error)?)
        }
        Surrogate::Log => Cow::Borrowed(gain),
    };
    if reweight.surrogate == Surrogate::Sqrt {
        descent = setup.strategy().start(&part);
    }
    let mut problems = Problems {
        part,
        base: memory::gathered(WHAT, within.iter().map(|&s| weights[s]))?,
        alpha: setup.units.alpha(alpha)?,
        concave: ConcavePenalty::new(surrogate, unit, largest),
        descent: &mut descent,
        last: named_within(first, &within),
        weights: Vec::new(),
        new: None,
        setup,
    };
    let mut rounds = problems.first_round()?;
    let scale = problems.last.certificate.scale;
    rounds.run(&mut problems, (reweight.n_reweights, reweight.tol_reweight), scale, &mut watch)?;
    let Problems { setup, last, weights: of_part, .. } = problems;

    if rounds.n_reweights > 1 {
        weights.fill(f64::INFINITY);
        within.iter().zip(&of_part).for_each(|(&s, &w)| weights[s] = w);
    }
    let Descended { mut iterate, certificate, misfit, .. } = last;
    iterate.locations.iter_mut().for_each(|s| *s = within[*s]);
    Ok(Solution {
        sources: setup.sources(&iterate, alpha)?,
        certificate: certificate.in_units(setup.units),
        status: rounds.status,
        alpha,
        explained_variance: setup.explained_variance(misfit),
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: in_units(watch, &setup),
        reweighting: Some(Reweighting {
            objective: setup.units.energy(rounds.objective),
            weights,
            n_reweights: rounds.n_reweights,
            converged: rounds.converged,
            amplitude_unit: unit.in_units(setup.units),
            n_active_first,
        }),
    })
}

impl Reweight {
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

/// The convex problems of irMxNE, on the locations that may be non-zero.
struct Problems<'a, 'd> {
    /// the gain of these locations
    part: Cow<'a, Gain>,
    /// the user's weights there
    base: Vec<f64>,
    /// of the scaled problem
    alpha: f64,
    concave: ConcavePenalty,
    setup: Setup<'a>,
    descent: &'d mut Descent,
    /// the last answer, and the weights of which it is the answer
    last: Descended,
    weights: Vec<f64>,
    /// the answer of a round that is not accepted yet, and its weights
    new: Option<(Descended, Vec<f64>)>,
}

impl Problems<'_, '_> {
    /// Describes the round that was MxNE.
    fn first_round(&mut self) -> Result<Rounds, Error> {
        self.weights = memory::copied(WHAT, &self.base)?;
        let status = self.last.status;
        let nothing = self.last.iterate.locations.is_empty();
        Ok(Rounds {
            n_reweights: 1,
            status,
            objective: self.objective_of(&self.last)?,
            converged: nothing && status == Status::Converged,
        })
    }

    /// Returns `|X_s|_F` of every location.
    fn norms(&self, iterate: &Iterate) -> Result<Vec<f64>, Error> {
        let mut norms = memory::zeros(WHAT, self.base.len())?;
        let alive = iterate.locations.iter().zip(iterate.norms(self.part.n_orient()));
        alive.for_each(|(&s, norm)| norms[s] = norm);
        Ok(norms)
    }

    /// Computes the concave objective, in the units of the scaled problem.
    fn objective_of(&self, answer: &Descended) -> Result<f64, Error> {
        let norms = self.norms(&answer.iterate)?;
        let allowed = self.base.iter().zip(&norms).filter(|(base, _)| base.is_finite());
        let sum = allowed.map(|(base, &norm)| base * self.concave.value(norm)).sum();
        Ok(self.setup.smooth(answer) + self.concave.of_sum(self.alpha, sum))
    }
}

impl Reweighted for Problems<'_, '_> {
    fn solve(&mut self, watch: &mut Watch) -> Result<Status, Halt> {
        let norms = self.norms(&self.last.iterate)?;
        let pairs = self.base.iter().zip(&norms);
        let weights =
            memory::gathered(WHAT, pairs.map(|(&base, &norm)| self.concave.weight(base, norm)))?;
        let penalty = Penalty::new(self.alpha, Some(&weights), weights.len())?;
        let goal = Goal { work_first: true, ..self.setup.goal() };
        let part = self.part.as_ref();
        let start = &mut self.last.iterate;
        let answer = self.setup.solve(self.descent, part, &penalty, start, goal, watch)?;
        let status = answer.status;
        self.new = Some((answer, weights));
        Ok(status)
    }

    fn objective(&mut self) -> Result<f64, Error> {
        self.new.as_ref().map_or(Ok(f64::INFINITY), |(answer, _)| self.objective_of(answer))
    }

    fn has_settled(&mut self, tol: f64) -> Result<bool, Error> {
        let (before, after) = match &self.new {
            Some((after, _)) if after.iterate.locations == self.last.iterate.locations => {
                (&self.last.iterate, &after.iterate)
            }
            _ => return Ok(false),
        };
        let mut moved = after.copy()?;
        crate::problem::convex::add_scaled(moved.x.lanes_mut(), -1.0, before.x.lanes());
        let o = self.part.n_orient();
        let largest = |iterate: &Iterate| iterate.norms(o).into_iter().fold(0.0, f64::max);
        Ok(largest(&moved) <= tol * largest(after))
    }

    fn accept(&mut self) -> Result<(), Error> {
        if let Some((answer, weights)) = self.new.take() {
            (self.last, self.weights) = (answer, weights);
        }
        Ok(())
    }
}
