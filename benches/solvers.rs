//! Times of the public functions on fixed simulated problems: `cargo bench --bench solvers`.

mod simulated;

use divan::{Bencher, black_box};
use mxne_rs::{
    AmplitudeUnit, Gain, Options, Reweight, Stopping, Threads, alpha_max, group_soft_threshold,
    solve_irmxne, solve_mxne,
};
use ndarray::Array2;
use simulated::{Simulated, simulated};

/// Orientations a location has.
const ORIENTATIONS: [usize; 2] = [1, 3];
/// Parts of alpha_max.
const PARTS: [f64; 3] = [0.6, 0.4, 0.2];

fn main() {
    divan::main();
}

fn problem(n_orient: usize) -> Simulated {
    simulated(102, 2000, n_orient, 60)
}

fn options() -> Options {
    let stopping = Stopping { tol: 1e-6, ..Stopping::default() };
    Options { stopping, threads: Threads::new(1), ..Options::default() }
}

fn prepared(problem: &Simulated) -> (Gain, f64) {
    let made = Gain::new(problem.gain.view(), problem.n_orient).and_then(|gain| {
        let largest = alpha_max(&gain, problem.data.view(), &options())?;
        Ok((gain, largest))
    });
    made.unwrap_or_else(|error| panic!("{error}"))
}

#[divan::bench(args = ORIENTATIONS)]
fn prepare_gain(bencher: Bencher, n_orient: usize) {
    let problem = problem(n_orient);
    bencher.bench_local(|| Gain::new(black_box(problem.gain.view()), n_orient));
}

#[divan::bench(args = ORIENTATIONS)]
fn largest_alpha(bencher: Bencher, n_orient: usize) {
    let problem = problem(n_orient);
    let (gain, _) = prepared(&problem);
    let options = options();
    bencher.bench_local(|| alpha_max(&gain, black_box(problem.data.view()), &options));
}

/// The unit in which the Python benchmarks count, G'R, made twice: the first fills the caches.
#[divan::bench(args = ORIENTATIONS)]
fn two_products(bencher: Bencher, n_orient: usize) {
    let problem = problem(n_orient);
    let (gain, _) = prepared(&problem);
    let threads = Threads::new(1);
    bencher.bench_local(|| gain.product_seconds(black_box(problem.data.view()), &threads));
}

#[divan::bench(args = PARTS)]
fn mxne_fixed(bencher: Bencher, part: f64) {
    mxne(bencher, 1, part);
}

#[divan::bench(args = PARTS)]
fn mxne_free(bencher: Bencher, part: f64) {
    mxne(bencher, 3, part);
}

fn mxne(bencher: Bencher, n_orient: usize, part: f64) {
    let problem = problem(n_orient);
    let (gain, largest) = prepared(&problem);
    let options = options();
    let data = problem.data.view();
    bencher.bench_local(|| solve_mxne(&gain, black_box(data), part * largest, &options));
}

/// Ten rounds, even where nothing changes any more.
#[divan::bench(args = ORIENTATIONS)]
fn irmxne(bencher: Bencher, n_orient: usize) {
    let problem = problem(n_orient);
    let (gain, largest) = prepared(&problem);
    let (options, data) = (options(), problem.data.view());
    let amplitude_unit = AmplitudeUnit::Number(1.0);
    let rounds =
        Reweight { n_reweights: 10, tol_reweight: 0.0, amplitude_unit, ..Reweight::default() };
    bencher.bench_local(|| solve_irmxne(&gain, black_box(data), 0.4 * largest, &rounds, &options));
}

#[divan::bench(args = ORIENTATIONS)]
fn soft_threshold(bencher: Bencher, n_orient: usize) {
    let block = Array2::from_shape_fn((n_orient, 60), |(i, t)| (i + t) as f64 / 60.0);
    bencher.with_inputs(|| block.clone()).bench_local_refs(|block| {
        group_soft_threshold(black_box(block.view_mut()), 1.0);
    });
}
