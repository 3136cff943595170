//! A solver is one epoch; stopping, certificates and working sets are written once around it.

pub(crate) mod anderson;
pub(crate) mod bcd;
pub(crate) mod fista;

use crate::machine::clock::{Clock, Halt};
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::problem::penalty::Penalty;

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
    /// Makes one pass over the locations.
    ///
    /// On entry and on exit `quadratic` is loaded with `x`; after a halt both are undefined.
    fn epoch(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt>;
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
