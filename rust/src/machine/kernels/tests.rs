//! The kernels of this CPU against the portable ones, and those against the formulas.

use super::*;
use proptest::prelude::*;

fn lanes(n: usize, seed: f64) -> Vec<Lane> {
    (0..n).map(|i| Lane(std::array::from_fn(|j| ((i * 8 + j) as f64 * seed).sin()))).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12 * (1.0 + b.abs())
}

fn all_close(a: &[Lane], b: &[Lane]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (0..8).all(|i| close(a.0[i], b.0[i])))
}

/// `n` sensors, `width` lanes of samples, `k` rows: every kernel of this CPU against the
/// portable body, and that against the formula. Arrays are exactly as long as they have to be,
/// so that a checker sees a step beyond.
fn agree(n: usize, width: usize, k: usize) {
    let (chosen, base) = (kernels(), &baseline::TABLE);
    let a = lanes(n * width, 0.37);
    let rows: Vec<f64> = (0..n * k).map(|i| (i as f64).cos()).collect();
    let delta = lanes(k * width, 0.71);
    assert!(close(chosen.energy(&a), base.energy(&a)));
    assert!(close(chosen.dot_slices(&rows, &rows), base.dot_slices(&rows, &rows)));
    let exact: f64 = rows.iter().map(|r| r * r).sum();
    assert!(close(base.dot_slices(&rows, &rows), exact));

    let (mut x, mut y, mut exact) = (a.clone(), a.clone(), a.clone());
    chosen.subtract_outer(&mut x, &rows, &delta, width);
    base.subtract_outer(&mut y, &rows, &delta, width);
    for (at, lane) in exact.iter_mut().enumerate() {
        for (i, value) in lane.0.iter_mut().enumerate() {
            let (r, q) = (at / width, at % width);
            let terms = (0..k).map(|k| rows[k * n + r] * delta[k * width + q].0[i]);
            *value -= terms.sum::<f64>();
        }
    }
    assert!(all_close(&x, &y) && all_close(&y, &exact));

    if n == 0 {
        return;
    }
    let (mut p, mut q, mut exact) = (delta.clone(), delta.clone(), delta);
    chosen.correlate(&mut p, &rows, &a, width);
    base.correlate(&mut q, &rows, &a, width);
    for (at, lane) in exact.iter_mut().enumerate() {
        for (i, value) in lane.0.iter_mut().enumerate() {
            let (j, q) = (at / width, at % width);
            *value = (0..n).map(|r| rows[j * n + r] * a[r * width + q].0[i]).sum();
        }
    }
    assert!(all_close(&p, &q) && all_close(&q, &exact));
}

#[test]
fn chosen_kernels_agree_with_the_baseline() {
    // No rows, no sensors, one of each, and both sides of the three and of the `ROWS_AT_ONCE`
    // rows taken at once.
    let edges = [(1, 1, 0), (5, 2, 0), (0, 1, 0), (0, 2, 7), (1, 1, 1), (1, 1, ROWS_AT_ONCE)];
    let usual =
        [(7, 1, 2), (50, 2, 3), (33, 3, 5), (9, 8, 4), (5, 2, 29), (3, 1, ROWS_AT_ONCE + 4)];
    let long = [(31, 1, 2 * ROWS_AT_ONCE), (32, 1, ROWS_AT_ONCE - 1), (33, 2, 2)];
    for (n, width, k) in edges.into_iter().chain(usual).chain(long) {
        agree(n, width, k);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn kernels_agree_on_any_shape(n in 0usize..70, width in 1usize..6, k in 0usize..40) {
        agree(n, width, k);
    }

    #[test]
    fn energy_of_any_length_in_single_precision(n in 0usize..2000) {
        let values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.3).sin()).collect();
        let exact: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        for table in [kernels(), &baseline::TABLE] {
            let found = table.energy_single(&values);
            prop_assert!((found - exact).abs() <= RUN as f64 * 2.0_f64.powi(-24) * exact);
        }
    }

    #[test]
    fn products_of_any_shape(m in 0usize..20, k in 0usize..20, width in 1usize..7) {
        let wave = |n: usize, seed: f64| (0..n).map(move |i| (i as f64 * seed).sin());
        let stride = 16 * width;
        let rows: Vec<f64> = wave(m * k, 0.37).collect();
        let b: Vec<f64> = wave(k * stride, 0.71).collect();
        let columns: Vec<f64> = (0..m * k).map(|i| rows[i % m * k + i / m]).collect();
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let (rows32, columns32, b32) = (single(&rows), single(&columns), single(&b));
        for table in [kernels(), &baseline::TABLE] {
            let mut out = vec![vec![0.0; m * stride]; 2];
            table.multiply(&mut out[0], Factors::Rows(&rows, k), &b, stride);
            table.multiply(&mut out[1], Factors::Columns(&columns, m), &b, stride);
            let mut out32 = vec![vec![0.0; m * stride]; 2];
            table.multiply_single(&mut out32[0], Factors::Rows(&rows32, k), &b32, stride);
            table.multiply_single(&mut out32[1], Factors::Columns(&columns32, m), &b32, stride);
            for i in 0..m * stride {
                let (row, column, terms) = (i / stride * k, i % stride, (k + 1) as f64);
                let exact: f64 = (0..k).map(|l| rows[row + l] * b[l * stride + column]).sum();
                let close = |found: f64, part: f64| (found - exact).abs() < part * terms;
                prop_assert!(out.iter().all(|out| close(out[i], 1e-13)));
                prop_assert!(out32.iter().all(|out| close(f64::from(out[i]), 1e-6)));
            }
        }
    }

    #[test]
    fn dot_of_any_length(n in 0usize..200, offset in 0usize..8) {
        let values: Vec<f64> = (0..n + offset).map(|i| (i as f64 * 0.3).sin()).collect();
        let (a, b) = (&values[offset..], &values[..n]);
        let exact: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        prop_assert!(close(kernels().dot_slices(a, b), exact));
        prop_assert!(close(baseline::TABLE.dot_slices(a, b), exact));
    }
}
