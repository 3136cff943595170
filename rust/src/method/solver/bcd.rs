//! Block coordinate descent: an epoch minimises exactly over each block in turn, a polish is
//! Newton's.

use super::Epoch;
use super::anderson::Anderson;
use super::newton::{Aim, Newton};
use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::panel::is_zero;
use crate::machine::panel::{Lane, Panel};
use crate::method::quadratic::Quadratic;
use crate::problem::convex::support;
use crate::problem::penalty::{BlockHessian, BlockMinimiser, GroupNorm, Penalty};

/// The memory of block coordinate descent.
#[derive(Default)]
pub(crate) struct Bcd {
    blocks: Option<Blocks>,
    anderson: Anderson,
    newton: Option<Newton>,
}

impl Bcd {
    /// Makes room for sources of `n_locations` locations, `n_active` of which are not zero.
    pub fn reserve(
        &mut self,
        n_locations: usize,
        n_active: usize,
        n_orient: usize,
        n_times: usize,
    ) -> Result<(), Error> {
        let newton = self.newton.insert(Newton::new()?);
        newton.reserve(n_active, n_orient, n_times)?;
        self.anderson.reserve(n_locations * n_orient, n_times)
    }
}

struct Blocks {
    minimiser: BlockMinimiser,
    /// B, then the new block, then how it moved
    block: Vec<Lane>,
}

impl Epoch for Bcd {
    fn restart(&mut self) {
        self.anderson.forget();
        if let Some(newton) = &mut self.newton {
            newton.restart();
        }
    }

    fn epoch(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let (o, width) = (quadratic.n_orient(), x.width);
        let blocks = self.blocks.get_or_insert_with(|| Blocks {
            minimiser: BlockMinimiser::new(o, width),
            block: vec![Lane([0.0; 8]); o * width],
        });
        for s in 0..penalty.n_locations() {
            clock.spend(quadratic.work())?;
            blocks.update(quadratic, penalty, s, x.block_mut(s, o));
        }
        quadratic.settle();
        self.anderson.visit(quadratic, penalty, x, clock)
    }

    fn cost_of_polish(&self, quadratic: &dyn Quadratic, x: &Panel) -> Option<f64> {
        let o = quadratic.n_orient();
        let n_active = support(x, o).count();
        let work = Newton::work(n_active * o, x.n_times)?;
        Some(work / quadratic.work_of_pass(n_active) as f64)
    }

    fn polish(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &GroupNorm,
        x: &mut Panel,
        aim: Aim,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let newton = match &mut self.newton {
            Some(newton) => newton,
            none => none.insert(Newton::new()?),
        };
        newton.polish(quadratic, penalty, x, aim, clock)?;
        self.anderson.forget();
        Ok(())
    }
}

impl Blocks {
    /// Minimises over the block of location `s`.
    fn update(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        s: usize,
        x: &mut [Lane],
    ) {
        let was_zero = is_zero(x);
        if was_zero && quadratic.has_correlation_within(s, penalty.threshold(s)) {
            return;
        }
        quadratic.correlation(s, x, &mut self.block);
        let (curvature, ridge) = (quadratic.curvature(), quadratic.ridge());
        let hessian =
            BlockHessian { matrix: curvature.matrix(s), eigen: curvature.eigen(s), ridge };
        let is_alive = penalty.minimise(s, &mut self.block, x, hessian, &mut self.minimiser);
        if is_alive || !was_zero {
            for (new, old) in self.block.iter_mut().zip(x) {
                for (new, old) in new.0.iter_mut().zip(&mut old.0) {
                    let value = *new;
                    *new -= *old;
                    *old = value;
                }
            }
            quadratic.advance(s, &self.block);
        }
    }
}
