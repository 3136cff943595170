//! Steps of the elimination of a positive definite matrix, eight rows at a time; the matrix is
//! padded to a multiple of eight.

use super::blocks::madd;
use crate::machine::panel::Lane;

/// Rows that are eliminated at a time: the columns of one lane.
pub(crate) const BLOCK: usize = 8;

/// `target -= sum_k factors[k] * sources[k]`, where the sources are `stride` lanes apart.
#[inline(always)]
fn subtract_rows<const FMA: bool>(
    target: &mut [Lane],
    factors: &[f64; BLOCK],
    sources: &[Lane],
    stride: usize,
) {
    let length = target.len();
    let rows: [&[Lane]; BLOCK] = std::array::from_fn(|k| &sources[k * stride..][..length]);
    for (q, lane) in target.iter_mut().enumerate() {
        let mut sum = lane.0;
        for (factor, row) in factors.iter().zip(rows) {
            for (value, x) in sum.iter_mut().zip(&row[q].0) {
                *value = madd::<FMA>(-factor, *x, *value);
            }
        }
        lane.0 = sum;
    }
}

/// Subtracts a multiple of a row: `target -= factor * source`.
#[inline(always)]
fn subtract_row<const FMA: bool>(target: &mut [Lane], factor: f64, source: &[Lane]) {
    for (lane, x) in target.iter_mut().zip(source) {
        for (value, x) in lane.0.iter_mut().zip(&x.0) {
            *value = madd::<FMA>(-factor, *x, *value);
        }
    }
}

#[inline(always)]
fn scale(row: &mut [Lane], factor: f64) {
    row.iter_mut().flat_map(|lane| &mut lane.0).for_each(|value| *value *= factor);
}

/// Eliminates one block of the rows `[A | B]`, `width` lanes each, whose blocks before are done:
/// they become rows of `[U | U^-T B]` with `A = U'U`. Returns whether every pivot exceeds its
/// floor.
#[inline(always)]
pub(super) fn eliminate_body<const FMA: bool>(
    rows: &mut [Lane],
    width: usize,
    block: usize,
    floors: &[f64],
) -> bool {
    let first = block * BLOCK;
    let (own, below) = rows[first * width..].split_at_mut(BLOCK * width);
    for i in 0..BLOCK {
        let (done, rest) = own.split_at_mut((i + 1) * width);
        let row = &mut done[i * width + block..];
        let pivot = row[0].0[i];
        // Not a number is not positive, either.
        if !(pivot > floors[first + i] && pivot.is_finite()) {
            return false;
        }
        scale(row, 1.0 / pivot.sqrt());
        let head = row[0].0;
        for (target, factor) in rest.chunks_exact_mut(width).zip(&head[i + 1..]) {
            subtract_row::<FMA>(&mut target[block..], *factor, row);
        }
    }
    for (i, target) in below.chunks_exact_mut(width).enumerate() {
        let row = first + BLOCK + i;
        let lane = row / BLOCK;
        let factors: [f64; BLOCK] = std::array::from_fn(|k| own[k * width + lane].0[row % BLOCK]);
        subtract_rows::<FMA>(&mut target[lane..], &factors, &own[lane..], width);
    }
    true
}

/// Solves `U X = Z` for one block of the rows `[U | Z]`, where the blocks below are done: X takes
/// the place of Z, which begins at lane `at`.
#[inline(always)]
pub(super) fn substitute_body<const FMA: bool>(
    rows: &mut [Lane],
    width: usize,
    block: usize,
    at: usize,
) {
    let (above, own) = rows[..(block + 1) * BLOCK * width].split_at_mut(block * BLOCK * width);
    for i in (0..BLOCK).rev() {
        let (before, row) = own.split_at_mut(i * width);
        let row = &mut row[..width];
        let pivot = row[block].0[i];
        scale(&mut row[at..], 1.0 / pivot);
        for target in before.chunks_exact_mut(width) {
            let factor = target[block].0[i];
            subtract_row::<FMA>(&mut target[at..], factor, &row[at..]);
        }
    }
    for target in above.chunks_exact_mut(width) {
        let factors = target[block].0;
        subtract_rows::<FMA>(&mut target[at..], &factors, &own[at..], width);
    }
}

/// Computes one block of rows of `U^-T`, lower triangular, where the blocks before are done; `out`
/// starts as the identity, and `rows` are those of `[U | Z]`.
#[inline(always)]
pub(super) fn invert_body<const FMA: bool>(
    out: &mut [Lane],
    stride: usize,
    rows: &[Lane],
    width: usize,
    block: usize,
) {
    let first = block * BLOCK;
    let factor_rows = &rows[first * width..(first + BLOCK) * width];
    let (own, below) = out[first * stride..].split_at_mut(BLOCK * stride);
    for i in 0..BLOCK {
        let (done, rest) = own.split_at_mut((i + 1) * stride);
        let row = &mut done[i * stride..i * stride + block + 1];
        let head = &factor_rows[i * width + block].0;
        scale(row, 1.0 / head[i]);
        for (target, factor) in rest.chunks_exact_mut(stride).zip(&head[i + 1..]) {
            subtract_row::<FMA>(&mut target[..=block], *factor, row);
        }
    }
    for (i, target) in below.chunks_exact_mut(stride).enumerate() {
        let row = first + BLOCK + i;
        let factors: [f64; BLOCK] =
            std::array::from_fn(|k| factor_rows[k * width + row / BLOCK].0[row % BLOCK]);
        subtract_rows::<FMA>(&mut target[..=block], &factors, own, stride);
    }
}

/// Adds `sum_k s_k s_k'` to the lower triangle of the first `count` rows of `out`, for eight rows
/// `s_k` as long as those of `out`.
#[inline(always)]
pub(super) fn add_squares_body<const FMA: bool>(
    out: &mut [Lane],
    stride: usize,
    rows: &[Lane],
    count: usize,
) {
    for (i, target) in out.chunks_exact_mut(stride).take(count).enumerate() {
        let lane = i / BLOCK;
        let factors: [f64; BLOCK] = std::array::from_fn(|k| -rows[k * stride + lane].0[i % BLOCK]);
        subtract_rows::<FMA>(&mut target[..=lane], &factors, rows, stride);
    }
}
