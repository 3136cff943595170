//! Newton's steps against finite differences, against epochs alone, and where they are not defined.

use super::*;
use crate::machine::clock::Progress;
use crate::method::drive::{EpochProblem, Workspace, drive};
use crate::method::gram::Gram;
use crate::method::solver::Epoch;
use crate::method::solver::bcd::Bcd;
use crate::method::stopping::{Goal, Watch};
use crate::problem::gain::Gain;
use crate::problem::solution::{Certificate, Status};
use ndarray::Array2;
use proptest::prelude::*;

/// Block coordinate descent with Newton's steps as soon as a round of epochs did not suffice, or
/// never.
struct Forced {
    bcd: Bcd,
    polishes: bool,
}

fn always() -> Forced {
    Forced { bcd: Bcd::default(), polishes: true }
}

fn never() -> Forced {
    Forced { bcd: Bcd::default(), polishes: false }
}

impl Epoch for Forced {
    fn restart(&mut self) {
        self.bcd.restart();
    }

    fn epoch(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        self.bcd.epoch(quadratic, penalty, x, clock)
    }

    fn cost_of_polish(&self, _quadratic: &dyn Quadratic, _x: &Panel) -> Option<f64> {
        self.polishes.then_some(0.0)
    }

    fn polish(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &GroupNorm,
        x: &mut Panel,
        aim: Aim,
        clock: &Clock,
    ) -> Result<(), Halt> {
        self.bcd.polish(quadratic, penalty, x, aim, clock)
    }
}

/// A gain whose columns overlap, the more the smaller `spread` is, data of its sources, a penalty.
struct Case {
    gram: Gram,
    penalty: GroupNorm,
    scale: f64,
    rows: usize,
    n_times: usize,
}

impl Case {
    fn new(
        (n_locations, n_orient, n_times): (usize, usize, usize),
        spread: f64,
        part: f64,
        weights: Option<&[f64]>,
    ) -> Result<Self, Halt> {
        let n = 30;
        // Bumps over the sensors, `spread` sensors apart, and their moments as orientations.
        let bump = |(i, j): (usize, usize)| {
            let centre = 2.0 + ((j / n_orient) as f64 * spread) % 26.0;
            let distance = (i as f64 - centre) / 5.0;
            (-0.5 * distance * distance).exp() * (distance + 1.0).powi((j % n_orient) as i32)
        };
        let array = Array2::from_shape_fn((n, n_locations * n_orient), bump);
        let data = Array2::from_shape_fn((n, n_times), |(i, t)| {
            let course = |k: usize| ((0.4 + 0.1 * k as f64) * t as f64 + k as f64).sin();
            let noise = ((i * 31 + t * 17) % 101) as f64 / 500.0 - 0.1;
            (0..3).map(|k| array[[i, k * n_locations / 3 * n_orient]] * course(k)).sum::<f64>()
                + noise
        });
        let gain = Gain::new(array.view(), n_orient)?;
        let data = Panel::from_array(data.view())?;
        let mut gram = Gram::empty(&gain, &data, 0.0)?;
        let all: Vec<usize> = (0..n_locations).collect();
        gram.extend(&gain, &all, &data, &Clock::endless())?;
        let alpha = part * gram.largest_linear();
        let penalty = GroupNorm::new(alpha, weights, n_locations)?;
        let scale = 0.5 * kernels().energy(data.lanes());
        Ok(Case { gram, penalty, scale, rows: n_locations * n_orient, n_times })
    }

    /// Solves to a relative gap.
    fn solve(
        &mut self,
        solver: &mut dyn Epoch,
        gap: f64,
        max_iter: usize,
    ) -> Result<(Panel, Certificate, Status, usize), Halt> {
        let clock = Clock::endless();
        let mut watch = Watch::start(&clock, max_iter);
        let mut x = Panel::zeros(self.rows, self.n_times)?;
        let (penalty, scale) = (&self.penalty, self.scale);
        let problem = EpochProblem { quadratic: &mut self.gram, penalty, scale };
        let goal = Goal { gap: gap * scale, work_first: false };
        let mut workspace = Workspace::new(self.n_times)?;
        let (certificate, status) =
            drive(problem, solver, &mut x, goal, &mut watch, &mut workspace, |_, _, _| {})?;
        Ok((x, certificate, status, watch.n_iter))
    }

    /// Computes the objective, with the state loaded afresh.
    fn objective(&mut self, x: &Panel) -> Result<f64, Halt> {
        self.gram.load(x, &Clock::endless())?;
        Ok(0.5 * self.gram.energies(x).residual + self.penalty.value(x))
    }
}

