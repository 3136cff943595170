//! Sums of products over lanes, and products with a few columns of the gain.

use crate::machine::panel::Lane;

#[inline(always)]
pub(super) fn madd<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn madd_arrays<const FMA: bool, const N: usize>(sums: &mut [f64; N], x: &[f64; N], y: &[f64; N]) {
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum = madd::<FMA>(*x, *y, *sum);
    }
}

#[inline(always)]
pub(super) fn dot_body<const FMA: bool>(a: &[Lane], b: &[Lane]) -> f64 {
    dot_slices_body::<FMA>(bytemuck::cast_slice(a), bytemuck::cast_slice(b))
}

#[inline(always)]
pub(super) fn dot_slices_body<const FMA: bool>(a: &[f64], b: &[f64]) -> f64 {
    let (mut wide, mut narrow) = ([0.0; 32], [0.0; 8]);
    let ((a_wide, a), (b_wide, b)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    for (x, y) in a_wide.iter().zip(b_wide) {
        madd_arrays::<FMA, 32>(&mut wide, x, y);
    }
    let ((a_narrow, a), (b_narrow, b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (x, y) in a_narrow.iter().zip(b_narrow) {
        madd_arrays::<FMA, 8>(&mut narrow, x, y);
    }
    for part in wide.as_chunks::<8>().0 {
        for (sum, value) in narrow.iter_mut().zip(part) {
            *sum += value;
        }
    }
    let rest: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    narrow.iter().sum::<f64>() + rest
}

/// Sum of squares: sixteen sums in single precision over at most `RUN` numbers each, then in
/// double.
#[inline(always)]
pub(super) fn energy_single_body<const FMA: bool>(a: &[f32]) -> f64 {
    let mut total = 0.0;
    for run in a.chunks(16 * RUN) {
        let mut sums = [0.0_f32; 16];
        let (whole, rest) = run.as_chunks::<16>();
        for x in whole {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = if FMA { x.mul_add(*x, *sum) } else { *sum + x * x };
            }
        }
        total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        total += rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    }
    total
}

/// Squares that are summed up in single precision: the relative error is at most this, times 2^-24.
pub(crate) const RUN: usize = 32;

/// Rows that `subtract_outer` takes in one pass over its target: with so many, arithmetic takes
/// longer than memory.
pub(crate) const ROWS_AT_ONCE: usize = 12;

/// `out[r] -= sum_i rows[i][r] * delta[i]` for `K` rows at once.
#[inline(always)]
fn subtract_rows<const FMA: bool, const K: usize>(
    out: &mut [Lane],
    rows: [&[f64]; K],
    delta: &[Lane],
    width: usize,
) {
    for (r, target) in out.chunks_exact_mut(width).enumerate() {
        let factors: [f64; K] = std::array::from_fn(|i| -rows[i][r]);
        for (q, lane) in target.iter_mut().enumerate() {
            let mut sum = lane.0;
            for i in 0..K {
                let d = &delta[i * width + q].0;
                for (value, d) in sum.iter_mut().zip(d) {
                    *value = madd::<FMA>(factors[i], *d, *value);
                }
            }
            lane.0 = sum;
        }
    }
}

#[inline(always)]
pub(super) fn subtract_outer_body<const FMA: bool>(
    out: &mut [Lane],
    rows: &[f64],
    delta: &[Lane],
    width: usize,
) {
    let n = out.len() / width;
    let mut rows = rows;
    let mut delta = delta;
    while rows.len() >= ROWS_AT_ONCE * n && n > 0 {
        let (now, rest) = rows.split_at(ROWS_AT_ONCE * n);
        let now: [&[f64]; ROWS_AT_ONCE] = std::array::from_fn(|i| &now[i * n..(i + 1) * n]);
        subtract_rows::<FMA, ROWS_AT_ONCE>(out, now, delta, width);
        rows = rest;
        delta = &delta[ROWS_AT_ONCE * width..];
    }
    while rows.len() >= 3 * n && n > 0 {
        let (now, rest) = rows.split_at(3 * n);
        let (a, b) = now.split_at(n);
        let (b, c) = b.split_at(n);
        subtract_rows::<FMA, 3>(out, [a, b, c], delta, width);
        rows = rest;
        delta = &delta[3 * width..];
    }
    while rows.len() >= n && n > 0 {
        let (now, rest) = rows.split_at(n);
        subtract_rows::<FMA, 1>(out, [now], delta, width);
        rows = rest;
        delta = &delta[width..];
    }
}

#[inline(always)]
pub(super) fn correlate_body<const FMA: bool>(
    out: &mut [Lane],
    columns: &[f64],
    residual: &[Lane],
    width: usize,
) {
    let n = residual.len() / width;
    for (target, column) in out.chunks_exact_mut(width).zip(columns.chunks_exact(n)) {
        target.fill(Lane([0.0; 8]));
        for (&factor, row) in column.iter().zip(residual.chunks_exact(width)) {
            for (lane, r) in target.iter_mut().zip(row) {
                for (value, r) in lane.0.iter_mut().zip(r.0) {
                    *value = madd::<FMA>(factor, r, *value);
                }
            }
        }
    }
}
