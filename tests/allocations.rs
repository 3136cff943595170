//! The hot loop allocates nothing: more epochs, no more allocations. Counted on one thread, which solves.
#![allow(unsafe_code)]

use mxne_rs::{Gain, Options, Solver, Stopping, Threads, alpha_max, solve_mxne};
use ndarray::Array2;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

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

/// Allocations of one solve that is cut after `max_iter` epochs.
fn allocations(
    (gain, data, alpha): (&Gain, &Array2<f64>, f64),
    solver: Solver,
    max_iter: usize,
) -> Result<usize, mxne_rs::Error> {
    let stopping = Stopping { tol: 1e-300, max_iter, ..Stopping::default() };
    let threads = Threads::new(1);
    let options = Options { stopping, solver, threads, ..Options::default() };
    let before = COUNT.with(Cell::get);
    let solution = solve_mxne(gain, data.view(), alpha, &options)?;
    let after = COUNT.with(Cell::get);
    assert_eq!(solution.n_iter, max_iter);
    Ok(after - before)
}

#[test]
fn epochs_allocate_nothing() -> Result<(), mxne_rs::Error> {
    for n_orient in [1, 3] {
        // Smooth and overlapping, so that thousands of epochs are not enough.
        let wave = |(i, j): (usize, usize)| {
            (0.02 * (i * (j / n_orient + 1)) as f64 + (j % n_orient) as f64).cos()
        };
        let array = Array2::from_shape_fn((40, 60 * n_orient), wave);
        let data = Array2::from_shape_fn((40, 20), |(i, t)| {
            array[[i, 30]] * (0.3 * t as f64).sin() + ((i * 31 + t * 17) % 101) as f64 / 50.0 - 1.0
        });
        let gain = Gain::new(array.view(), n_orient)?;
        let alpha = 0.01 * alpha_max(&gain, data.view(), &Options::default())?;
        for solver in [Solver::Bcd, Solver::Fista] {
            let problem = (&gain, &data, alpha);
            let (some, more) =
                (allocations(problem, solver, 300)?, allocations(problem, solver, 600)?);
            // 300 epochs more: a few looks at the whole gain, which may allocate, and nothing from the epochs.
            assert!(more < some + 150, "{solver:?}: {some} allocations, then {more}");
        }
    }
    Ok(())
}