/// Begins Newton's method at the answer of a few epochs.
fn begun(case: &mut Case) -> Result<(Newton, Panel), Halt> {
    let (x, ..) = case.solve(&mut never(), 1e-300, 3)?;
    let (o, clock) = (case.gram.n_orient(), Clock::endless());
    let mut newton = Newton::new()?;
    newton.support.extend(support(&x, o));
    newton.smooth.restrict(&case.gram, &case.penalty, &newton.support, x.n_times, &clock)?;
    newton.now.begin(&x, &newton.support, o)?;
    newton.smooth.data_energy = 2.0 * case.scale;
    assert!(newton.now.evaluate(&newton.smooth, &mut newton.system, &clock)?);
    Ok((newton, x))
}

/// `phi(eta) = 1/2 |M|^2 - 1/2 <X, G'M> + 1/2 sum_s a_s eta_s` at the norms given.
fn phi(newton: &mut Newton, eta: &[f64]) -> Result<f64, Halt> {
    newton.trial.eta = eta.to_vec();
    newton.trial.evaluate(&newton.smooth, &mut newton.system, &Clock::endless())?;
    let penalty: f64 = newton.smooth.thresholds.iter().zip(eta).map(|(a, eta)| a * eta).sum();
    let linear = newton.smooth.linear_part(&newton.trial);
    Ok(0.5 * (newton.smooth.data_energy - linear + penalty))
}

#[test]
fn derivatives_are_those_of_finite_differences() -> Result<(), Halt> {
    for n_orient in [1, 2, 3] {
        let mut case = Case::new((12, n_orient, 9), 2.0, 0.1, None)?;
        let (mut newton, _) = begun(&mut case)?;
        newton.differentiate(&Clock::endless())?;
        let (eta, gradient) = (newton.now.eta.clone(), newton.gradient.clone());
        let (n, stride) = (eta.len(), newton.curvature.stride());
        assert!(n >= 3);
        let curvature = newton.curvature.values().to_vec();
        let step = 1e-4;
        let mut at = |moves: &[(usize, f64)]| {
            let mut eta = eta.clone();
            moves.iter().for_each(|&(s, by)| eta[s] *= by.exp());
            phi(&mut newton, &eta)
        };
        for s in 0..n {
            let slope = (at(&[(s, step)])? - at(&[(s, -step)])?) / (2.0 * step);
            assert!((slope - gradient[s]).abs() < 1e-7 * case.scale, "{s}: {slope}");
            for t in 0..n {
                let corners = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)];
                let mut second = 0.0;
                for (a, b) in corners {
                    second += a * b * at(&[(s, a * step), (t, b * step)])?;
                }
                second /= 4.0 * step * step;
                // The size of the gradient stands on the diagonal, where the gradient belongs.
                let changed = if s == t { gradient[s] - gradient[s].abs() } else { 0.0 };
                let expected = curvature[s * stride + t] + changed;
                assert!((second - expected).abs() < 1e-5 * case.scale, "{s} {t}: {second}");
            }
        }
    }
    Ok(())
}

/// Columns so close that thousands of epochs do not do what a few dozen do with Newton's steps.
#[test]
fn steps_do_what_epochs_alone_do_not() -> Result<(), Halt> {
    for n_orient in [1, 3] {
        let mut case = Case::new((40, n_orient, 12), 0.65, 0.02, None)?;
        let (_, _, status, _) = case.solve(&mut never(), 1e-9, 1000)?;
        assert_eq!(status, Status::IterationLimit);
        let (_, certificate, status, n_iter) = case.solve(&mut always(), 1e-9, 1000)?;
        assert_eq!(status, Status::Converged, "{}", certificate.relative_gap());
        assert!(n_iter < 200, "{n_iter} epochs");
    }
    Ok(())
}

/// Where the columns overlap the first step, taken in full, raises the objective; damped it falls.
#[test]
fn steps_in_full_can_rise_and_are_damped() -> Result<(), Halt> {
    let mut case = Case::new((40, 1, 12), 0.1, 0.1, None)?;
    let (mut newton, x) = begun(&mut case)?;
    let clock = Clock::endless();
    newton.differentiate(&clock)?;
    assert!(newton.solve_step(&clock)?);
    let full: Vec<f64> = newton
        .now
        .eta
        .iter()
        .enumerate()
        .map(|(s, eta)| eta * newton.step.right(s)[0].exp())
        .collect();
    newton.trial.eta = full;
    let defined = newton.trial.evaluate(&newton.smooth, &mut newton.system, &clock)?;
    assert!(!defined || newton.trial.objective > newton.now.objective);

    let before = case.objective(&x)?;
    let (mut polished, aim) = (x.copy()?, Aim { gap: 0.0, scale: case.scale });
    Newton::new()?.polish(&mut case.gram, &case.penalty, &mut polished, aim, &clock)?;
    assert!(case.objective(&polished)? < before - 1e-6 * case.scale);
    Ok(())
}

