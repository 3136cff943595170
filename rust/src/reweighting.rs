//! irMxNE: a non-convex penalty by repeated convex problems with new weights.

use crate::error::Error;
use crate::gain::Gain;
use crate::penalty::Penalty;
use crate::problem::{Iterate, Problem};
use crate::setup::{Options, Setup};
use crate::solution::{Certificate, Reweighting, Solution, Status};
use crate::stopping::{Goal, Watch};
use crate::working_set::{Descended, Descent};
use ndarray::ArrayView2;
use std::borrow::Cow;

/// Part of the largest amplitude of the first round that smooths the log surrogate.
const LOG_EPS: f64 = 0.01;

/// A rise of the objective by less than this part of it is no rise.
const ROUNDING: f64 = 1e-14;

/// The concave function of `|X_s|_F` in the place of the norm itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surrogate {
    /// `sqrt(|X_s|)`: the L0.5 quasi-norm; a location at zero stays there (Strohmeier et al. 2016, equation 2).
    #[default]
    Sqrt,
    /// `log(|X_s| + eps)`, eps a hundredth of the largest `|X_s|` of the first round; a location may return.
    Log,
}

/// How often and how far to reweight.
#[derive(Debug, Clone, Copy)]
pub struct Reweight {
    /// convex problems at most, the first (unweighted) included (default 10); 1 is MxNE
    pub n_reweights: usize,
    /// change of the amplitudes, relative to the largest, at which reweighting has converged (default 1e-6)
    pub tol_reweight: f64,
    /// the penalty
    pub surrogate: Surrogate,
}

impl Default for Reweight {
    fn default() -> Self {
        Reweight { n_reweights: 10, tol_reweight: 1e-6, surrogate: Surrogate::Sqrt }
    }
}

/// irMxNE: lowers `1/2 |M - G X|_F^2 + alpha sum_s w_s g(|X_s|_F) + ridge/2 |X|_F^2` for the concave `g` of the surrogate
/// by convex problems weighted with `g'(|X_s|_F)` (Strohmeier et al. 2016, Algorithm 3).
///
/// The first round is MxNE. Gap, primal and dual are those of the last convex problem, over the locations that
/// survived. Unlike MxNE the answer depends on units: scaling gain and alpha together changes it.
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
pub fn solve_irmxne(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    reweight: &Reweight,
    options: &Options,
) -> Result<Solution, Error> {
    reweight.check()?;
    let mut setup = Setup::new(gain, data, alpha, options)?;
    let penalty = Penalty::new(alpha, options.weights, gain.n_locations());
    let mut watch = Watch::start(options.stopping);
    let mut descent = setup.strategy().start(gain);
    let (mut start, goal) = (setup.start(gain, &penalty)?, setup.goal());
    let first = setup.solve(&mut descent, (gain, &penalty), &mut start, goal, &mut watch)?;
    reweighted((setup, descent), gain, first, alpha, reweight, &mut watch)
}

