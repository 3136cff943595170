//! A solver is one epoch; stopping, certificates and working sets are written once around it.

pub(crate) mod anderson;
pub(crate) mod bcd;
pub(crate) mod fista;
pub(crate) mod newton;

use crate::machine::clock::{Clock, Halt};
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::problem::penalty::{GroupNorm, Penalty};
use newton::Aim;

/// The inner solver, which makes the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Solver {
    /// Block coordinate descent with exact block minimisation and Anderson extrapolation
    /// (Strohmeier et al. 2016, Algorithm 1, with the exact minimiser for the block Lipschitz
    /// step).
    #[default]
    Bcd,
    /// FISTA with adaptive restart (Gramfort, Kowalski and Hämäläinen 2012).
    Fista,
}

/// An inner solver at work.
pub(crate) trait Epoch {
    /// Forgets the problem before; its arrays serve the next one.
    fn restart(&mut self);

    /// Makes one pass over the locations.
    ///
    /// On entry and on exit `quadratic` is loaded with `x`; after a halt both are undefined.
    fn epoch(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt>;

    /// Counts the epochs that take as long as [`polish`](Epoch::polish); none where the solver has
    /// none.
    fn cost_of_polish(&self, _quadratic: &dyn Quadratic, _x: &Panel) -> Option<f64> {
        None
    }

    /// Brings the locations that are not zero near their minimum at once; `quadratic` is loaded
    /// with `x`, as in an epoch.
    fn polish(
        &mut self,
        _quadratic: &mut dyn Quadratic,
        _penalty: &GroupNorm,
        _x: &mut Panel,
        _aim: Aim,
        _clock: &Clock,
    ) -> Result<(), Halt> {
        Ok(())
    }
}

impl Solver {
    /// Starts the solver.
    pub(crate) fn start(self) -> Box<dyn Epoch> {
        match self {
            Solver::Bcd => Box::new(bcd::Bcd::default()),
            Solver::Fista => Box::new(fista::Fista::default()),
        }
    }
}
