//! What every penalty has to fulfil.

use super::*;
use crate::problem::frame::Stft;
use ndarray::Array2;
use sparse_group_norm::EXCLUDED;
use std::sync::Arc;

fn wave(a: f64) -> impl Fn((usize, usize)) -> f64 {
    move |(i, j)| ((i * 31 + j * 17 + i * j) as f64 * a).sin()
}

/// A penalty, and the length of its rows.
type Made = (Box<dyn Penalty>, usize);

/// Makes the penalties for blocks of two rows of 40 samples, and the length of their rows.
fn all() -> Result<Vec<Made>, Error> {
    let group_norm = GroupNorm::new(0.7, Some(&[1.0, 2.5]), 2)?;
    let mut made: Vec<Made> = vec![(Box::new(group_norm), 40)];
    for l1_ratio in [0.03, 0.5, 0.97, 1.0] {
        let frame = Arc::new(Frame::new(40, &[Stft { wsize: 8, tstep: 2 }])?);
        let length = frame.row_length();
        let weights = vec![1.0, 2.5];
        let penalty = SparseGroupNorm::new(frame.clone(), (0.7, l1_ratio), weights)?;
        let lanes = (0..2 * frame.half_width()).map(|i| {
            let value = |j| match (8 * i + j) % (8 * frame.half_width()) {
                k if k >= frame.n_coefs() || k % 7 == 3 => EXCLUDED,
                k => 0.2 + wave(0.71)((i, k)).abs(),
            };
            Lane(std::array::from_fn(value))
        });
        let other = penalty.reweighted(vec![0.4, 3.0], lanes.collect())?;
        made.push((Box::new(penalty), length));
        made.push((Box::new(other), length));
    }
    Ok(made)
}

/// A block of two rows, a few entries of which stand out.
fn block(penalty: &dyn Penalty, length: usize, a: f64) -> Result<Panel, Error> {
    let half = penalty.frame().map_or(length, |frame| 8 * frame.half_width());
    let used = penalty.frame().map_or(length, Frame::n_coefs);
    let array = Array2::from_shape_fn((2, length), |(i, j)| match j % half {
        k if k >= used => 0.0,
        k if k % 13 == 5 => 4.0 * wave(a)((i, j)),
        _ => wave(a)((i, j)),
    });
    Panel::from_array(array.view())
}

/// The value of one block.
fn value(penalty: &dyn Penalty, s: usize, block: &Panel) -> Result<f64, Error> {
    Ok(penalty.select(&[s])?.value(block))
}

/// The proximal operator minimises: no step away from its point lowers `L/2 |x - y|^2 + value`.
#[test]
fn proximal_operators_minimise() -> Result<(), Error> {
    let lipschitz = 1.7;
    for (penalty, length) in all()? {
        for (s, a) in [(0, 0.37), (1, 0.91), (0, 0.013)] {
            let given = block(penalty.as_ref(), length, a)?;
            let mut point = given.copy()?;
            penalty.prox(s, point.lanes_mut(), lipschitz);
            let objective = |x: &Panel| -> Result<f64, Error> {
                let pairs = x.values().iter().zip(given.values());
                let square: f64 = pairs.map(|(x, y)| (x - y).powi(2)).sum();
                Ok(0.5 * lipschitz * square + value(penalty.as_ref(), s, x)?)
            };
            let least = objective(&point)?;
            assert!(least.is_finite() && least < objective(&given)?);
            for (step, b) in [(1e-3, 0.53), (-1e-3, 0.29), (1e-5, 0.17), (-1e-5, 0.83)] {
                // Away in every entry that may move, and towards zero and towards what was given.
                let away = block(penalty.as_ref(), length, b)?;
                for other in [&away, &point, &given] {
                    let mut moved = point.copy()?;
                    let pairs = moved.values_mut().iter_mut().zip(other.values());
                    pairs.zip(point.values()).for_each(|((x, d), kept)| {
                        *x += if *kept != 0.0 || step > 0.0 { step * d } else { 0.0 };
                    });
                    if value(penalty.as_ref(), s, &moved)?.is_finite() {
                        assert!(objective(&moved)? >= least - 1e-12 * least, "{penalty:?} {s}");
                    }
                }
            }
        }
    }
    Ok(())
}

/// The dual norm is the largest `<C, X>` where the penalty of X is at most 1: no X has more, and
/// the proximal operator is zero from there on.
#[test]
fn dual_norms_are_dual() -> Result<(), Error> {
    for (penalty, length) in all()? {
        for (s, a) in [(0, 0.37), (1, 0.91)] {
            let correlations = block(penalty.as_ref(), length, a)?;
            let bound = penalty.bound(s, kernels().norm(correlations.lanes()));
            let mut work = correlations.copy()?;
            let exact = penalty.dual_norm(s, work.lanes_mut(), 0.0);
            for (floor, expected) in [(0.5 * exact, exact), (1.5 * exact, 1.5 * exact)] {
                let mut work = correlations.copy()?;
                let found = penalty.dual_norm(s, work.lanes_mut(), floor);
                assert!((found - expected).abs() <= 1e-13 * expected, "{found} {expected}");
            }
            assert!(exact <= bound * (1.0 + 1e-12) && exact > 0.0, "{exact} {bound}");
            for (factor, is_zero) in [(1.0 + 1e-12, true), (1.0 - 1e-6, false)] {
                let mut shrunk = correlations.copy()?;
                shrunk.values_mut().iter_mut().for_each(|c| *c /= exact * factor);
                penalty.prox(s, shrunk.lanes_mut(), 1.0);
                let found = shrunk.values().iter().all(|&value| value == 0.0);
                assert_eq!(found, is_zero, "{penalty:?} {s} {factor}");
            }
            for b in [0.17, 0.53, 0.91] {
                let mut x = block(penalty.as_ref(), length, b)?;
                penalty.prox(s, x.lanes_mut(), 1.0);
                let product = kernels().dot(correlations.lanes(), x.lanes());
                assert!(product <= exact * value(penalty.as_ref(), s, &x)? * (1.0 + 1e-12));
            }
        }
    }
    Ok(())
}
