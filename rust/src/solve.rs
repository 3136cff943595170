//! What a user calls: MxNE, irMxNE, paths of alphas and batches of data on one gain.

/// `Options`: how a problem is to be solved; `Run`: with a monitor.
pub(crate) mod options;
/// Every refusal, in one order.
pub(crate) mod checks;
/// Input checked, scaled and rotated.
pub(crate) mod setup;
/// One convex problem: solve it, certify an answer, find its largest alpha.
pub(crate) mod single;
/// TF-MxNE: the functions and the coefficients of an answer.
pub(crate) mod time_frequency;
/// Factors that undo the shrinkage of the penalty.
pub(crate) mod debias;
/// irMxNE: convex problems with new weights.
pub(crate) mod reweighting;
/// Falling alphas on one data set.
pub(crate) mod path;
/// Many data sets on one gain.
pub(crate) mod batch;