/// The rounds after the first one, whose answer is `first`.
pub(crate) fn reweighted<'a>(
    (setup, mut descent): (Setup<'a>, Descent),
    gain: &'a Gain,
    first: Descended,
    alpha: f64,
    reweight: &Reweight,
    watch: &mut Watch,
) -> Result<Solution, Error> {
    let n_locations = gain.n_locations();
    let base = setup.weights().map_or_else(|| vec![1.0; n_locations], <[f64]>::to_vec);
    let (certificate, status, first) = (first.certificate, first.status, first.iterate);
    let norms = first.norms(gain.n_orient());
    let concave = Concave {
        surrogate: reweight.surrogate,
        eps: LOG_EPS * norms.iter().fold(0.0, |a: f64, &b| a.max(b)),
    };
    // A location at zero has an infinite weight under the square root: only the survivors' gain is needed.
    let within: Vec<usize> = match reweight.surrogate {
        Surrogate::Sqrt => first.locations.clone(),
        Surrogate::Log => (0..n_locations).collect(),
    };
    let mut rounds = Rounds {
        part: match reweight.surrogate {
            Surrogate::Sqrt => Cow::Owned(gain.select(&within)?),
            Surrogate::Log => Cow::Borrowed(gain),
        },
        base: within.iter().map(|&s| base[s]).collect(),
        alpha,
        concave,
        setup,
        tol: reweight.tol_reweight,
    };
    if reweight.surrogate == Surrogate::Sqrt {
        descent = rounds.setup.strategy().start(&rounds.part);
    }
    let at = |s: &usize| within.partition_point(|c| c < s);
    let iterate = Iterate { locations: first.locations.iter().map(at).collect(), x: first.x };
    let weights = rounds.base.clone();
    let objective = rounds.objective(&iterate);
    let n_reweights = 1;
    let converged = iterate.locations.is_empty();
    let start = Round { iterate, certificate, status, weights, objective, n_reweights, converged };
    let end = rounds.run(start, reweight.n_reweights, &mut descent, watch)?;

    let mut weights = vec![f64::INFINITY; n_locations];
    if end.n_reweights == 1 {
        weights = base;
    } else {
        within.iter().zip(&end.weights).for_each(|(&s, &w)| weights[s] = w);
    }
    let explained_variance = rounds.setup.explained_variance(&rounds.part, &end.iterate);
    let locations = end.iterate.locations.iter().map(|&i| within[i]).collect();
    Ok(Solution {
        sources: rounds.setup.sources(&Iterate { locations, x: end.iterate.x }),
        certificate: end.certificate,
        status: end.status,
        alpha,
        explained_variance,
        n_iter: watch.n_iter,
        elapsed: watch.elapsed().as_secs_f64(),
        history: watch.history.clone(),
        reweighting: Some(Reweighting {
            objective: end.objective,
            weights,
            n_reweights: end.n_reweights,
            converged: end.converged,
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
        Ok(())
    }
}

/// `g` and its derivative.
#[derive(Clone, Copy)]
struct Concave {
    surrogate: Surrogate,
    eps: f64,
}

impl Concave {
    fn value(self, norm: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => norm.sqrt(),
            Surrogate::Log => (norm + self.eps).ln(),
        }
    }

    fn weight(self, norm: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => 0.5 / norm.sqrt(),
            Surrogate::Log => 1.0 / (norm + self.eps),
        }
    }
}

/// The answer of one round and what it took.
struct Round {
    iterate: Iterate,
    certificate: Certificate,
    status: Status,
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
    setup: Setup<'a>,
    tol: f64,
}

impl Rounds<'_> {
    fn run(
        &mut self,
        start: Round,
        limit: usize,
        descent: &mut Descent,
        watch: &mut Watch,
    ) -> Result<Round, Error> {
        let goal = Goal { work_first: true, ..self.setup.goal() };
        let mut last = start;
        while last.n_reweights < limit && !last.converged && last.status == Status::Converged {
            let weights = self.weights(&last.iterate);
            let penalty = Penalty::new(self.alpha, Some(&weights), weights.len());
            let part = (self.part.as_ref(), &penalty);
            let Descended { iterate, certificate, status, .. } =
                self.setup.solve(descent, part, &mut last.iterate, goal, watch)?;
            let objective = self.objective(&iterate);
            let converged = self.has_settled(&last.iterate, &iterate);
            let n_reweights = last.n_reweights + 1;
            let rounding = ROUNDING * (last.objective.abs() + certificate.scale);
            if objective > last.objective + rounding {
                return Ok(Round { n_reweights, converged, status, ..last });
            }
            last =
                Round { iterate, certificate, status, weights, objective, n_reweights, converged };
        }
        Ok(last)
    }

    fn weights(&self, iterate: &Iterate) -> Vec<f64> {
        let norms = self.norms(iterate);
        self.base.iter().zip(&norms).map(|(base, &norm)| base * self.concave.weight(norm)).collect()
    }

    /// |X_s|_F of every location.
    fn norms(&self, iterate: &Iterate) -> Vec<f64> {
        let mut norms = vec![0.0; self.base.len()];
        for (&s, norm) in iterate.locations.iter().zip(iterate.norms(self.part.n_orient())) {
            norms[s] = norm;
        }
        norms
    }

    /// The non-convex objective.
    fn objective(&self, iterate: &Iterate) -> f64 {
        let none = Penalty { thresholds: vec![f64::INFINITY; self.base.len()] };
        let problem: Problem = self.setup.problem(&self.part, &none);
        let norms = self.norms(iterate);
        let allowed = self.base.iter().zip(&norms).filter(|(base, _)| base.is_finite());
        let penalty: f64 = allowed.map(|(base, &norm)| base * self.concave.value(norm)).sum();
        problem.smooth(iterate) + self.alpha * penalty
    }

    /// Same support, and no amplitude moved by more than the tolerance.
    fn has_settled(&self, before: &Iterate, after: &Iterate) -> bool {
        if before.locations != after.locations {
            return false;
        }
        let o = self.part.n_orient();
        let mut moved = after.clone();
        crate::problem::add_scaled(moved.x.lanes_mut(), -1.0, before.x.lanes());
        let largest = |iterate: &Iterate| iterate.norms(o).into_iter().fold(0.0, f64::max);
        largest(&moved) <= self.tol * largest(after)
    }
}
