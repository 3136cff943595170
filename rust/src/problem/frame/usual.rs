//! Coefficients as they are usually written, and as a row holds them.

use super::Frame;
use realfft::num_complex::Complex;

impl Frame {
    /// Lists the coefficients of a row that are not zero as they are usually written: with their
    /// place where the windows of one frequency stand side by side, and without the square root of
    /// their multiplicity.
    pub fn usual(&self, row: &[f64]) -> impl Iterator<Item = (usize, Complex<f64>)> {
        let (re, im) = row.split_at(8 * self.half_width());
        self.places().enumerate().filter_map(move |(place, (k, root))| {
            let z = Complex { re: re[k] / root, im: im[k] / root };
            (z != Complex::default()).then_some((place, z))
        })
    }

    /// Writes coefficients of the usual form, their places rising, into a row.
    pub fn write_usual(
        &self,
        values: impl Iterator<Item = (usize, Complex<f64>)>,
        row: &mut [f64],
    ) {
        let (re, im) = row.split_at_mut(8 * self.half_width());
        let mut values = values.peekable();
        for (place, (k, root)) in self.places().enumerate() {
            if let Some((_, z)) = values.next_if(|(at, _)| *at == place) {
                (re[k], im[k]) = (root * z.re, if root == 1.0 { 0.0 } else { root * z.im });
            }
        }
    }

    /// Lists, for each coefficient in the usual order, its place in a row and the square root of
    /// its multiplicity.
    fn places(&self) -> impl Iterator<Item = (usize, f64)> {
        self.transforms.iter().flat_map(|t| {
            (0..t.stft.n_freqs()).flat_map(move |f| {
                let place = move |i| t.first + i * t.stft.n_freqs() + f;
                (0..t.n_windows).map(move |i| (place(i), t.root_of_multiplicity(f)))
            })
        })
    }
}