#[test]
fn no_step_raises_the_objective() -> Result<(), Halt> {
    for spread in [0.02, 0.05, 0.1, 0.3, 0.65] {
        for part in [0.5, 0.1, 0.02] {
            let mut case = Case::new((40, 1, 12), spread, part, None)?;
            let (mut newton, _) = begun(&mut case)?;
            for _ in 0..MAX_STEPS {
                let before = newton.now.objective;
                newton.advance(0.0, &Clock::endless())?;
                assert!(newton.now.objective <= before, "{spread} {part}");
            }
        }
    }
    Ok(())
}

/// Locations given twice and a penalty that vanishes beside the gain: the matrix is singular to
/// the last digit, and X stays as it is.
#[test]
fn a_singular_matrix_leaves_the_sources_as_they_are() -> Result<(), Halt> {
    let gain = Gain::new(Array2::ones((4, 6)).view(), 1)?;
    let data = Panel::from_array(Array2::from_shape_fn((4, 3), |(i, t)| (i + t) as f64).view())?;
    let clock = Clock::endless();
    let mut gram = Gram::empty(&gain, &data, 0.0)?;
    gram.extend(&gain, &[0, 1, 2, 3, 4, 5], &data, &clock)?;
    let penalty = GroupNorm::new(1e-20, None, 6)?;
    let mut x =
        Panel::from_array(Array2::from_shape_fn((6, 3), |(i, t)| (i * t + 1) as f64).view())?;
    let before = x.copy()?;
    gram.load(&x, &clock)?;
    let aim = Aim { gap: 0.0, scale: 1.0 };
    Newton::new()?.polish(&mut gram, &penalty, &mut x, aim, &clock)?;
    assert_eq!(x, before);
    Ok(())
}

#[test]
fn steps_stop_where_the_monitor_says_so() -> Result<(), Halt> {
    let mut case = Case::new((40, 3, 12), 0.65, 0.02, None)?;
    let (_, mut x) = begun(&mut case)?;
    let stop = |_: Progress| false;
    let clock = Clock::start(None, Some(&stop));
    let aim = Aim { gap: 0.0, scale: case.scale };
    // The monitor is asked every 20 ms.
    for _ in 0..10_000 {
        case.gram.load(&x, &Clock::endless())?;
        let polished = Newton::new()?.polish(&mut case.gram, &case.penalty, &mut x, aim, &clock);
        if matches!(polished, Err(Halt::Failed(Error::Interrupted))) {
            return Ok(());
        }
        let checked = clock.check();
        if checked.is_err() {
            return Ok(());
        }
    }
    panic!("the monitor was not asked")
}

/// Compares the answer to that of epochs alone: it is no worse, and no further from the optimum
/// than the dual value allows; what epochs alone can reach is reached.
fn agrees_with_epochs(case: &mut Case) -> Result<bool, Halt> {
    let (_, ours, status, _) = case.solve(&mut always(), 1e-10, 3000)?;
    let (_, alone, ended, _) = case.solve(&mut never(), 1e-10, 3000)?;
    let floor = 1e-9 * case.scale;
    let is_between = (alone.dual - floor..=alone.primal + floor).contains(&ours.primal);
    Ok(is_between && (status == Status::Converged || ended != Status::Converged))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        ..ProptestConfig::default()
    })]

    #[test]
    fn answers_are_those_of_epochs(
        n_locations in 1usize..30,
        n_orient in 1usize..5,
        n_times in 1usize..20,
        spread in prop::sample::select(vec![0.0, 1e-6, 1e-3, 0.1, 1.0]),
        part in prop::sample::select(vec![0.01, 0.1, 0.5, 0.9]),
        decades in prop::collection::vec(-3.0..3.0, 30),
        weighted in any::<bool>(),
    ) {
        let weights: Vec<f64> = decades.iter().map(|d: &f64| 10_f64.powf(*d)).collect();
        let weights = weighted.then_some(&weights[..n_locations]);
        let case = Case::new((n_locations, n_orient, n_times), spread, part, weights);
        let agrees = case.and_then(|mut case| agrees_with_epochs(&mut case));
        prop_assert!(agrees.is_ok_and(|agrees| agrees));
    }
}
