//! The other penalties: TF-MxNE with its reweighting, and gamma-MAP.

use crate::case::{Case, Range};
use crate::checks::{Finding, Outcome, ensure};
use mxne_rs::{
    Error, Gain, Options, Reweight, Solution, Status, Stft, Surrogate, TimeFrequency, solve_irmxne,
    solve_irtf_mxne, solve_tf_mxne, tf_alpha_max, tf_duality_gap,
};

/// A gap that rounding of one certificate may add to another.
const ROUNDING: f64 = 1e-9;

fn penalty(seed: u64) -> TimeFrequency {
    let ratios = [1e-9, 1e-3, 0.03, 0.3, 0.97, 1.0];
    let frames: [&[(usize, usize)]; 5] =
        [&[(4, 2)], &[(8, 4)], &[(16, 4)], &[(16, 2), (4, 2)], &[(64, 8)]];
    let stft = |&(wsize, tstep): &(usize, usize)| Stft { wsize, tstep };
    TimeFrequency {
        l1_ratio: ratios[seed as usize % ratios.len()],
        stfts: frames[(seed >> 8) as usize % frames.len()].iter().map(stft).collect(),
    }
}

/// What holds of every answer.
fn sane(case: &Case, solution: &Solution) -> Result<(), Finding> {
    let gap = solution.certificate.relative_gap();
    ensure!(gap >= 0.0 && !gap.is_nan(), "gap", "{gap}");
    ensure!(solution.sources.coef.iter().all(|v| v.is_finite()), "not finite", "{solution:?}");
    match solution.status {
        Status::Converged => ensure!(gap <= case.tol, "status", "converged at {gap:e}"),
        Status::TimeLimit => ensure!(case.time_limit.is_some(), "status", "no time limit"),
        _ => {}
    }
    ensure!(falls(solution), "objective", "{:?}", solution.reweighting);
    Ok(())
}

/// Tells whether no round raises the objective by more than rounding, which is that of the data.
pub fn falls(solution: &Solution) -> bool {
    let Some(rounds) = &solution.reweighting else { return true };
    let scale = solution.certificate.scale;
    // Both may be infinite, where double precision cannot hold them.
    let falls =
        |pair: &[f64]| pair[1] == pair[0] || pair[1] <= pair[0] + 1e-13 * (pair[0].abs() + scale);
    !rounds.objectives.is_empty() && rounds.objectives.windows(2).all(falls)
}

fn words(case: &Case, solution: &Solution) -> Outcome {
    let log = |n: usize| (n + 1).ilog2();
    let active = log(solution.sources.locations.len());
    format!("{:?} {:?} {} {active}", case.verb, case.solver, solution.status.name())
}

/// Solves TF-MxNE, and irTF-MxNE where reweighting is asked for; certifies the coefficients again.
pub fn time_frequency(
    case: &Case,
    gain: &Gain,
    options: &dyn Fn(usize) -> Options,
) -> Result<Result<Outcome, Finding>, Error> {
    let (data, penalty) = (case.data[0].view(), penalty(case.seed));
    let options = |threads| Options { ridge: 0.0, init: None, ..options(threads) };
    let largest = tf_alpha_max(gain, data, &penalty, &options(1))?;
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let alpha = (case.alpha_parts[0] * unit).clamp(f64::MIN_POSITIVE, f64::MAX);
    let rounds = case.reweight.map(|r| Reweight { surrogate: Surrogate::Sqrt, ..r });
    let solve = |threads| match &rounds {
        None => solve_tf_mxne(gain, data, alpha, &penalty, &options(threads)),
        Some(rounds) => solve_irtf_mxne(gain, data, alpha, &penalty, rounds, &options(threads)),
    };
    let solution = solve(1)?;
    let again = match (&solution.coefficients, rounds) {
        (Some(z), None) => Some(tf_duality_gap(gain, data, z, alpha, &penalty, &options(1))?),
        _ => None,
    };
    let repeated = if case.compare_threads { Some(solve(2)?) } else { None };
    let judge = || {
        sane(case, &solution)?;
        ensure!(solution.coefficients.is_some(), "coefficients", "none");
        let gap = solution.certificate.relative_gap();
        let is_done = solution.status == Status::Converged && case.range == Range::Ordinary;
        if let (Some(again), true) = (again, is_done) {
            let error = (again.relative_gap() - gap).abs();
            ensure!(error <= ROUNDING * (1.0 + gap), "tf gap", "{gap:e}, then {again:?}");
        }
        if let (Some(other), None) = (&repeated, case.time_limit) {
            let same = other.sources == solution.sources;
            ensure!(same && other.coefficients == solution.coefficients, "threads", "other bits");
        }
        Ok(words(case, &solution))
    };
    Ok(judge())
}

/// Maximises the evidence, at a variance of the noise beside that of the data.
pub fn evidence(
    case: &Case,
    gain: &Gain,
    options: &dyn Fn(usize) -> Options,
) -> Result<Result<Outcome, Finding>, Error> {
    let data = &case.data[0];
    let largest = data.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    let variance = if largest > 0.0 { case.alpha_parts[0] * largest * largest } else { 1.0 };
    let alpha = variance * (data.ncols() as f64).sqrt();
    if !(f64::MIN_POSITIVE..=f64::MAX).contains(&alpha) {
        return Ok(Ok("evidence: beyond numbers".into()));
    }
    let excluded = |w: &f64| if w.is_finite() { 1.0 } else { f64::INFINITY };
    let one = options(1);
    let weights = one.weights.as_ref().map(|weights| weights.iter().map(excluded).collect());
    let options = Options { ridge: 0.0, init: None, weights, ..one };
    let rounds = case.reweight.unwrap_or_default();
    let rounds = Reweight { surrogate: Surrogate::Evidence, n_reweights: 20, ..rounds };
    let solution = solve_irmxne(gain, data.view(), alpha, &rounds, &options)?;
    let judge = || {
        sane(case, &solution)?;
        let weights = solution.reweighting.as_ref().map(|r| r.weights.clone()).unwrap_or_default();
        ensure!(weights.iter().all(|w| *w > 0.0), "reweighting", "{weights:?}");
        Ok(words(case, &solution))
    };
    Ok(judge())
}
