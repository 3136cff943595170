//! Steps of the elimination of a positive definite matrix, eight rows at a time; the matrix is
//! padded to a multiple of eight.

use super::blocks::madd;
use crate::machine::panel::Lane;

/// Rows that are eliminated at a time: the columns of one lane.
pub(crate) const BLOCK: usize = 8;

/// `lane -= factor * x`.
#[inline(always)]
fn subtract<const FMA: bool>(lane: &mut [f64; 8], factor: f64, x: &Lane) {
    for (value, x) in lane.iter_mut().zip(&x.0) {
        *value = madd::<FMA>(-factor, *x, *value);
    }
}

/// `targets[i] -= sum_k factors[i][k] * sources[k]` for two targets, where the sources are `stride`
/// lanes apart. The rows have names: a loop over them would not be unrolled.
#[inline(always)]
fn subtract_rows<const FMA: bool>(
    targets: [&mut [Lane]; 2],
    factors: [[f64; BLOCK]; 2],
    sources: &[Lane],
    stride: usize,
) {
    let [first, second] = targets;
    let length = first.len();
    let second = &mut second[..length];
    let (r0, r1) = (&sources[..length], &sources[stride..][..length]);
    let (r2, r3) = (&sources[2 * stride..][..length], &sources[3 * stride..][..length]);
    let (r4, r5) = (&sources[4 * stride..][..length], &sources[5 * stride..][..length]);
    let (r6, r7) = (&sources[6 * stride..][..length], &sources[7 * stride..][..length]);
    let [a, b] = factors;
    for q in 0..length {
        let (mut one, mut two) = (first[q].0, second[q].0);
        subtract::<FMA>(&mut one, a[0], &r0[q]);
        subtract::<FMA>(&mut two, b[0], &r0[q]);
        subtract::<FMA>(&mut one, a[1], &r1[q]);
        subtract::<FMA>(&mut two, b[1], &r1[q]);
        subtract::<FMA>(&mut one, a[2], &r2[q]);
        subtract::<FMA>(&mut two, b[2], &r2[q]);
        subtract::<FMA>(&mut one, a[3], &r3[q]);
        subtract::<FMA>(&mut two, b[3], &r3[q]);
        subtract::<FMA>(&mut one, a[4], &r4[q]);
        subtract::<FMA>(&mut two, b[4], &r4[q]);
        subtract::<FMA>(&mut one, a[5], &r5[q]);
        subtract::<FMA>(&mut two, b[5], &r5[q]);
        subtract::<FMA>(&mut one, a[6], &r6[q]);
        subtract::<FMA>(&mut two, b[6], &r6[q]);
        subtract::<FMA>(&mut one, a[7], &r7[q]);
        subtract::<FMA>(&mut two, b[7], &r7[q]);
        (first[q].0, second[q].0) = (one, two);
    }
}

/// Reads column `row` of eight rows, `stride` lanes apart.
#[inline(always)]
fn column(rows: &[Lane], stride: usize, row: usize) -> [f64; BLOCK] {
    let mut out = [0.0; BLOCK];
    for (k, value) in out.iter_mut().enumerate() {
        *value = rows[k * stride + row / BLOCK].0[row % BLOCK];
    }
    out
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
    for (i, pair) in below.chunks_exact_mut(2 * width).enumerate() {
        let row = first + BLOCK + 2 * i;
        let lane = row / BLOCK;
        let factors = [column(own, width, row), column(own, width, row + 1)];
        let (one, two) = pair.split_at_mut(width);
        subtract_rows::<FMA>([&mut one[lane..], &mut two[lane..]], factors, &own[lane..], width);
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
    for pair in above.chunks_exact_mut(2 * width) {
        let (one, two) = pair.split_at_mut(width);
        let factors = [one[block].0, two[block].0];
        subtract_rows::<FMA>([&mut one[at..], &mut two[at..]], factors, &own[at..], width);
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
    for (i, pair) in below.chunks_exact_mut(2 * stride).enumerate() {
        let row = first + BLOCK + 2 * i;
        let factors = [column(factor_rows, width, row), column(factor_rows, width, row + 1)];
        let (one, two) = pair.split_at_mut(stride);
        subtract_rows::<FMA>([&mut one[..=block], &mut two[..=block]], factors, own, stride);
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
    for (i, pair) in out.chunks_exact_mut(2 * stride).take(count / 2).enumerate() {
        let lane = 2 * i / BLOCK;
        let negated = |row: usize| column(rows, stride, row).map(|value| -value);
        let factors = [negated(2 * i), negated(2 * i + 1)];
        let (one, two) = pair.split_at_mut(stride);
        subtract_rows::<FMA>([&mut one[..=lane], &mut two[..=lane]], factors, rows, stride);
    }
}
