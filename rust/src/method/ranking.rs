//! Choosing locations by their size.

/// Lists at most `count` of the locations wanted, those with the largest sizes first, equal ones in
/// their own order. Nothing is allocated where `out` has room for all locations wanted.
pub(crate) fn rank_largest(
    out: &mut Vec<usize>,
    sizes: &[f64],
    count: usize,
    is_wanted: impl Fn(usize) -> bool,
) {
    let order = |a: &usize, b: &usize| sizes[*b].total_cmp(&sizes[*a]).then(a.cmp(b));
    out.clear();
    out.extend((0..sizes.len()).filter(|&s| is_wanted(s)));
    if count < out.len() {
        out.select_nth_unstable_by(count, order);
        out.truncate(count);
    }
    out.sort_unstable_by(order);
}
