//! What a user may ask for.

use crate::machine::threads::Threads;
use crate::method::solver::Solver;
use crate::method::stopping::Stopping;
use crate::problem::solution::Sources;

/// How a problem is to be solved. `Options::default()` is a good start.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// a penalty weight per location (default all 1); infinity excludes a location
    pub weights: Option<&'a [f64]>,
    /// the ridge term `ridge/2 |X|^2` (default 0)
    pub ridge: f64,
    /// when to stop
    pub stopping: Stopping<'a>,
    /// the inner solver
    pub solver: Solver,
    /// locations by which the working set grows at least (default 10); `None` solves on all locations
    pub active_set_size: Option<usize>,
    /// sources to start from
    pub init: Option<&'a Sources>,
    /// threads for full products
    pub threads: Threads,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            weights: None,
            ridge: 0.0,
            stopping: Stopping::default(),
            solver: Solver::default(),
            active_set_size: Some(10),
            init: None,
            threads: Threads::new(0),
        }
    }
}
