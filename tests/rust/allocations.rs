//! The hot loop allocates nothing: more epochs, no more allocations; nor does a window of a stream.
//! Counted on one thread, which solves.
#![allow(unsafe_code)]

use mxne_rs::{
    AlphaRule, Gain, Options, Solver, Stopping, Stream, StreamOptions, Surrogate, Threads,
    alpha_max, solve_mxne,
};
use ndarray::Array2;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract is that of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is that of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one solve that is cut after `max_iter` epochs, and looks at the whole gain.
fn allocations(
    (gain, data, alpha): (&Gain, &Array2<f64>, f64),
    solver: Solver,
    max_iter: usize,
) -> Result<(usize, usize), mxne_rs::Error> {
    let stopping = Stopping { tol: 1e-300, max_iter, ..Stopping::default() };
    let threads = Threads::new(1);
    let options = Options { stopping, solver, threads, ..Options::default() };
    let before = COUNT.with(Cell::get);
    let solution = solve_mxne(gain, data.view(), alpha, &options)?;
    let after = COUNT.with(Cell::get);
    assert_eq!(solution.n_iter, max_iter);
    Ok((after - before, solution.history.len()))
}

#[test]
fn epochs_allocate_nothing() -> Result<(), mxne_rs::Error> {
    for n_orient in [1, 3] {
        // Smooth and overlapping, so that thousands of epochs are not enough, and dozens where
        // Newton's steps help.
        let wave = |(i, j): (usize, usize)| {
            (0.02 * (i * (j / n_orient + 1)) as f64 + (j % n_orient) as f64).cos()
        };
        let array = Array2::from_shape_fn((40, 60 * n_orient), wave);
        let data = Array2::from_shape_fn((40, 20), |(i, t)| {
            array[[i, 30]] * (0.3 * t as f64).sin() + ((i * 31 + t * 17) % 101) as f64 / 50.0 - 1.0
        });
        let gain = Gain::new(array.view(), n_orient)?;
        let alpha = 0.01 * alpha_max(&gain, data.view(), &Options::default())?;
        for (solver, epochs) in [(Solver::Bcd, 25), (Solver::Fista, 300)] {
            let problem = (&gain, &data, alpha);
            let (some, looks) = allocations(problem, solver, epochs)?;
            let (more, more_looks) = allocations(problem, solver, 2 * epochs)?;
            // Twice the epochs: further looks at the whole gain, which may allocate; arrays that
            // grow with the support, a few times; and nothing from the epochs.
            let allowed = 60 * (more_looks - looks) + 100;
            assert!(more < some + allowed, "{solver:?}: {some}, then {more}, allowed {allowed}");
        }
    }
    Ok(())
}

/// Sources that come and go, in noise: after ten windows nothing is allocated, whatever the rule.
#[test]
fn windows_allocate_nothing() -> Result<(), mxne_rs::Error> {
    let (n, t, hop) = (30, 40, 20);
    for n_orient in [1, 3] {
        let random = |seed: usize| {
            move |(i, j): (usize, usize)| {
                let mixed = (i * 7919 + j * 104_729 + seed).wrapping_mul(2_654_435_761) % 65_536;
                mixed as f64 / 32_768.0 - 1.0
            }
        };
        let array = Array2::from_shape_fn((n, 500 * n_orient), random(1));
        let gain = Arc::new(Gain::new(array.view(), n_orient)?);
        let whitener = Array2::from_shape_fn((n, n + 2), |(i, j)| f64::from(u8::from(i == j)));
        for (alpha, surrogate) in [
            (AlphaRule::Percent(40.0), Surrogate::Sqrt),
            (AlphaRule::Tracked, Surrogate::Log),
            (AlphaRule::Absolute(40.0), Surrogate::Sqrt),
            (AlphaRule::Percent(40.0), Surrogate::Log),
        ] {
            let options =
                StreamOptions { alpha, hop, surrogate, n_reweights: 3, ..StreamOptions::new(t) };
            let mut stream = Stream::new(gain.clone(), Some(whitener.view()), options)?;
            let mut n_active = 0;
            for window in 0..60 {
                let data = Array2::from_shape_fn((n + 2, t), |(i, k)| {
                    let time = (window * hop + k) as f64;
                    let column = (7 + window / 20 * 100) * n_orient;
                    let source = if i < n { array[[i, column]] } else { 0.0 };
                    3.0 * (0.3 * time).sin() * source + random(2)((i, window * hop + k))
                });
                let before = COUNT.with(Cell::get);
                n_active += stream.update(data.view())?.locations.len();
                let after = COUNT.with(Cell::get);
                assert!(window < 10 || after == before, "{alpha:?}, window {window}");
            }
            assert!(n_active >= 20, "{alpha:?}: {n_active}");
        }
    }
    Ok(())
}
