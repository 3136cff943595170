//! TF-MxNE: sources that are sparse over locations, time and frequency.

use crate::error::Error;
use crate::machine::memory;
use crate::machine::panel::Panel;
use crate::machine::units::times_power;
use crate::problem::convex::Iterate;
use crate::problem::gain::Gain;
use crate::problem::solution::{Certificate, Coefficients, Solution};
use crate::solve::checks::{check_coefficients, check_problem};
use crate::solve::options::{Options, Run, TimeFrequency};
use crate::solve::reweighting::{Reweight, solve_irmxne};
use crate::solve::setup::{Setup, frame_of};
use crate::solve::single::{alpha_max, certify, solve_mxne};
use ndarray::ArrayView2;
use realfft::num_complex::Complex;

/// What the memory is for.
const WHAT: &str = "the time-frequency coefficients";

/// Solves TF-MxNE: minimises `1/2 |M - G Z Phi'|_F^2 + alpha sum_s ((1 - l1_ratio) w_s |Z_s|_F +
/// l1_ratio |Z_s|_1)`, where `X = Z Phi'` (Gramfort, Strohmeier, Haueisen, Hämäläinen and Kowalski,
/// NeuroImage 70, 2013, equation 6).
///
/// X and the coefficients Z come back. An `l1_ratio` of 0 is MxNE. Options with
/// [`time_frequency`](Options::time_frequency) make every other function that solves do the same.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Stft, TimeFrequency, solve_tf_mxne, tf_alpha_max};
/// use ndarray::Array2;
///
/// let gain = Gain::new(Array2::eye(2).view(), 1)?;
/// let data = Array2::from_shape_fn((2, 40), |(i, t)| (1 - i) as f64 * (0.5 * t as f64).sin());
/// let stfts = vec![Stft { wsize: 16, tstep: 4 }];
/// let (penalty, options) = (TimeFrequency { l1_ratio: 0.1, stfts }, Options::default());
/// let alpha = 0.2 * tf_alpha_max(&gain, data.view(), &penalty, &options)?;
/// let solution = solve_tf_mxne(&gain, data.view(), alpha, &penalty, &options)?;
/// assert_eq!(solution.sources.locations, [0]);
/// let coefficients = solution.coefficients.ok_or("none")?;
/// assert!(coefficients.values.len() < coefficients.n_coefs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn solve_tf_mxne<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    penalty: &TimeFrequency,
    options: impl Into<Run<'a>>,
) -> Result<Solution, Error> {
    let run = options.into();
    let options = with(penalty, run.options);
    solve_mxne(gain, data, alpha, Run { options: &options, ..run })
}

/// irTF-MxNE: lowers the objective of [`solve_tf_mxne`] with the square root of each amplitude in
/// the place of the amplitude, of locations and of coefficients, by weighted convex problems
/// (Strohmeier, Gramfort and Haueisen 2015).
///
/// A coefficient at zero stays there. Rounds, units and result are those of
/// [`solve_irmxne`](crate::solve_irmxne).
///
/// # Errors
/// Input that cannot be solved, another surrogate than the square root, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Reweight, Stft, TimeFrequency, solve_irtf_mxne};
/// use ndarray::Array2;
///
/// let gain = Gain::new(Array2::eye(2).view(), 1)?;
/// let data = Array2::from_shape_fn((2, 40), |(i, t)| (1 - i) as f64 * (0.5 * t as f64).sin());
/// let penalty = TimeFrequency { l1_ratio: 0.1, stfts: vec![Stft { wsize: 16, tstep: 4 }] };
/// let (rounds, options) = (Reweight::default(), Options::default());
/// let solution = solve_irtf_mxne(&gain, data.view(), 0.5, &penalty, &rounds, &options)?;
/// assert_eq!(solution.sources.locations, [0]);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn solve_irtf_mxne<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    alpha: f64,
    penalty: &TimeFrequency,
    reweight: &Reweight,
    options: impl Into<Run<'a>>,
) -> Result<Solution, Error> {
    let run = options.into();
    let options = with(penalty, run.options);
    solve_irmxne(gain, data, alpha, reweight, Run { options: &options, ..run })
}

