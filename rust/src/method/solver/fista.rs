//! One epoch of FISTA: a proximal gradient step at an extrapolated point, with adaptive restart.

use super::Epoch;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::panel::Panel;
use crate::method::quadratic::Quadratic;
use crate::problem::penalty::Penalty;

/// The memory of FISTA.
#[derive(Default)]
pub(crate) struct Fista {
    state: Option<State>,
}

struct State {
    /// the last iterate and its correlations
    previous: Panel,
    previous_correlations: Panel,
    correlations: Panel,
    /// the extrapolated point and its correlations, which follow linearly
    point: Panel,
    point_correlations: Panel,
    momentum: f64,
    lipschitz: f64,
}

impl State {
    fn new(
        quadratic: &dyn Quadratic,
        n_locations: usize,
        x: &Panel,
        clock: &Clock,
    ) -> Result<Self, Halt> {
        let mut correlations = Panel::zeros(x.rows, x.n_times)?;
        quadratic.correlations(x, &mut correlations, clock)?;
        let largest = |s| quadratic.curvature().lipschitz(s);
        let lipschitz = (0..n_locations).map(largest).fold(0.0, f64::max) + quadratic.ridge();
        let copied = |panel: &Panel| clock.check().and_then(|()| Ok(panel.copy()?));
        Ok(State {
            previous: copied(x)?,
            previous_correlations: copied(&correlations)?,
            point: copied(x)?,
            point_correlations: copied(&correlations)?,
            correlations,
            momentum: 1.0,
            lipschitz,
        })
    }
}

impl Epoch for Fista {
    fn restart(&mut self) {
        self.state = None;
    }

    fn epoch(
        &mut self,
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let n_locations = penalty.n_locations();
        let state = match &mut self.state {
            Some(state) => state,
            none => none.insert(State::new(quadratic, n_locations, x, clock)?),
        };
        let next = 0.5 * (1.0 + (1.0 + 4.0 * state.momentum * state.momentum).sqrt());
        let beta = (state.momentum - 1.0) / next;
        state.momentum = next;
        extrapolate(&mut state.point, x, &state.previous, beta);
        clock.spend(8 * x.lanes().len())?;
        extrapolate(
            &mut state.point_correlations,
            &state.correlations,
            &state.previous_correlations,
            beta,
        );
        clock.spend(8 * x.lanes().len())?;
        state.previous.lanes_mut().copy_from_slice(x.lanes());
        std::mem::swap(&mut state.previous_correlations, &mut state.correlations);
        loop {
            clock.spend(8 * x.lanes().len())?;
            state.step(quadratic.n_orient(), penalty, x, clock)?;
            quadratic.load(x, clock)?;
            quadratic.correlations(x, &mut state.correlations, clock)?;
            clock.spend(8 * x.lanes().len())?;
            match state.larger_lipschitz(x) {
                Some(lipschitz) => state.lipschitz = lipschitz,
                None => break,
            }
        }
        if state.overshot(x) {
            state.momentum = 1.0;
        }
        Ok(())
    }
}

impl State {
    /// Makes a proximal gradient step: `x = prox(point + C(point) / L)`.
    fn step(
        &self,
        n_orient: usize,
        penalty: &dyn Penalty,
        x: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        for s in 0..penalty.n_locations() {
            let (point, c) =
                (self.point.block(s, n_orient), self.point_correlations.block(s, n_orient));
            let block = x.block_mut(s, n_orient);
            clock.spend(8 * block.len())?;
            for ((x, p), c) in block.iter_mut().zip(point).zip(c) {
                for i in 0..8 {
                    x.0[i] = p.0[i] + c.0[i] / self.lipschitz;
                }
            }
            penalty.prox(s, block, self.lipschitz);
        }
        Ok(())
    }

    /// Finds a larger constant where the curvature along the step, `<d, H d> = <d, C(point) -
    /// C(x)>`, exceeds `L |d|^2`.
    fn larger_lipschitz(&self, x: &Panel) -> Option<f64> {
        let (mut along, mut square) = (0.0, 0.0);
        let points = self.point.lanes().iter().zip(self.point_correlations.lanes());
        for ((x, c), (p, d)) in x.lanes().iter().zip(self.correlations.lanes()).zip(points) {
            for i in 0..8 {
                let step = x.0[i] - p.0[i];
                along += step * (d.0[i] - c.0[i]);
                square += step * step;
            }
        }
        let rounding = square <= 1e-24 * kernels().energy(x.lanes());
        let curvature = along / square;
        let exceeds = !rounding && curvature > self.lipschitz * (1.0 + 1e-9);
        exceeds.then(|| curvature.max(1.5 * self.lipschitz))
    }

    /// Tells whether the step points against the last move: the gradient restart of O'Donoghue and
    /// Candès (2015).
    fn overshot(&self, x: &Panel) -> bool {
        let mut sum = 0.0;
        let points = self.point.lanes().iter().zip(self.previous.lanes());
        for (x, (p, q)) in x.lanes().iter().zip(points) {
            for i in 0..8 {
                sum += (p.0[i] - x.0[i]) * (x.0[i] - q.0[i]);
            }
        }
        sum > 0.0
    }
}

/// Extrapolates: `out = now + beta (now - before)`.
fn extrapolate(out: &mut Panel, now: &Panel, before: &Panel, beta: f64) {
    for ((o, n), b) in out.lanes_mut().iter_mut().zip(now.lanes()).zip(before.lanes()) {
        for i in 0..8 {
            o.0[i] = n.0[i] + beta * (n.0[i] - b.0[i]);
        }
    }
}
