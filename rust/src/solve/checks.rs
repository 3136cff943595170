//! Every refusal of an input, in one order.

use crate::error::Error;
use crate::machine::units::times_power;
use crate::problem::gain::{Gain, check_finite};
use crate::problem::solution::{Coefficients, Sources};
use crate::solve::options::{Options, TimeFrequency};
use ndarray::ArrayView2;

/// The largest ridge for a gain near one: beyond it sources are too small to hold all digits.
const MAX_RIDGE: f64 = 1e250;

/// Refuses a convex problem that cannot be solved.
pub(crate) fn check_problem(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    options: &Options,
) -> Result<(), Error> {
    check_data(gain, data)?;
    check_alpha(alpha)?;
    if !(options.ridge >= 0.0 && options.ridge.is_finite()) {
        let remedy = "give zero or a positive number";
        return Err(Error::Parameter { name: "ridge", value: options.ridge, remedy });
    }
    let beyond = times_power(options.ridge, -2 * gain.exponent()) > MAX_RIDGE;
    if options.ridge > 0.0 && (beyond || !gain.faint().is_empty()) {
        let remedy = "it cannot be used with a gain so small, or with columns of gain that differ \
                      by more than 1e105 in norm: leave it zero, or rescale the gain";
        return Err(Error::Parameter { name: "ridge", value: options.ridge, remedy });
    }
    check_penalty(gain, options)?;
    let l1_ratio = options.time_frequency.as_ref().map_or(0.0, |penalty| penalty.l1_ratio);
    if options.ridge > 0.0 && l1_ratio > 0.0 {
        let remedy = "TF-MxNE has no ridge: leave it zero";
        return Err(Error::Parameter { name: "ridge", value: options.ridge, remedy });
    }
    Ok(())
}

/// Refuses a penalty that is none: the frame, its ratio, the weights.
pub(crate) fn check_penalty(gain: &Gain, options: &Options) -> Result<(), Error> {
    options.time_frequency.as_ref().map_or(Ok(()), TimeFrequency::check)?;
    check_weights(gain, options.weights.as_deref())
}

/// Refuses options of the method that are out of range, and a start that does not fit.
pub(crate) fn check_method(
    gain: &Gain,
    data: ArrayView2<f64>,
    options: &Options,
) -> Result<(), Error> {
    options.stopping.check()?;
    if options.active_set_size == Some(0) {
        let remedy = "give at least one location, or none to solve on all";
        return Err(Error::Parameter { name: "active_set_size", value: 0.0, remedy });
    }
    match &options.init {
        Some(init) => check_sources("init", gain, data, init),
        None => Ok(()),
    }
}

/// Refuses an alpha that is not a positive number.
pub(crate) fn check_alpha(alpha: f64) -> Result<(), Error> {
    if alpha > 0.0 && alpha.is_finite() {
        return Ok(());
    }
    let remedy = "give a positive number, such as a part of alpha_max";
    Err(Error::Parameter { name: "alpha", value: alpha, remedy })
}

/// Refuses data that are empty, do not fit the gain or are not finite.
pub(crate) fn check_data(gain: &Gain, data: ArrayView2<f64>) -> Result<(), Error> {
    let (rows, columns) = data.dim();
    if rows == 0 || columns == 0 {
        return Err(Error::Empty { name: "data", rows, columns });
    }
    let expected = gain.n_sensors();
    if rows != expected {
        let (what, other) = ("rows (sensors)", "gain");
        return Err(Error::Mismatch { name: "data", what, got: rows, expected, other });
    }
    check_finite("data", data)
}

/// Refuses weights that do not fit the gain or are not positive.
fn check_weights(gain: &Gain, weights: Option<&[f64]>) -> Result<(), Error> {
    let Some(weights) = weights else { return Ok(()) };
    let (got, expected) = (weights.len(), gain.n_locations());
    if got != expected {
        let (what, other) = ("entries", "locations of gain");
        return Err(Error::Mismatch { name: "weights", what, got, expected, other });
    }
    match weights.iter().position(|w| w.is_nan() || *w <= 0.0) {
        Some(location) => Err(Error::Weight { location, value: weights[location] }),
        None => Ok(()),
    }
}

/// Refuses coefficients that do not fit the gain and the frame.
pub(crate) fn check_coefficients(
    gain: &Gain,
    n_coefs: usize,
    coefficients: &Coefficients,
) -> Result<(), Error> {
    let name = "coefficients";
    let mismatch =
        |what, got, expected, other| Err(Error::Mismatch { name, what, got, expected, other });
    let Coefficients { locations, n_orient, starts, places, values, .. } = coefficients;
    if *n_orient != gain.n_orient() {
        return mismatch("orientations", *n_orient, gain.n_orient(), "gain");
    }
    if coefficients.n_coefs != n_coefs {
        return mismatch("columns", coefficients.n_coefs, n_coefs, "the frame of wsize and tstep");
    }
    if starts.len() != locations.len() * n_orient + 1 {
        return mismatch("rows", starts.len().saturating_sub(1), locations.len(), "locations");
    }
    let is_ordered = starts[0] == 0 && starts.is_sorted() && starts.last() == Some(&places.len());
    if !is_ordered || places.len() != values.len() {
        return mismatch("places", places.len(), values.len(), "values");
    }
    let rises = |ends: &[usize]| places[ends[0]..ends[1]].is_sorted_by(|a, b| a < b);
    let rising = locations.is_sorted_by(|a, b| a < b) && starts.windows(2).all(rises);
    let last = locations.last().is_some_and(|&s| s >= gain.n_locations());
    if !rising || last {
        let last = locations.iter().max().map_or(0, |s| s.saturating_add(1));
        return mismatch("locations or places (rising)", last, gain.n_locations(), "gain");
    }
    if let Some(&place) = places.iter().find(|&&place| place >= n_coefs) {
        return mismatch("as a place", place, n_coefs, "the frame of wsize and tstep");
    }
    match values.iter().position(|z| !(z.re.is_finite() && z.im.is_finite())) {
        None => Ok(()),
        Some(at) => {
            let value = if values[at].re.is_finite() { values[at].im } else { values[at].re };
            let row = starts.partition_point(|&start| start <= at) - 1;
            Err(Error::NotFinite { name, value, row, column: places[at] })
        }
    }
}

/// Refuses sources that do not fit the gain and the data.
pub(crate) fn check_sources(
    name: &'static str,
    gain: &Gain,
    data: ArrayView2<f64>,
    sources: &Sources,
) -> Result<(), Error> {
    let mismatch =
        |what, got, expected, other| Error::Mismatch { name, what, got, expected, other };
    if sources.n_orient != gain.n_orient() {
        let other = "gain";
        return Err(mismatch("orientations", sources.n_orient, gain.n_orient(), other));
    }
    let rows = sources.locations.len() * sources.n_orient;
    if sources.coef.nrows() != rows {
        return Err(mismatch("rows", sources.coef.nrows(), rows, "locations"));
    }
    if sources.coef.ncols() != data.ncols() {
        return Err(mismatch("columns (times)", sources.coef.ncols(), data.ncols(), "data"));
    }
    let rising = sources.locations.is_sorted_by(|a, b| a < b);
    if !rising || sources.locations.last().is_some_and(|&s| s >= gain.n_locations()) {
        let last = sources.locations.iter().max().map_or(0, |s| s.saturating_add(1));
        return Err(mismatch("locations (rising)", last, gain.n_locations(), "gain"));
    }
    check_finite(name, sources.coef.view())
}
