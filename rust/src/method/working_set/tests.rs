//! A third penalty: one `impl` of [`Penalty`] is all that solving it takes.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::panel::{Lane, Panel};
use crate::machine::threads::Threads;
use crate::method::solver::Solver;
use crate::method::stopping::{Goal, Watch};
use crate::method::working_set::Strategy;
use crate::problem::convex::{Iterate, Problem};
use crate::problem::gain::Gain;
use crate::problem::penalty::Penalty;
use ndarray::Array2;

/// The lasso: `alpha sum |X|` over single numbers.
#[derive(Debug)]
struct Absolute {
    alpha: f64,
    n_locations: usize,
}

impl Penalty for Absolute {
    fn n_locations(&self) -> usize {
        self.n_locations
    }

    fn select(&self, locations: &[usize]) -> Result<Box<dyn Penalty>, Error> {
        Ok(Box::new(Absolute { n_locations: locations.len(), ..*self }))
    }

    fn value(&self, x: &Panel) -> f64 {
        self.alpha * x.values().iter().map(|value| value.abs()).sum::<f64>()
    }

    fn prox(&self, _s: usize, block: &mut [Lane], lipschitz: f64) {
        bytemuck::cast_slice_mut(block).iter_mut().for_each(|value: &mut f64| {
            *value = value.signum() * (value.abs() - self.alpha / lipschitz).max(0.0);
        });
    }

    fn threshold(&self, _s: usize) -> f64 {
        self.alpha
    }

    fn dual_norm(&self, _s: usize, correlations: &mut [Lane], floor: f64) -> f64 {
        let largest = bytemuck::cast_slice_mut(correlations)
            .iter()
            .fold(0.0, |a: f64, b: &f64| a.max(b.abs()));
        (largest / self.alpha).max(floor)
    }

    fn is_bound_exact(&self) -> bool {
        false
    }
}

/// With an orthonormal gain the lasso soft-thresholds every correlation, by working sets and
/// without them, by either solver.
#[test]
fn a_third_penalty_is_solved() -> Result<(), Halt> {
    let (n, n_times, alpha) = (24, 5, 0.4);
    let gain = Gain::new(Array2::eye(n).view(), 2)?;
    let data = Panel::from_array(
        Array2::from_shape_fn((n, n_times), |(i, j)| {
            ((i * 31 + j * 17 + i * j) as f64 * 0.37).sin()
        })
        .view(),
    )?;
    let (threads, clock) = (Threads::new(1), Clock::endless());
    let penalty = Absolute { alpha, n_locations: n / 2 };
    let scale = 0.5 * kernels().energy(data.lanes());
    let problem = Problem {
        gain: &gain,
        data: &data,
        penalty: &penalty,
        ridge: 0.0,
        scale,
        left_out: None,
        threads: &threads,
        clock: &clock,
    };
    for solver in [Solver::Bcd, Solver::Fista] {
        for active_set_size in [Some(2), None] {
            let mut watch = Watch::start(&clock, 1000);
            let goal = Goal { gap: 1e-12 * scale, work_first: false };
            let mut descent = Strategy { solver, active_set_size }.start(&gain);
            let end = descent.solve(&problem, &Iterate::zero(n_times)?, goal, &mut watch)?;
            assert!(end.certificate.gap() <= goal.gap);
            for (i, &s) in end.iterate.locations.iter().enumerate() {
                let pairs = end.iterate.x.block(i, 2).iter().zip(data.block(s, 2));
                for (x, m) in pairs.flat_map(|(x, m)| x.0.into_iter().zip(m.0)) {
                    let exact = m.signum() * (m.abs() - alpha).max(0.0);
                    assert!((x - exact).abs() < 1e-6, "{x} {exact}");
                }
            }
        }
    }
    Ok(())
}