/// Computes the smallest alpha for which the answer of [`solve_tf_mxne`] is exactly zero: the
/// largest dual norm of `Phi G_s'M`.
///
/// # Errors
/// Input that cannot be solved, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Stft, TimeFrequency, alpha_max, tf_alpha_max};
/// use ndarray::array;
///
/// let gain = Gain::new(array![[1.0, 0.0], [0.0, 1.0]].view(), 1)?;
/// let data = array![[3.0, 4.0, 0.0, 0.0], [0.1, 0.2, 0.0, 0.0]];
/// let penalty = TimeFrequency { l1_ratio: 0.5, stfts: vec![Stft { wsize: 4, tstep: 2 }] };
/// let options = Options::default();
/// let alpha = tf_alpha_max(&gain, data.view(), &penalty, &options)?;
/// assert!(alpha < alpha_max(&gain, data.view(), &options)?);
/// # Ok::<(), mxne_rs::Error>(())
/// ```
pub fn tf_alpha_max<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    penalty: &TimeFrequency,
    options: impl Into<Run<'a>>,
) -> Result<f64, Error> {
    let run = options.into();
    let options = with(penalty, run.options);
    alpha_max(gain, data, Run { options: &options, ..run })
}

/// Certifies any coefficients on the full problem of [`solve_tf_mxne`].
///
/// # Errors
/// Input that cannot be solved, coefficients that do not fit, or [`Error::Interrupted`].
///
/// ```
/// use mxne_rs::{Gain, Options, Stft, TimeFrequency, solve_tf_mxne, tf_duality_gap};
/// use ndarray::Array2;
///
/// let gain = Gain::new(Array2::eye(2).view(), 1)?;
/// let data = Array2::from_shape_fn((2, 40), |(i, t)| (1 - i) as f64 * (0.5 * t as f64).sin());
/// let penalty = TimeFrequency { l1_ratio: 0.1, stfts: vec![Stft { wsize: 16, tstep: 4 }] };
/// let options = Options::default();
/// let solution = solve_tf_mxne(&gain, data.view(), 0.5, &penalty, &options)?;
/// let z = solution.coefficients.ok_or("none")?;
/// let certificate = tf_duality_gap(&gain, data.view(), &z, 0.5, &penalty, &options)?;
/// assert!(certificate.relative_gap() <= 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tf_duality_gap<'a>(
    gain: &Gain,
    data: ArrayView2<f64>,
    coefficients: &Coefficients,
    alpha: f64,
    penalty: &TimeFrequency,
    options: impl Into<Run<'a>>,
) -> Result<Certificate, Error> {
    let run = options.into();
    let options = with(penalty, run.options);
    check_problem(gain, data, alpha, &options)?;
    let frame = match frame_of(&options, data.ncols())? {
        Some(frame) => frame,
        None => {
            let remedy = "without coefficients the penalty is MxNE's: use `duality_gap`";
            return Err(Error::Parameter { name: "l1_ratio", value: 0.0, remedy });
        }
    };
    check_coefficients(gain, frame.n_coefs(), coefficients)?;
    let Coefficients { locations, starts, places, values, .. } = coefficients;
    let mut x = Panel::zeros(starts.len() - 1, frame.row_length())?;
    let length = x.stride();
    for (row, ends) in x.values_mut().chunks_mut(length).zip(starts.windows(2)) {
        let range = ends[0]..ends[1];
        let pairs = places[range.clone()].iter().copied().zip(values[range].iter().copied());
        frame.write_usual(pairs, row);
    }
    let locations = memory::copied(WHAT, locations)?;
    let run = Run { options: &options, ..run };
    certify(gain, data, alpha, run, |_| Ok(Iterate { locations, x }))
}

/// Copies options, with the penalty.
fn with(penalty: &TimeFrequency, options: &Options) -> Options {
    Options { time_frequency: Some(penalty.clone()), ..options.clone() }
}

impl Setup<'_> {
    /// Collects the coefficients of an answer that are not zero, in the caller's units; none where
    /// the penalty is MxNE's.
    pub(crate) fn coefficients(&self, iterate: &Iterate) -> Result<Option<Coefficients>, Error> {
        let Some(frame) = &self.frame else { return Ok(None) };
        let exponent = self.units.of_sources();
        let in_units = |z: Complex<f64>| Complex {
            re: times_power(z.re, exponent),
            im: times_power(z.im, exponent),
        };
        let mut found = Coefficients {
            locations: memory::copied(WHAT, &iterate.locations)?,
            n_orient: self.n_orient,
            n_coefs: frame.n_coefs(),
            starts: memory::room(WHAT, iterate.x.rows + 1)?,
            places: Vec::new(),
            values: Vec::new(),
        };
        found.starts.push(0);
        for row in iterate.x.values().chunks(iterate.x.stride()) {
            for (place, z) in frame.usual(row) {
                memory::append(WHAT, &mut found.places, &[place])?;
                memory::append(WHAT, &mut found.values, &[in_units(z)])?;
            }
            found.starts.push(found.places.len());
        }
        Ok(Some(found))
    }
}
