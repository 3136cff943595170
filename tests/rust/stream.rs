//! A stream of windows against the solver of one window.

use mxne_rs::{
    AlphaRule, Error, Gain, Options, Outcome, Reweight, Skip, Sources, Status, Stopping, Stream,
    StreamOptions, Surrogate, Threads, alpha_max, duality_gap, solve_irmxne, solve_mxne,
};
use ndarray::{Array2, ArrayView2, s};
use std::sync::Arc;
use std::time::Duration;

type Anything = Result<(), Box<dyn std::error::Error>>;

fn random(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut stream = fastrand::Rng::with_seed(seed);
    Array2::from_shape_simple_fn(shape, || 2.0 * stream.f64() - 1.0)
}

/// A gain of overlapping columns and a recording of three sources in noise.
fn recording(n: usize, p: usize, o: usize, t: usize) -> (Array2<f64>, Array2<f64>) {
    let smooth = random((n, 12), 1).dot(&random((12, p * o), 2));
    let gain = 0.5 * smooth + random((n, p * o), 3);
    let mut data = random((n, t), 4);
    for (i, source) in [2, p / 2, p - 1].into_iter().enumerate() {
        for (k, mut column) in data.columns_mut().into_iter().enumerate() {
            let amplitude = (0.2 * (i + 1) as f64 * k as f64).sin()
                * ((0.01 * k as f64).cos() > 0.0) as u8 as f64;
            column.scaled_add(amplitude, &gain.column(source * o + o - 1));
        }
    }
    (gain, data)
}

fn sources(stream: &Stream) -> Result<Sources, Error> {
    let estimate = stream.estimate();
    Ok(Sources {
        locations: estimate.locations.clone(),
        coef: estimate.amplitudes()?.to_owned(),
        n_orient: stream.gain().n_orient(),
    })
}

fn windows(data: &Array2<f64>, t: usize, hop: usize) -> impl Iterator<Item = ArrayView2<'_, f64>> {
    (0..=data.ncols() - t).step_by(hop).map(move |first| data.slice(s![.., first..first + t]))
}

/// The gap is no smaller than that of the full problem, which is computed afresh.
fn is_certified(stream: &Stream, window: ArrayView2<f64>) -> Anything {
    let ours = stream.estimate().certificate;
    let (alpha, options) = (stream.estimate().alpha, Options::default());
    let theirs = duality_gap(stream.gain(), window, &sources(stream)?, alpha, &options)?;
    let what = format!("{:?}, {theirs:?}", stream.estimate());
    assert!(ours.relative_gap() >= theirs.relative_gap() - 1e-12, "{what}");
    assert!((ours.primal / theirs.primal - 1.0).abs() < 1e-10, "{what}");
    Ok(())
}

/// Windows that do not continue those before them, or that change samples which both should share.
#[test]
fn windows_that_do_not_follow() -> Anything {
    let (gain, data) = recording(30, 300, 1, 400);
    let gain = Arc::new(Gain::new(gain.view(), 1)?);
    let mut stream = Stream::new(gain, None, StreamOptions { hop: 7, ..StreamOptions::new(20) })?;
    for i in 0..60 {
        let mut window = data.slice(s![.., 5 * i..5 * i + 20]).to_owned();
        if i % 3 > 0 {
            window.assign(&data.slice(s![.., 7 * (i % 20)..7 * (i % 20) + 20]));
            let column = stream.gain().columns_of(&[17 * i % 300])?;
            window.column_mut(i % 12).scaled_add(9.0, &column.column(0));
        }
        assert!(stream.update(window.view())?.converged());
        is_certified(&stream, window.view())?;
    }
    Ok(())
}

