//! Products of small matrices that stay in the cache, without an allocation.

/// The factors of a product, as rows or as columns.
#[derive(Clone, Copy)]
pub(crate) enum Factors<'a, T> {
    /// the factors of each row of the product, a run of so many
    Rows(&'a [T], usize),
    /// the factors of all rows of the product, as many as there are rows, for each row of `b`
    Columns(&'a [T], usize),
}

/// `out = factors b` for rows of `stride` numbers, a multiple of `$lanes`, by blocks that stay in
/// registers. There is no closure in it: the compiler would make it a function of its own, without
/// the features of the CPU.
macro_rules! multiply {
    ($name:ident, $block:ident, $strip:ident, $row:ident, $add:ident, $real:ty, $lanes:literal) => {
        /// `sum += a x`, a vector at a time.
        #[inline(always)]
        fn $add<const FMA: bool, const C: usize>(
            sums: &mut [[$real; $lanes]; C],
            a: $real,
            x: &[[$real; $lanes]; C],
        ) {
            for (sums, x) in sums.iter_mut().zip(x) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = if FMA { a.mul_add(*x, *sum) } else { a * *x + *sum };
                }
            }
        }

        /// Six rows of the product, `C` vectors wide; the factors of a row are `step` apart. The
        /// rows have names: a loop over them would not be unrolled, and the sums would live in
        /// memory.
        #[inline(always)]
        fn $strip<const FMA: bool, const C: usize>(
            out: &mut [$real],
            rows: [&[$real]; 6],
            step: usize,
            (b, stride, first): (&[$real], usize, usize),
        ) {
            let [r0, r1, r2, r3, r4, r5] = rows;
            let [mut s0, mut s1, mut s2, mut s3, mut s4, mut s5] = [[[0.0; $lanes]; C]; 6];
            for (k, row) in b.chunks_exact(stride).enumerate() {
                let Some(x) = row[first..].as_chunks::<$lanes>().0.first_chunk::<C>() else {
                    break;
                };
                let at = k * step;
                let (a0, a1, a2, a3, a4, a5) = (r0[at], r1[at], r2[at], r3[at], r4[at], r5[at]);
                $add::<FMA, C>(&mut s0, a0, x);
                $add::<FMA, C>(&mut s1, a1, x);
                $add::<FMA, C>(&mut s2, a2, x);
                $add::<FMA, C>(&mut s3, a3, x);
                $add::<FMA, C>(&mut s4, a4, x);
                $add::<FMA, C>(&mut s5, a5, x);
            }
            for (r, sums) in [s0, s1, s2, s3, s4, s5].iter().enumerate() {
                let start = r * stride + first;
                out[start..start + C * $lanes].copy_from_slice(sums.as_flattened());
            }
        }

        /// One row of the product.
        #[inline(always)]
        fn $row<const FMA: bool>(
            out: &mut [$real],
            factors: &[$real],
            step: usize,
            (b, stride, first): (&[$real], usize, usize),
        ) {
            let mut sums = [[0.0; $lanes]; 1];
            for (k, row) in b.chunks_exact(stride).enumerate() {
                if let Some(x) = row[first..].as_chunks::<$lanes>().0.first_chunk::<1>() {
                    $add::<FMA, 1>(&mut sums, factors[k * step], x);
                }
            }
            out[first..first + $lanes].copy_from_slice(sums.as_flattened());
        }

        #[inline(always)]
        fn $block<const FMA: bool, const C: usize>(
            out: &mut [$real],
            rows: [&[$real]; 6],
            step: usize,
            b: &[$real],
            stride: usize,
        ) {
            let mut first = 0;
            while first + C * $lanes <= stride {
                $strip::<FMA, C>(out, rows, step, (b, stride, first));
                first += C * $lanes;
            }
            while first < stride {
                $strip::<FMA, 1>(out, rows, step, (b, stride, first));
                first += $lanes;
            }
        }

        #[inline(always)]
        pub(super) fn $name<const FMA: bool, const C: usize>(
            out: &mut [$real],
            factors: Factors<$real>,
            b: &[$real],
            stride: usize,
        ) {
            assert!(stride % $lanes == 0 && stride > 0);
            let (n, depth) = (out.len() / stride, b.len() / stride);
            let (length, step) = match factors {
                Factors::Rows(_, length) => (length, 1),
                Factors::Columns(_, length) => (1, length),
            };
            let (Factors::Rows(a, _) | Factors::Columns(a, _)) = factors;
            if depth == 0 {
                out.fill(0.0);
                return;
            }
            let mut at = 0;
            while at < n {
                let (out, a) = (&mut out[at * stride..], &a[at * length..]);
                if n - at < 6 {
                    for first in (0..stride).step_by($lanes) {
                        $row::<FMA>(out, a, step, (b, stride, first));
                    }
                    at += 1;
                    continue;
                }
                let mut rows = [a; 6];
                for (r, row) in rows.iter_mut().enumerate() {
                    *row = &a[r * length..];
                }
                if step == 1 {
                    for row in &mut rows {
                        *row = &row[..depth];
                    }
                    $block::<FMA, C>(out, rows, 1, b, stride);
                } else {
                    $block::<FMA, C>(out, rows, step, b, stride);
                }
                at += 6;
            }
        }
    };
}

multiply!(multiply_single_body, block_single, strip_single, row_single, add_single, f32, 16);
multiply!(multiply_body, block, strip, row, add, f64, 8);
