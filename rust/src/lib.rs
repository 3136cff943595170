//! Sparse M/EEG source imaging with a certificate.
//!
//! Given whitened data M (n_sensors x n_times) and a whitened gain G (n_sensors x n_locations *
//! n_orient), MxNE finds
//!
//! ```text
//! min_X  1/2 |M - G X|_F^2 + alpha sum_s w_s |X_s|_F + ridge/2 |X|_F^2
//! ```
//!
//! where X_s are the `n_orient` rows of location s: few locations are active, each with smooth time
//! courses. irMxNE replaces the norm by its square root (or logarithm) and is sparser still. Every
//! answer carries a primal and a dual value of the full problem; their difference bounds how far
//! the answer is from the optimum.
//!
//! ```
//! use mxne_rs::{Gain, Options, Status, alpha_max, solve_mxne};
//! use ndarray::Array2;
//!
//! // A gain of 100 locations with three orientations each, and data from location 20, whitened.
//! let value = |i: usize, j: usize| ((i * i + 3) * (j + 1) % 1009) as f64 / 500.0 - 1.0;
//! let gain = Array2::from_shape_fn((20, 300), |(i, j)| value(i, j));
//! let data = Array2::from_shape_fn((20, 50), |(i, t)| gain[[i, 60]] * (t as f64 * 0.2).sin());
//! let gain = Gain::new(gain.view(), 3)?;
//! let alpha = 0.3 * alpha_max(&gain, data.view(), &Options::default())?;
//! let solution = solve_mxne(&gain, data.view(), alpha, &Options::default())?;
//! assert_eq!(solution.status, Status::Converged);
//! assert!(solution.sources.locations.contains(&20));
//! # Ok::<(), mxne_rs::Error>(())
//! ```
//!
//! irMxNE finds fewer sources; debiasing undoes the shrinkage of the penalty:
//!
//! ```
//! # use mxne_rs::{Gain, Options, Reweight, alpha_max, solve_irmxne};
//! # use ndarray::Array2;
//! # let entry = |(i, j): (usize, usize)| ((i * i + 3) * (j + 1) % 1009) as f64 / 500.0 - 1.0;
//! # let array = Array2::from_shape_fn((60, 3000), entry);
//! # let data = Array2::from_shape_fn((60, 50), |(i, t)| array[[i, 600]] * (t as f64 / 5.0).sin());
//! # let gain = Gain::new(array.view(), 3)?;
//! let options = Options::default();
//! let alpha = 0.4 * alpha_max(&gain, data.view(), &options)?;
//! let solution = solve_irmxne(&gain, data.view(), alpha, &Reweight::default(), &options)?;
//! assert_eq!(solution.sources.locations, [200]);
//! let debiased = solution.sources.debiased(&gain, data.view())?;
//! assert!(debiased.coef[[0, 8]] > solution.sources.coef[[0, 8]]);
//! println!("gap {:.1e}", solution.certificate.relative_gap());
//! # Ok::<(), mxne_rs::Error>(())
//! ```
//!
//! References: Gramfort, Kowalski and Hämäläinen, Phys. Med. Biol. 57 (2012); Strohmeier, Haueisen
//! and Gramfort, PRNI (2014); Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016).

/// Every way in which an input is refused.
mod error;
/// What the method computes on: kernels, dense products, arrays, threads, the clock.
mod machine;
/// What is solved: gain, penalty, certificate, solution.
mod problem;
/// How a convex problem is solved: quadratics, solvers, working sets.
mod method;
/// What a user calls: one solve, reweighting, paths, batches.
mod solve;
/// A live recording, window by window.
mod stream;
/// The boundary to Python.
#[cfg(feature = "python")]
mod python;

pub use error::Error;
pub use machine::clock::{Monitor, Progress};
pub use machine::threads::Threads;
pub use method::solver::Solver;
pub use method::stopping::Stopping;
pub use problem::frame::Stft;
pub use problem::gain::Gain;
pub use problem::penalty::group_soft_threshold;
pub use problem::solution::{
    Certificate, Coefficients, Record, Reweighting, Solution, Sources, Status,
};
pub use solve::batch::{solve_batch, solve_paths};
pub use solve::debias::{Debiasing, debias};
pub use solve::options::{Options, Run, TimeFrequency};
pub use solve::path::{Path, solve_path};
pub use solve::reweighting::{AmplitudeUnit, Reweight, Surrogate, solve_irmxne};
pub use solve::single::{alpha_max, duality_gap, solve_mxne};
pub use solve::time_frequency::{solve_irtf_mxne, solve_tf_mxne, tf_alpha_max, tf_duality_gap};
pub use stream::{AlphaRule, Estimate, Outcome, Skip, Stream, StreamOptions};
