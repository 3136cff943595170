//! irMxNE: a non-convex penalty by repeated convex problems with new weights.

mod concave;
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
pub(crate) use concave::Concave;
pub use concave::Surrogate;
use ndarray::ArrayView2;
use std::borrow::Cow;
pub use unit::AmplitudeUnit;
pub(crate) use unit::Unit;

/// What the memory is for.
const WHAT: &str = "the weights";

/// A rise of the objective by less than this part of it is no rise.
const ROUNDING: f64 = 1e-14;

/// How often and how far to reweight.
#[derive(Debug, Clone, Copy)]
pub struct Reweight {
    /// convex problems at most, the first (unweighted) included (default 100); 1 is MxNE
    pub n_reweights: usize,
    /// change of the amplitudes, relative to the largest, at which reweighting has converged (default 1e-6)
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

/// irMxNE: lowers `1/2 |M - G X|_F^2 + alpha u sum_s w_s g(|X_s|_F / u) + ridge/2 |X|_F^2` for the concave `g` of the
/// surrogate by convex problems weighted with `g'(|X_s|_F / u)` (Strohmeier et al. 2016, Algorithm 3, where u = 1).
///
/// The first round is MxNE. Gap, primal and dual are those of the last convex problem, over the locations that
/// survived. The answer depends on `u`, the [`AmplitudeUnit`].
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
/// let solution = solve_irmxne(&gain, data.view(), 0.5, &Reweight::default(), &Options::default())?;
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
    let unit = match largest {
        0.0 => Unit::number(1.0, setup.units),
        _ => Unit::of(reweight, &setup, gain, largest)?,
    };
    let concave = match largest {
        0.0 => reweight.surrogate.with_largest(0.0),
        _ => reweight.surrogate.with_largest(unit.amplitude(largest)),
    };
    // A location at zero has an infinite weight under the square root: only the survivors' gain is needed.
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
    let mut rounds = Rounds {
        part,
        base: memory::gathered(WHAT, within.iter().map(|&s| weights[s]))?,
        alpha,
        concave,
        unit,
        setup,
        tol: reweight.tol_reweight,
    };
    let start = rounds.first(first, &within)?;
    let end = rounds.run(start, reweight.n_reweights, &mut descent, &mut watch)?;

