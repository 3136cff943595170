//! Laws of the public functions on random problems: prox, dual norm, duality gap, solvers.

use mxne_rs::{
    Error, Gain, Options, Reweight, Solver, Sources, Status, Stopping, Surrogate, Threads,
    alpha_max, debias, duality_gap, group_soft_threshold, solve_irmxne, solve_mxne,
};
use ndarray::{Array2, s};
use proptest::prelude::*;

fn norm(x: &Array2<f64>) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = Array2<f64>> {
    proptest::collection::vec(-1.0..1.0f64, rows * columns)
        .prop_map(move |v| Array2::from_shape_fn((rows, columns), |(i, j)| v[i * columns + j]))
}

/// Gain, data, n_orient and alpha as a part of alpha_max.
fn problem() -> impl Strategy<Value = (Array2<f64>, Array2<f64>, usize, f64)> {
    (2usize..9, 1usize..12, 1usize..4, 1usize..11, 0.05..0.95f64)
        .prop_flat_map(|(n, p, o, t, part)| (matrix(n, p * o), matrix(n, t), Just(o), Just(part)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// B = prox(B) + projection of B onto the ball of radius a.
    #[test]
    fn prox_and_projection_add_up(
        block in (1usize..5, 1usize..7).prop_flat_map(|(o, t)| matrix(o, t)),
        a in 0.0..2.0f64,
    ) {
        let mut shrunk = block.clone();
        group_soft_threshold(shrunk.view_mut(), a);
        let ball = &block - &shrunk;
        let rounding = 1e-14 * (a + norm(&block));
        prop_assert!(norm(&ball) <= a + rounding);
        if norm(&block) > a {
            prop_assert!((norm(&ball) - a).abs() <= rounding);
            // prox(B) is parallel to B.
            let along = (&shrunk * &block).sum();
            prop_assert!((along - norm(&shrunk) * norm(&block)).abs() <= 1e-13);
        } else {
            prop_assert!(shrunk.iter().all(|v| *v == 0.0));
        }
    }

    /// sum_s |X_s| * max_s |C_s| >= <X, C>, with equality for alpha_max at the best location.
    #[test]
    fn dual_norm_bounds_the_inner_product((g, m, o, _) in problem()) {
        let gain = Gain::new(g.view(), o)?;
        let dual = alpha_max(&gain, m.view(), &Options::default())?;
        let correlations = g.t().dot(&m);
        let block = |s: usize| correlations.slice(s![s * o..(s + 1) * o, ..]).to_owned();
        let largest = (0..gain.n_locations()).map(|s| norm(&block(s))).fold(0.0, f64::max);
        prop_assert!((dual - largest).abs() <= 1e-12 * (1.0 + largest));
        let x = correlations.mapv(|c| (c * 37.0).sin());
        let mixed: f64 = (0..gain.n_locations())
            .map(|s| norm(&x.slice(s![s * o..(s + 1) * o, ..]).to_owned()))
            .sum();
        prop_assert!((&x * &correlations).sum() <= mixed * dual * (1.0 + 1e-12) + 1e-12);
    }

    /// The gap is never negative, and bounds how far any X is above the optimum.
    #[test]
    fn gap_bounds_suboptimality(
        (g, m, o, part) in problem(),
        ridge in prop_oneof![Just(0.0), 0.01..1.0f64],
    ) {
        let gain = Gain::new(g.view(), o)?;
        let alpha = part * alpha_max(&gain, m.view(), &Options::default())? + 1e-9;
        let stopping = Stopping { tol: 1e-9, ..Stopping::default() };
        let options = Options { stopping, ridge, ..Options::default() };
        let best = solve_mxne(&gain, m.view(), alpha, &options)?;
        prop_assert_eq!(best.status, Status::Converged);
        prop_assert!(best.certificate.relative_gap() <= 1e-9);
        let x = g.t().dot(&m).mapv(|c| 0.1 * (c * 5.0).cos());
        let any = duality_gap(&gain, m.view(), &Sources::from_dense(x.view(), o), alpha, &options)?;
        prop_assert!(any.primal - any.dual >= -1e-12 * any.scale);
        prop_assert!(any.primal - best.certificate.primal <= any.gap() + 1e-9 * any.scale);
        // What the solver says of its answer holds on the unrotated problem.
        let again = duality_gap(&gain, m.view(), &best.sources, alpha, &options)?;
        prop_assert!(again.relative_gap() <= 1e-9 + 1e-13);
        let rounding = 1e-12 * (again.scale + again.primal);
        prop_assert!((again.primal - best.certificate.primal).abs() <= rounding);
    }

    /// Both solvers, on a working set and on all locations, reach the same objective.
    #[test]
    fn solvers_agree((g, m, o, part) in problem()) {
        let gain = Gain::new(g.view(), o)?;
        let alpha = part * alpha_max(&gain, m.view(), &Options::default())? + 1e-9;
        let mut primals = Vec::new();
        for solver in [Solver::Bcd, Solver::Fista] {
            for active_set_size in [None, Some(1), Some(10)] {
                let options = Options { solver, active_set_size, ..Options::default() };
                let solution = solve_mxne(&gain, m.view(), alpha, &options)?;
                prop_assert_eq!(solution.status, Status::Converged);
                primals.push(solution.certificate.primal / solution.certificate.scale);
            }
        }
        let lowest = primals.iter().fold(f64::INFINITY, |a: f64, &b| a.min(b));
        prop_assert!(primals.iter().all(|p| p - lowest <= 1e-6));
    }

    /// Where d > 1 the field of a source has no product with what is left of the data; where d = 1
    /// it has none above zero.
    #[test]
    fn debiasing_meets_the_conditions_of_bounded_least_squares((g, m, o, part) in problem()) {
        let gain = Gain::new(g.view(), o)?;
        let x = g.t().dot(&m).mapv(|c| part * (c * 5.0).cos());
        let sources = Sources::from_dense(x.view(), o);
        let debiasing = debias(&gain, m.view(), &sources, None)?;
        prop_assert!(debiasing.is_optimal());
        let block = |s: usize| s![s * o..(s + 1) * o, ..];
        let field = |s: usize| g.slice(s![.., s * o..(s + 1) * o]).dot(&x.slice(block(s)));
        let debiased = sources.debiased(&gain, m.view())?.to_dense(gain.n_locations());
        let (left, fit) = (&m - &g.dot(&debiased), g.dot(&x));
        let size = norm(&m).max(norm(&fit));
        for (&s, &factor) in sources.locations.iter().zip(&debiasing.factors) {
            prop_assert!(factor >= 1.0);
            let pull = (&field(s) * &left).sum();
            let rounding = 1e-8 * norm(&field(s)) * size;
            prop_assert!(pull <= rounding && (factor == 1.0 || pull.abs() <= rounding), "{}", pull);
        }
    }

    /// Fields F that are orthogonal leave each source to itself, in any unit:
    /// d = max(1, <F, M> / |F|^2).
    #[test]
    fn debiasing_of_orthogonal_fields_is_a_projection(
        (v, m, x) in (2usize..9, 1usize..7)
            .prop_flat_map(|(n, t)| (matrix(n, 1), matrix(n, t), matrix(n, t))),
        (of_gain, of_data) in (-400i32..400, -400i32..400),
    ) {
        let n = v.nrows();
        // A reflection, with columns of other lengths.
        let length = |j: usize| 2.0_f64.powi(3 * j as i32 - 9);
        let energy = norm(&v).powi(2);
        prop_assume!(energy >= 1e-3);
        let plain = Array2::from_shape_fn((n, n), |(i, j)| {
            f64::from(u8::from(i == j)) - 2.0 * v[[i, 0]] * v[[j, 0]] / energy
        });
        let g = Array2::from_shape_fn((n, n), |(i, j)| plain[[i, j]] * length(j));
        let units = |e: i32| 2.0_f64.powi(e);
        let gain = Gain::new((&g * units(of_gain)).view(), 1)?;
        let data = &m * units(of_data);
        let sources = Sources::from_dense((&x * units(of_data - of_gain)).view(), 1);
        let debiasing = debias(&gain, data.view(), &sources, None)?;
        for (&s, &factor) in sources.locations.iter().zip(&debiasing.factors) {
            let field = g.slice(s![.., s..=s]).dot(&x.slice(s![s..=s, ..]));
            let expected = ((&field * &m).sum() / norm(&field).powi(2)).max(1.0);
            let rounding = 1e-9 * norm(&m) / norm(&field) + 1e-12;
            prop_assert!((factor - expected).abs() <= rounding, "{} {}", factor, expected);
        }
    }

    /// No round of reweighting raises the non-convex objective.
    #[test]
    fn reweighting_descends((g, m, o, part) in problem(), log in any::<bool>()) {
        let gain = Gain::new(g.view(), o)?;
        let alpha = part * alpha_max(&gain, m.view(), &Options::default())? + 1e-9;
        let surrogate = if log { Surrogate::Log } else { Surrogate::Sqrt };
        let mut last = f64::INFINITY;
        for n_reweights in 1..5 {
            let reweight = Reweight { n_reweights, surrogate, ..Reweight::default() };
            let solution = solve_irmxne(&gain, m.view(), alpha, &reweight, &Options::default())?;
            let rounds = solution.reweighting.as_ref();
            let objective = rounds.and_then(|r| r.objectives.last().copied()).unwrap_or(f64::NAN);
            prop_assert!(objective <= last + 1e-12 * solution.certificate.scale.max(1.0));
            last = objective;
        }
    }
}

fn simple() -> Result<(Gain, Array2<f64>), Error> {
    let wave = |(i, j): (usize, usize)| ((i * i + 3) * (j + 1) % 1009) as f64 / 500.0 - 1.0;
    let gain = Array2::from_shape_fn((20, 300), wave);
    let data = Array2::from_shape_fn((20, 30), |(i, t)| gain[[i, 60]] + 0.3 * gain[[i, t]]);
    Ok((Gain::new(gain.view(), 3)?, data))
}

#[test]
fn limits_are_statuses_with_an_honest_gap() -> Result<(), Error> {
    let (gain, data) = simple()?;
    let alpha = 0.1 * alpha_max(&gain, data.view(), &Options::default())?;
    let nothing = std::time::Duration::from_nanos(1);
    for (stopping, status) in [
        (Stopping { max_iter: 1, tol: 1e-12, ..Stopping::default() }, Status::IterationLimit),
        (Stopping { time_limit: Some(nothing), ..Stopping::default() }, Status::TimeLimit),
        (Stopping { tol: 1e-300, ..Stopping::default() }, Status::Stalled),
    ] {
        let options = Options { stopping, ..Options::default() };
        let solution = solve_mxne(&gain, data.view(), alpha, &options)?;
        // Where rounding ends at a gap of exactly zero, it has converged.
        let exact = solution.certificate.gap() == 0.0 && solution.status == Status::Converged;
        assert!(solution.status == status || exact, "{:?}", solution.status);
        let again = duality_gap(&gain, data.view(), &solution.sources, alpha, &options)?;
        assert!(again.gap() <= solution.certificate.gap() + 1e-12 * again.scale);
    }
    Ok(())
}

#[test]
fn monitor_stops_a_run() -> Result<(), Error> {
    let (gain, data) = simple()?;
    let stop = |_| false;
    let stopping = Stopping { tol: 1e-300, max_iter: usize::MAX, time_limit: None };
    let solver = Solver::Fista;
    let patient = Options { stopping, solver, active_set_size: None, ..Options::default() };
    let alpha = 1e-6 * alpha_max(&gain, data.view(), &Options::default())?;
    let result = solve_mxne(&gain, data.view(), alpha, patient.monitored(&stop));
    assert!(matches!(result, Err(Error::Interrupted)));
    Ok(())
}

#[test]
fn debiasing_answers_or_names_what_it_refuses() -> Result<(), Error> {
    let mut g = Array2::from_shape_fn((4, 5), |(i, j)| ((3 * i + 7 * j + i * j) as f64).sin());
    let column = g.column(0).to_owned();
    g.column_mut(1).assign(&column);
    g.column_mut(2).assign(&(-&column));
    g.column_mut(3).fill(0.0);
    let (gain, x) = (Gain::new(g.view(), 1)?, Array2::from_elem((5, 3), 0.5));
    let data = g.dot(&x) * 3.0 + 0.1;
    // A twin, an opposite and a silent column: not unique, yet the conditions hold.
    let sources = Sources::from_dense(x.view(), 1);
    let debiasing = debias(&gain, data.view(), &sources, None)?;
    assert!(debiasing.is_optimal() && debiasing.factors.iter().all(|d| *d >= 1.0));
    assert_eq!(debiasing.factors[3], 1.0);
    let nothing = Sources::from_dense(Array2::zeros((5, 3)).view(), 1);
    assert!(debias(&gain, data.view(), &nothing, None)?.factors.is_empty());
    let one = Sources { locations: vec![0], coef: Array2::ones((1, 3)), n_orient: 1 };
    assert_eq!(debias(&gain, (&data * 0.0).view(), &one, None)?.factors, [1.0]);
    let mut broken = data.clone();
    broken[[1, 2]] = f64::NAN;
    let refused = debias(&gain, broken.view(), &sources, None);
    assert!(matches!(refused, Err(Error::NotFinite { name: "data", row: 1, column: 2, .. })));
    let refused = debias(&gain, data.slice(s![.., ..2]), &sources, None);
    assert!(matches!(refused, Err(Error::Mismatch { name: "x", .. })));
    let faint = Sources { coef: &sources.coef * 1e-200, ..sources };
    let refused = debias(&gain, data.view(), &faint, None);
    assert!(matches!(refused, Err(Error::Scale { .. })));
    Ok(())
}

#[test]
fn threads_do_not_change_the_answer() -> Result<(), Error> {
    let wave = |(i, j): (usize, usize)| ((i * i + 3) * (j + 1) % 10007) as f64 / 5000.0 - 1.0;
    let gain = Array2::from_shape_fn((20, 6000), wave);
    let data = gain.slice(s![.., 90..100]).to_owned();
    let gain = Gain::new(gain.view(), 2)?;
    let solve = |count| {
        let options = Options { threads: Threads::new(count), ..Options::default() };
        solve_mxne(&gain, data.view(), 2.0, &options)
    };
    let (one, two, five) = (solve(1)?, solve(2)?, solve(5)?);
    assert_eq!(one.sources, two.sources);
    assert_eq!(one.sources, five.sources);
    Ok(())
}

#[test]
fn an_empty_working_set_is_refused() -> Result<(), Error> {
    let (gain, data) = simple()?;
    let options = Options { active_set_size: Some(0), ..Options::default() };
    let error = solve_mxne(&gain, data.view(), 1.0, &options);
    assert!(matches!(error, Err(Error::Parameter { name: "active_set_size", .. })));
    Ok(())
}

#[test]
fn refused_input_is_named() {
    let ones = Array2::ones((3, 4));
    assert!(matches!(Gain::new(ones.view(), 3), Err(Error::Orientation { n_orient: 3, .. })));
    let empty = Array2::zeros((0, 4));
    assert!(matches!(Gain::new(empty.view(), 1), Err(Error::Empty { name: "gain", .. })));
    for bad in [f64::NAN, f64::INFINITY] {
        let mut broken = ones.clone();
        broken[[1, 2]] = bad;
        let error = Gain::new(broken.view(), 1);
        assert!(matches!(error, Err(Error::NotFinite { row: 1, column: 2, .. })));
    }
}
