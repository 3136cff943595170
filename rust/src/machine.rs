//! What the method computes on: products, padded arrays, memory, threads, the clock of a run.

/// Arrays whose size comes from the input: refused rather than aborted.
pub(crate) mod memory;
/// Powers of two that bring values near one without changing a digit.
pub(crate) mod units;
/// The clock of a run: whether work may go on.
pub(crate) mod clock;
/// `Panel`: rows of time courses, padded and aligned.
pub(crate) mod panel;
/// Small block operations, chosen for the CPU at run time.
pub(crate) mod kernels;
/// One dense product with two back ends.
pub(crate) mod dense;
/// Thread pools, one per size.
pub(crate) mod threads;
/// Large products in chunks over the threads.
pub(crate) mod products;
/// Eigen-decomposition of small symmetric matrices.
pub(crate) mod eigen;
/// The discrete cosine transform of rows.
pub(crate) mod cosine;
/// Positive definite systems with many right-hand sides, and the inverse of their matrix.
pub(crate) mod definite;
/// QR factorisation of rows that come one by one.
pub(crate) mod triangle;
/// Least squares over numbers that are not negative.
pub(crate) mod nonnegative;
