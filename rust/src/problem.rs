//! What is solved: gain, data, penalty; an answer with its certificate, as plain data.

/// `G_s'G_s` of every location and its eigen-decomposition.
pub(crate) mod curvature;
/// `Gain`: prepared once, shared by every solve.
pub(crate) mod gain;
/// `Frame`: time courses as coefficients over time and frequency.
pub(crate) mod frame;
/// `Penalty`: value, proximal operator, dual norm; a file for each penalty.
pub(crate) mod penalty;
/// The answer of a run.
pub(crate) mod solution;
/// Data divided by a power of two, so that they are near one.
pub(crate) mod scaled;
/// `Rotation`: the time basis and the energy that it leaves out.
pub(crate) mod rotation;
/// How far rounding can move the correlations.
pub(crate) mod rounding;
/// `Problem`: a convex problem, and the certificate of an iterate.
pub(crate) mod convex;