    if end.n_reweights > 1 {
        weights.fill(f64::INFINITY);
        within.iter().zip(&end.weights).for_each(|(&s, &w)| weights[s] = w);
    }
    let Descended { mut iterate, certificate, status, misfit, .. } = end.answer;
    iterate.locations.iter_mut().for_each(|s| *s = within[*s]);
    let Rounds { setup, .. } = rounds;
    Ok(Solution {
        sources: setup.sources(&iterate, alpha)?,
        certificate: certificate.in_units(setup.units),
        status,
        alpha,
        explained_variance: setup.explained_variance(misfit),
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: in_units(watch, &setup),
        reweighting: Some(Reweighting {
            objective: setup.units.energy(end.objective),
            weights,
            n_reweights: end.n_reweights,
            converged: end.converged,
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

/// The answer of one round and what it took.
struct Round {
    answer: Descended,
    weights: Vec<f64>,
    objective: f64,
    n_reweights: usize,
    converged: bool,
}

struct Rounds<'a> {
    /// the gain of the locations that may be non-zero
    part: Cow<'a, Gain>,
    /// the user's weights there
    base: Vec<f64>,
    alpha: f64,
    concave: Concave,
    unit: Unit,
    setup: Setup<'a>,
    tol: f64,
}

impl Rounds<'_> {
    /// The round that was MxNE, its locations named as in the part.
    fn first(&self, mut answer: Descended, within: &[usize]) -> Result<Round, Error> {
        let at = |s: &mut usize| *s = within.partition_point(|c| c < s);
        answer.iterate.locations.iter_mut().for_each(at);
        let nothing = answer.iterate.locations.is_empty();
        Ok(Round {
            converged: nothing && answer.status == Status::Converged,
            weights: memory::copied(WHAT, &self.base)?,
            objective: self.objective(&answer)?,
            n_reweights: 1,
            answer,
        })
    }

    fn run(
        &mut self,
        start: Round,
        limit: usize,
        descent: &mut Descent,
        watch: &mut Watch,
    ) -> Result<Round, Error> {
        let goal = Goal { work_first: true, ..self.setup.goal() };
        let alpha = self.setup.units.alpha(self.alpha)?;
        let mut last = start;
        while last.n_reweights < limit && !last.converged && last.answer.status == Status::Converged
        {
            let weights = self.weights(&last.answer.iterate)?;
            let penalty = Penalty::new(alpha, Some(&weights), weights.len())?;
            let (part, start) = (self.part.as_ref(), &mut last.answer.iterate);
            let answer = match self.setup.solve(descent, part, &penalty, start, goal, watch) {
                Ok(answer) => answer,
                Err(Halt::OutOfTime) => {
                    last.answer.status = Status::TimeLimit;
                    return Ok(last);
                }
                Err(Halt::Failed(error)) => return Err(error),
            };
            let objective = self.objective(&answer)?;
            let converged = self.has_settled(&last.answer.iterate, &answer.iterate)?;
            let n_reweights = last.n_reweights + 1;
            let scale = answer.certificate.scale;
            if objective > last.objective + ROUNDING * (last.objective.abs() + scale) {
                last.answer.status = answer.status;
                return Ok(Round { n_reweights, converged, ..last });
            }
            last = Round { answer, weights, objective, n_reweights, converged };
        }
        Ok(last)
    }

    fn weights(&self, iterate: &Iterate) -> Result<Vec<f64>, Error> {
        let amplitudes = self.amplitudes(iterate)?;
        // A weight that vanishes would be none, and one that overflows would exclude a location that is not at zero.
        let weight = |(base, &amplitude): (&f64, &f64)| {
            let most = if amplitude > 0.0 { f64::MAX } else { f64::INFINITY };
            (base * self.concave.weight(amplitude)).clamp(f64::from_bits(1), most)
        };
        memory::gathered(WHAT, self.base.iter().zip(&amplitudes).map(weight))
    }

    /// `|X_s|_F / u` of every location.
    fn amplitudes(&self, iterate: &Iterate) -> Result<Vec<f64>, Error> {
        let mut amplitudes = memory::zeros(WHAT, self.base.len())?;
        for (&s, norm) in iterate.locations.iter().zip(iterate.norms(self.part.n_orient())) {
            amplitudes[s] = self.unit.amplitude(norm);
        }
        Ok(amplitudes)
    }

    /// The non-convex objective, in the units of the scaled problem.
    fn objective(&self, answer: &Descended) -> Result<f64, Error> {
        let amplitudes = self.amplitudes(&answer.iterate)?;
        let allowed = self.base.iter().zip(&amplitudes).filter(|(base, _)| base.is_finite());
        let penalty: f64 = allowed.map(|(base, &y)| base * self.concave.value(y)).sum();
        let smooth = self.setup.smooth(answer);
        if penalty == 0.0 {
            return Ok(smooth);
        }
        let alpha = self.setup.units.alpha(self.alpha)?;
        Ok(smooth + self.unit.times(alpha * penalty))
    }

    /// Same support, and no amplitude moved by more than the tolerance.
    fn has_settled(&self, before: &Iterate, after: &Iterate) -> Result<bool, Error> {
        if before.locations != after.locations {
            return Ok(false);
        }
        let o = self.part.n_orient();
        let mut moved = after.copy()?;
        crate::problem::convex::add_scaled(moved.x.lanes_mut(), -1.0, before.x.lanes());
        let largest = |iterate: &Iterate| iterate.norms(o).into_iter().fold(0.0, f64::max);
        Ok(largest(&moved) <= self.tol * largest(after))
    }
}
