//! The discrete cosine transform of rows: an orthonormal basis in which smooth rows need few
//! columns.

use crate::error::Error;
use crate::machine::memory;
use crate::machine::panel::Panel;
use realfft::RealFftPlanner;
use std::f64::consts::PI;

/// Computes the orthonormal cosine transform (type II) of every row.
pub(crate) fn cosines(rows: &Panel) -> Result<Panel, Error> {
    const WHAT: &str = "a cosine transform";
    let (n, stride) = (rows.n_times, rows.stride());
    let mut out = Panel::zeros(rows.rows, n)?;
    memory::expect_room(WHAT, n.saturating_mul(16 * size_of::<f64>()))?;
    // That of a row and its mirror image has the cosines as its real part, but for a phase.
    let transform = RealFftPlanner::new().plan_fft_forward(2 * n);
    let (mut twice, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let mut scratch = transform.make_scratch_vec();
    let phases: Vec<(f64, f64)> =
        memory::gathered(WHAT, (0..n).map(|k| (-0.5 * PI * k as f64 / n as f64).sin_cos()))?;
    for (row, target) in rows.values().chunks(stride).zip(out.values_mut().chunks_mut(stride)) {
        let (first, second) = twice.split_at_mut(n);
        first.copy_from_slice(&row[..n]);
        second.iter_mut().rev().zip(&row[..n]).for_each(|(to, from)| *to = *from);
        // The lengths are those that the plan was made for: it cannot refuse them.
        let _ = transform.process_with_scratch(&mut twice, &mut spectrum, &mut scratch);
        for (k, (value, (z, (sin, cos)))) in
            target.iter_mut().zip(spectrum.iter().zip(&phases)).enumerate()
        {
            let scale = if k == 0 { 0.25 / n as f64 } else { 0.5 / n as f64 };
            *value = scale.sqrt() * (z.re * cos - z.im * sin);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Against the definition.
    #[test]
    fn cosines_are_those_of_the_formula() -> Result<(), Error> {
        for n in [1, 2, 7, 16, 61] {
            let wave = |(i, j): (usize, usize)| ((i * 31 + j * j * 17) as f64 * 0.37).sin();
            let rows = Array2::from_shape_fn((3, n), wave);
            let ours = cosines(&Panel::from_array(rows.view())?)?.to_array()?;
            for ((i, k), value) in ours.indexed_iter() {
                let angle = |j: usize| PI * (j as f64 + 0.5) * k as f64 / n as f64;
                let sum: f64 = (0..n).map(|j| rows[[i, j]] * angle(j).cos()).sum();
                let scale = if k == 0 { 1.0 } else { 2.0 } / n as f64;
                assert!((value - scale.sqrt() * sum).abs() < 1e-13, "{n} {k}");
            }
        }
        Ok(())
    }
}
