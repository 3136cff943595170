//! Three fixed small problems for `benches/counts.py`, which counts their instructions under
//! callgrind.
//!
//! `counts free | fixed | reweighted`: what is counted is the function [`counted`], not what stands
//! around it.

mod simulated;

use mxne_rs::{
    AmplitudeUnit, Error, Gain, Options, Reweight, Solution, Stopping, Threads, alpha_max,
    solve_irmxne, solve_mxne,
};
use simulated::{Simulated, simulated};
use std::hint::black_box;
use std::io::Write;

/// Parts of alpha_max: low, so that the inner solver has work to do.
const PART: f64 = 0.2;

/// The call that callgrind collects (by its name).
#[inline(never)]
fn counted(name: &str, problem: &Simulated, gain: &Gain, alpha: f64) -> Result<Solution, Error> {
    let stopping = Stopping { tol: 1e-6, ..Stopping::default() };
    let options = Options { stopping, threads: Threads::new(1), ..Options::default() };
    let data = black_box(problem.data.view());
    if name == "reweighted" {
        let amplitude_unit = AmplitudeUnit::Number(1.0);
        let rounds =
            Reweight { n_reweights: 10, tol_reweight: 0.0, amplitude_unit, ..Reweight::default() };
        solve_irmxne(gain, data, alpha, &rounds, &options)
    } else {
        solve_mxne(gain, data, alpha, &options)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` hands over flags of its own.
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let names = ["free", "fixed", "reweighted"];
    let mut out = std::io::stdout().lock();
    for name in names.into_iter().filter(|name| asked.as_deref().is_none_or(|a| a == *name)) {
        let problem = simulated(60, 500, if name == "fixed" { 1 } else { 3 }, 40);
        let gain = Gain::new(problem.gain.view(), problem.n_orient)?;
        let alpha = PART * alpha_max(&gain, problem.data.view(), &Options::default())?;
        let solution = counted(name, &problem, &gain, alpha)?;
        let (active, gap) = (solution.sources.locations.len(), solution.certificate.relative_gap());
        let epochs = solution.n_iter;
        writeln!(out, "{name}: {active} locations, gap {gap:.1e}, {epochs} epochs")?;
    }
    Ok(())
}
