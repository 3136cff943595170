//! The penalty and the frame of time that the options ask for.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::problem::convex::Problem;
use crate::problem::frame::Frame;
use crate::problem::gain::Gain;
use crate::problem::penalty::{GroupNorm, Penalty, SparseGroupNorm};
use crate::problem::rotation::Rotation;
use crate::solve::options::{Options, TimeFrequency};
use ndarray::ArrayView2;
use std::sync::Arc;

/// Makes the frame that the options ask for; none where TF-MxNE is MxNE.
pub(crate) fn frame_of(options: &Options, n_times: usize) -> Result<Option<Arc<Frame>>, Error> {
    match &options.time_frequency {
        Some(TimeFrequency { l1_ratio, stfts }) if *l1_ratio > 0.0 => {
            Ok(Some(Arc::new(Frame::new(n_times, stfts)?)))
        }
        _ => Ok(None),
    }
}

/// Makes the penalty that the options ask for.
pub(crate) fn penalty_of(
    options: &Options,
    frame: Option<&Arc<Frame>>,
    alpha: f64,
    n_locations: usize,
) -> Result<Box<dyn Penalty>, Error> {
    let weights = options.weights.as_deref();
    let Some(frame) = frame else {
        return Ok(Box::new(GroupNorm::new(alpha, weights, n_locations)?));
    };
    let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
    let weights = memory::gathered("the weights", (0..n_locations).map(weight))?;
    let penalty = SparseGroupNorm::new(frame.clone(), (alpha, l1_ratio(options)), weights)?;
    Ok(Box::new(penalty))
}

pub(super) fn l1_ratio(options: &Options) -> f64 {
    options.time_frequency.as_ref().map_or(0.0, |time_frequency| time_frequency.l1_ratio)
}

/// Computes the largest dual norm of `G_s'M`, which is `max_s |G_s'M|_F / w_s` for MxNE.
pub(crate) fn largest_correlation(
    gain: &Gain,
    data: ArrayView2<f64>,
    options: &Options,
    clock: &Clock,
) -> Result<f64, Halt> {
    let frame = frame_of(options, data.ncols())?;
    let (rotated, _) = match frame {
        Some(_) => Rotation::none(data)?,
        None => Rotation::new(data, 0.0, clock)?,
    };
    let penalty = penalty_of(options, frame.as_ref(), 1.0, gain.n_locations())?;
    let problem = Problem {
        gain,
        data: &rotated,
        penalty: penalty.as_ref(),
        ridge: 0.0,
        scale: 0.0,
        left_out: None,
        threads: &options.threads,
        clock,
    };
    problem.largest_dual_norm_of_data()
}
