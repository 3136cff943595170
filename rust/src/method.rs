//! How a convex problem is solved: epochs of a solver, one loop over them, nested working sets.

/// `Stopping`: when a run stops, and the watch that counts during it.
pub(crate) mod stopping;
/// `Quadratic`: the smooth part as an epoch sees it.
pub(crate) mod quadratic;
/// The quadratic of a whole gain.
pub(crate) mod sensors;
/// The quadratic of a working set.
pub(crate) mod gram;
/// A quadratic seen through a frame of time.
pub(crate) mod framed;
/// One epoch: block coordinate descent or FISTA, with extrapolation.
pub(crate) mod solver;
/// `Pace`: epochs alone, or Newton's steps too.
pub(crate) mod pace;
/// The one loop over epochs.
pub(crate) mod drive;
/// Choosing locations by their size.
pub(crate) mod ranking;
/// Nested working sets, grown until the certificate on all locations holds.
pub(crate) mod working_set;
