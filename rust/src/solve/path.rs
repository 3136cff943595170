//! Decreasing alphas on one data set, each started from the last answer.

use crate::error::Error;
use crate::machine::clock::Halt;
use crate::method::stopping::Watch;
use crate::problem::gain::Gain;
use crate::problem::scaled::Scaled;
use crate::problem::solution::Solution;
use crate::solve::checks::check_alpha;
use crate::solve::options::Run;
use crate::solve::reweighting::{Reweight, reweighted};
use crate::solve::setup::Setup;
use crate::solve::single::finish;
use ndarray::ArrayView2;

/// The answers along decreasing alphas.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Path {
    /// one MxNE per alpha, in the order of the alphas
    pub solutions: Vec<Solution>,
    /// one irMxNE per alpha, started from that alpha's MxNE, where reweighting was asked for
    pub reweighted: Vec<Solution>,
}

/// Solves MxNE for every alpha of a falling sequence, each from the answer before; with `reweight`,
/// irMxNE from each.
///
/// The correlations of one answer rank the locations for the next alpha, so that an alpha costs one
/// product with the gain where no further location enters, and its reweighting (square root) none.
/// `max_iter` is for each alpha, `time_limit` for all together: an answer whose time was over has
/// that status.
///
/// # Errors
/// Input that cannot be solved, alphas that are none or not falling, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Reweight, solve_path};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0], [1.0, 0.0]];
/// let reweight = Reweight::default();
/// let (alphas, options) = ([5.0, 2.0, 0.5], Options::default());
/// let path = solve_path(&gain, data.view(), &alphas, Some(&reweight), &options)?;
/// let counts: Vec<_> = path.solutions.iter().map(|s| s.sources.locations.len()).collect();
/// assert_eq!(counts, [0, 1, 2]);
/// assert!(path.solutions.is_sorted_by_key(|s| s.explained_variance));
/// assert_eq!(path.reweighted[1].sources.locations, [0]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_path<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    alphas: &[f64],
    reweight: Option<&Reweight>,
    options: impl Into<Run<'a>>,
) -> Result<Path, Error> {
    walk(gain, data, alphas, reweight, options.into(), &|| ())
}

/// Solves the path; calls `passed` after each alpha.
pub(crate) fn walk(
    gain: &Gain,
    data: ArrayView2<f64>,
    alphas: &[f64],
    reweight: Option<&Reweight>,
    run: Run,
    passed: &dyn Fn(),
) -> Result<Path, Error> {
    check_falling(alphas)?;
    let (options, clock) = (run.options, run.clock());
    if let Some(reweight) = reweight {
        reweight.check_with(options)?;
        reweight.check_begins_with_mxne()?;
    }
    let data = Scaled::new(gain, data)?;
    let mut setup = Setup::new(gain, &data, alphas[0], options, &clock)?;
    let mut descent = setup.strategy().start(gain);
    let goal = setup.goal();
    let mut start = setup.start(gain, setup.penalty(alphas[0], gain.n_locations())?.as_ref())?;
    let mut path = Path { solutions: Vec::new(), reweighted: Vec::new() };
    for &alpha in alphas {
        let mut watch = Watch::start(&clock, options.stopping.max_iter);
        let penalty = setup.penalty(alpha, gain.n_locations())?;
        let penalty = penalty.as_ref();
        let end = match setup.solve(&mut descent, gain, penalty, &mut start, goal, &mut watch) {
            Err(Halt::OutOfTime) => setup.nothing()?,
            end => end.map_err(Halt::into_error)?,
        };
        start = end.iterate.copy()?;
        let so_far = watch.fork()?;
        path.solutions.push(finish(&setup, &end, alpha, so_far)?);
        if let Some(reweight) = reweight {
            // Reweighting may have to rotate again: that is done on a copy, and the path keeps its
            // rotation.
            let own = (setup.copy()?, setup.strategy().start(gain));
            path.reweighted.push(reweighted(own, gain, end, alpha, reweight, watch)?);
        }
        passed();
    }
    Ok(path)
}

/// Refuses alphas that are none or not falling.
pub(crate) fn check_falling(alphas: &[f64]) -> Result<(), Error> {
    if alphas.is_empty() {
        return Err(Error::Empty { name: "alphas", rows: 0, columns: 1 });
    }
    for pair in alphas.windows(2) {
        check_alpha(pair[1])?;
        if pair[1] >= pair[0] {
            let remedy = "give alphas that fall, the largest first";
            return Err(Error::Parameter { name: "alphas", value: pair[1], remedy });
        }
    }
    Ok(())
}
