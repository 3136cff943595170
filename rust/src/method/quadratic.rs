//! The smooth part of a problem as an epoch sees it; its two forms are over sensors and as a Gram
//! matrix.

use crate::machine::clock::{Clock, Halt};
use crate::machine::panel::{Lane, Panel};
use crate::problem::convex::Energies;
use crate::problem::curvature::Curvature;

/// `1/2 |M - G X|^2 + ridge/2 |X|^2` over some locations, with a state that follows X.
///
/// The correlations are `C = G'(M - G X) - ridge X`, minus the gradient. Only
/// [`load`](Quadratic::load) and [`advance`](Quadratic::advance) move the state; everything else
/// reads it.
pub(crate) trait Quadratic {
    /// Returns the number of orientations of a location.
    fn n_orient(&self) -> usize;
    /// Returns `G_s'G_s` by location, without the ridge.
    fn curvature(&self) -> &Curvature;
    /// Returns the ridge.
    fn ridge(&self) -> f64;
    /// Counts the multiplications that a move of one location takes.
    fn work(&self) -> usize;
    /// Counts the multiplications of one pass over the locations, `n_active` of which are not zero.
    fn work_of_pass(&self, n_active: usize) -> usize;
    /// Makes `x` the state, computed afresh; after a halt the state is undefined.
    fn load(&mut self, x: &Panel, clock: &Clock) -> Result<(), Halt>;
    /// Moves the state by `delta` in location `s`.
    fn advance(&mut self, s: usize, delta: &[Lane]);
    /// Makes the updates that [`advance`](Quadratic::advance) may have delayed: due after a pass
    /// over the locations.
    fn settle(&mut self) {}
    /// Tells whether `|C_s|` is at most `norm`, where that is cheaper to see than `C_s`.
    fn has_correlation_within(&mut self, _s: usize, _norm: f64) -> bool {
        false
    }
    /// Computes `C_s`; `block` is X_s at the state.
    fn correlation(&mut self, s: usize, block: &[Lane], out: &mut [Lane]);
    /// Computes `C`; `x` is the state.
    fn correlations(&self, x: &Panel, out: &mut Panel, clock: &Clock) -> Result<(), Halt>;
    /// Computes the energies at the state `x`.
    fn energies(&self, x: &Panel) -> Energies;
    /// Writes `G'G + ridge` and `G'M` of some locations into the first rows of arrays of zeros.
    fn restrict(
        &self,
        locations: &[usize],
        hessian: &mut Panel,
        linear: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt>;
}