/// Every window: the gap is that of the full problem, alpha is what the rule says, and the answer
/// is the solver's.
#[test]
fn every_window_is_solved_and_certified() -> Anything {
    for (n, p, o, t, hop, n_threads) in [
        (30, 300, 1, 20, 10, 1),
        (30, 300, 3, 20, 7, 2),
        (12, 40, 1, 30, 30, 1),
        (12, 900, 2, 1, 1, 1),
        (25, 500, 1, 8, 20, 2),
        (25, 200, 1, 20, 3, 1),
        (12, 100, 3, 10, 1, 2),
    ] {
        let (gain, data) = recording(n, p, o, 400);
        let gain = Arc::new(Gain::new(gain.view(), o)?);
        let one = Options {
            stopping: Stopping { tol: 1e-9, ..Stopping::default() },
            ..Options::default()
        };
        for (alpha, tol) in [
            (AlphaRule::Percent(40.0), 1e-4),
            (AlphaRule::Absolute(20.0), 1e-8),
            (AlphaRule::Tracked, 1e-5),
        ] {
            for warm_start in [true, false] {
                let threads = Threads::new(n_threads);
                let options =
                    StreamOptions { hop, alpha, tol, warm_start, threads, ..StreamOptions::new(t) };
                let mut stream = Stream::new(gain.clone(), None, options)?;
                for window in windows(&data, t, hop) {
                    let estimate = stream.update(window)?.clone();
                    let what = format!("{n} x {p} x {o}, {alpha:?}: {estimate:?}");
                    assert!(estimate.converged(), "{what}");
                    assert!(estimate.certificate.relative_gap() <= tol, "{what}");
                    let largest = alpha_max(&gain, window, &Options::default())?;
                    match alpha {
                        AlphaRule::Absolute(alpha) => assert_eq!(estimate.alpha, alpha),
                        AlphaRule::Percent(share) => {
                            assert!(
                                (estimate.alpha / largest - share / 100.0).abs() < 1e-12,
                                "{what}"
                            );
                        }
                        AlphaRule::Tracked => assert!(estimate.alpha < largest, "{what}"),
                    }
                    is_certified(&stream, window)?;
                    let ours = estimate.certificate;
                    let solution = solve_mxne(&gain, window, estimate.alpha, &one)?;
                    let lowest = solution.certificate.primal;
                    assert!(
                        (ours.primal - lowest) <= (tol + 1e-9) * ours.scale,
                        "{what}, {lowest}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Rounds of reweighting are those of irMxNE, as many of them, whatever the surrogate and where the
/// window before ended.
#[test]
fn reweighted_windows_are_irmxne() -> Anything {
    for (o, n_reweights, tol_reweight, surrogate) in [
        (1, 2, 0.0, Surrogate::Sqrt),
        (3, 5, 0.0, Surrogate::Sqrt),
        (1, 50, 1e-3, Surrogate::Sqrt),
        (1, 4, 0.0, Surrogate::Log),
        (3, 3, 0.0, Surrogate::Log),
        (1, 50, 1e-3, Surrogate::Log),
    ] {
        let (gain, data) = recording(30, 200, o, 300);
        let gain = Arc::new(Gain::new(gain.view(), o)?);
        let alpha = AlphaRule::Absolute(25.0);
        let options = StreamOptions {
            alpha,
            n_reweights,
            tol_reweight,
            surrogate,
            tol: 1e-10,
            max_iter: 100_000,
            ..StreamOptions::new(20)
        };
        let mut stream = Stream::new(gain.clone(), None, options)?;
        let one = Options {
            stopping: Stopping { tol: 1e-11, max_iter: 100_000, ..Stopping::default() },
            ..Options::default()
        };
        let reweight = Reweight { n_reweights, tol_reweight, surrogate, ..Reweight::default() };
        for window in windows(&data, 20, 10) {
            let estimate = stream.update(window)?;
            assert!(estimate.converged());
            let solution = solve_irmxne(&gain, window, 25.0, &reweight, &one)?;
            let theirs = solution.reweighting.as_ref().ok_or("no reweighting")?;
            assert_eq!(estimate.n_reweights.max(1), theirs.n_reweights, "{surrogate:?}");
            assert_eq!(estimate.locations, solution.sources.locations);
            let difference = &estimate.amplitudes()? - &solution.sources.coef;
            assert!(difference.iter().all(|d| d.abs() < 1e-4), "{difference}");
        }
    }
    Ok(())
}

/// Skipped windows say why, and leave no trace in those that follow.
#[test]
fn what_cannot_be_solved_is_skipped() -> Anything {
    let (gain, data) = recording(30, 200, 1, 400);
    let gain = Arc::new(Gain::new(gain.view(), 1)?);
    let mut stream =
        Stream::new(gain.clone(), None, StreamOptions { tol: 1e-8, ..StreamOptions::new(20) })?;
    for (number, window) in windows(&data, 20, 10).enumerate() {
        let mut window = window.to_owned();
        let expected = match number % 5 {
            1 => {
                window[[3, 7]] = f64::NAN;
                Some(Skip::NotFinite { channel: 3 })
            }
            2 => {
                window.row_mut(29).fill(1.5);
                Some(Skip::Flat { channel: 29 })
            }
            3 => {
                window *= 1e200;
                Some(Skip::OutOfRange)
            }
            _ => None,
        };
        let estimate = stream.update(window.view())?;
        match expected {
            Some(skip) => {
                assert_eq!(estimate.outcome, Outcome::Skipped(skip));
                assert!(estimate.locations.is_empty() && !estimate.converged());
                assert!(estimate.certificate.relative_gap() >= 1.0);
            }
            None => {
                assert!(estimate.converged());
                let mut fresh = Stream::new(gain.clone(), None, stream.options().clone())?;
                let again = fresh.update(window.view())?;
                let (a, b) = (stream.estimate().certificate, again.certificate);
                assert!((a.primal - b.primal).abs() <= 2e-8 * a.scale);
            }
        }
    }
    Ok(())
}

/// At the deadline the last certified sources are handed back, with their gap; before, nothing with
/// a gap of 1.
#[test]
fn deadlines() -> Anything {
    let (gain, data) = recording(60, 3000, 3, 2000);
    let gain = Arc::new(Gain::new(gain.view(), 3)?);
    let (mut hit, mut partial) = (0, 0);
    // Longer and longer, until a window has something to show before its deadline, however slow the
    // machine.
    for micros in [1, 1000, 10_000, 100_000, 300_000, 3_000_000, 30_000_000] {
        if hit > 20 && partial > 0 {
            break;
        }
        let options = StreamOptions {
            alpha: AlphaRule::Percent(3.0),
            // Out of reach: only the deadline ends it, however fast the machine.
            tol: 1e-15,
            max_iter: usize::MAX,
            deadline: Some(Duration::from_micros(micros)),
            ..StreamOptions::new(100)
        };
        let mut stream = Stream::new(gain.clone(), None, options)?;
        for window in windows(&data, 100, 300) {
            if hit > 20 && partial > 0 {
                break;
            }
            let estimate = stream.update(window)?.clone();
            assert_eq!(
                estimate.deadline_hit,
                estimate.outcome == Outcome::Solved(Status::TimeLimit)
            );
            hit += usize::from(estimate.deadline_hit);
            if estimate.locations.is_empty() {
                assert_eq!(estimate.certificate.relative_gap(), 1.0);
                continue;
            }
            partial += usize::from(estimate.deadline_hit);
            let exact = duality_gap(
                &gain,
                window,
                &sources(&stream)?,
                estimate.alpha,
                &Options::default(),
            )?;
            assert!(estimate.certificate.relative_gap() >= exact.relative_gap() - 1e-12);
        }
    }
    assert!(hit > 20 && partial > 0, "{hit} {partial}");
    Ok(())
}

#[test]
fn refusals_name_the_argument() -> Anything {
    let gain = Arc::new(Gain::new(Array2::<f64>::eye(4).view(), 1)?);
    let new = |options| Stream::new(gain.clone(), None, options).map(|_| ());
    let options = StreamOptions::new;
    for (name, options) in [
        ("n_times", options(0)),
        ("hop", StreamOptions { hop: 0, ..options(5) }),
        ("alpha ", StreamOptions { alpha: AlphaRule::Percent(0.0), ..options(5) }),
        ("alpha ", StreamOptions { alpha: AlphaRule::Absolute(f64::NAN), ..options(5) }),
        ("alpha_floor", StreamOptions { alpha_floor: -1.0, ..options(5) }),
        ("n_reweights", StreamOptions { n_reweights: 0, ..options(5) }),
        ("tol", StreamOptions { tol: 0.0, ..options(5) }),
        ("max_iter", StreamOptions { max_iter: 0, ..options(5) }),
        ("deadline", StreamOptions { deadline: Some(Duration::ZERO), ..options(5) }),
    ] {
        let error = new(options).err().ok_or(name)?;
        assert!(error.to_string().starts_with(name), "{error}");
    }
    let whitener = Array2::ones((3, 6));
    let error = Stream::new(gain.clone(), Some(whitener.view()), options(5)).err().ok_or("none")?;
    assert!(error.to_string().starts_with("whitener has 3 rows"), "{error}");
    let mut stream = Stream::new(gain, None, options(5))?;
    for shape in [(3, 5), (4, 6), (0, 0)] {
        let error = stream.update(Array2::ones(shape).view()).err().ok_or("none")?;
        assert!(error.to_string().starts_with("window has"), "{error}");
    }
    Ok(())
}
