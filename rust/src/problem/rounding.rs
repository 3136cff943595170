//! How far rounding can move what a certificate compares with the penalty.

use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::problem::gain::Gain;

/// Changes of a ratio below this move the relative gap by less than rounding of the objective does.
const NEGLIGIBLE_RATIO: f64 = 1e-12;
const WHAT: &str = "the rounding of correlations";

/// The correlations that a certificate compares with the penalty, by location.
pub(crate) struct Compared<R, T> {
    /// `|G_s'R| / a_s` as computed
    pub ratio: R,
    /// `a_s`
    pub threshold: T,
    /// the largest ratio
    pub largest: f64,
}

/// Bounds the largest `|G_s'R| / a_s`, R = M - G X, as it may be without rounding: `largest` itself
/// where rounding matters next to nothing.
///
/// Every product and sum rounds off a part of what it is given, so the error of `G_s'R` is at most
/// about `eps sqrt(n_sensors) |G_s|' (|M| + |G| |X|)`, with absolute values of every entry. That is
/// computed only for locations that a bound by norms does not rule out: none, unless thresholds or
/// columns are extreme.
pub(crate) fn largest_ratio<'x>(
    gain: &Gain,
    data: &Panel,
    sources: impl Iterator<Item = (usize, &'x [Lane])> + Clone,
    compared: Compared<impl Fn(usize) -> f64, impl Fn(usize) -> f64>,
    clock: &Clock,
) -> Result<f64, Halt> {
    let Compared { ratio, threshold, largest } = compared;
    let (curvature, width, o) = (gain.curvature(), data.width, gain.n_orient());
    let per_entry = 2.0 * f64::EPSILON * (gain.n_sensors() as f64).sqrt();
    let fit = |(s, x): (usize, &[Lane])| curvature.lipschitz(s).sqrt() * kernels().norm(x);
    let size = kernels().norm(data.lanes()) + sources.clone().map(fit).sum::<f64>();
    let lowest = (0..gain.n_locations()).fold(f64::INFINITY, |a, s| a.min(threshold(s)));
    if per_entry * size * curvature.bound().sqrt() <= NEGLIGIBLE_RATIO * lowest {
        return Ok(largest);
    }
    let least = largest.max(1.0) + NEGLIGIBLE_RATIO;
    let exceeds = |s: usize| {
        ratio(s) + per_entry * size * curvature.lipschitz(s).sqrt() / threshold(s) > least
    };
    if !(0..gain.n_locations()).any(exceeds) {
        return Ok(largest);
    }
    let mut entries = data.copy()?;
    entries.values_mut().iter_mut().for_each(|value| *value = value.abs());
    let mut columns: Vec<f64> = memory::zeros(WHAT, gain.n_sensors() * o)?;
    let mut block: Vec<Lane> = memory::zeros(WHAT, o * width)?;
    for (s, x) in sources {
        clock.spend(o * 8 * entries.lanes().len())?;
        columns.iter_mut().zip(gain.block(s)).for_each(|(to, from)| *to = -from.abs());
        for (to, from) in block.iter_mut().zip(x) {
            to.0 = from.0.map(f64::abs);
        }
        kernels().subtract_outer(entries.lanes_mut(), &columns, &block, width);
    }
    let mut counted = largest;
    for s in (0..gain.n_locations()).filter(|&s| exceeds(s)) {
        clock.spend(o * 8 * entries.lanes().len())?;
        columns.iter_mut().zip(gain.block(s)).for_each(|(to, from)| *to = from.abs());
        kernels().correlate(&mut block, &columns, entries.lanes(), width);
        counted = counted.max(ratio(s) + per_entry * kernels().norm(&block) / threshold(s));
    }
    Ok(counted)
}
