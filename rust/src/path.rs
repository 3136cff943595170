//! Decreasing alphas on one data set, each started from the last answer.

use crate::error::Error;
use crate::gain::Gain;
use crate::mxne::finish;
use crate::penalty::Penalty;
use crate::setup::{Options, Setup, check_alpha};
use crate::solution::Solution;
use crate::stopping::{Stopping, Watch};
use ndarray::ArrayView2;
use std::time::Instant;

/// The answers along decreasing alphas.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Path {
    /// one answer per alpha, in the order of the alphas
    pub solutions: Vec<Solution>,
    /// `1 - |M - G X|^2 / |M|^2` of each
    pub explained_variance: Vec<f64>,
}

/// MxNE for every alpha of a falling sequence: one rotation, one gain, every answer the start of the next.
///
/// The last certificate of one alpha is the first look at the next one, so that an alpha costs one product with the gain
/// where nothing unforeseen enters. `max_iter` is for each alpha, `time_limit` for all together: answers that are out of
/// time say so.
///
/// # Errors
/// Input that cannot be solved, alphas that are none or not falling, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, solve_path};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [1.0, 0.0]];
/// let path = solve_path(&gain, data.view(), &[5.0, 2.0, 0.5], &Options::default())?;
/// let counts: Vec<_> = path.solutions.iter().map(|s| s.sources.locations.len()).collect();
/// assert_eq!(counts, [0, 1, 2]);
/// assert!(path.explained_variance.is_sorted());
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_path(
    gain: &Gain,
    data: ArrayView2<f64>,
    alphas: &[f64],
    options: &Options,
) -> Result<Path, Error> {
    let Some(&first) = alphas.first() else {
        return Err(Error::Empty { name: "alphas", rows: 0, columns: 1 });
    };
    for pair in alphas.windows(2) {
        check_alpha(pair[1])?;
        if pair[1] >= pair[0] {
            let remedy = "give alphas that fall, the largest first";
            return Err(Error::Parameter { name: "alphas", value: pair[1], remedy });
        }
    }
    let begin = Instant::now();
    let mut setup = Setup::new(gain, data, first, options)?;
    let mut descent = setup.strategy().start(gain);
    let goal = setup.goal();
    let mut start = setup.start(gain, &Penalty::new(first, options.weights, gain.n_locations()))?;
    let mut path = Path { solutions: Vec::new(), explained_variance: Vec::new() };
    for &alpha in alphas {
        let penalty = Penalty::new(alpha, options.weights, gain.n_locations());
        let left = |limit: std::time::Duration| limit.saturating_sub(begin.elapsed());
        let time_limit = options.stopping.time_limit.map(left);
        let mut watch = Watch::start(Stopping { time_limit, ..options.stopping });
        let end = setup.solve(&mut descent, (gain, &penalty), &mut start, goal, &mut watch)?;
        start = end.iterate.clone();
        path.explained_variance.push(setup.explained_variance(gain, &penalty, &start));
        path.solutions.push(finish(&setup, end, alpha, watch));
    }
    Ok(path)
}
