//! A band of a frame: some of its frequencies. Outside of it coefficients are zero.

use super::{Frame, Transform, WHAT};
use crate::error::Error;
use crate::machine::memory;

impl Frame {
    /// Returns the number of frequencies of all transforms.
    pub fn n_frequencies(&self) -> usize {
        self.transforms.iter().map(|t| t.kept.len()).sum()
    }

    /// Lists which frequency each coefficient of a row belongs to, of all transforms.
    pub fn frequencies(&self) -> impl Iterator<Item = usize> {
        let mut before = 0;
        self.transforms.iter().flat_map(move |t| {
            let first = before;
            before += t.kept.len();
            (0..t.n_windows).flat_map(move |_| first..first + t.kept.len())
        })
    }

    /// Makes the frame of the frequencies that are open.
    pub fn on_band(&self, open: &[bool]) -> Result<Frame, Error> {
        let (mut transforms, mut n_coefs, mut before) = (Vec::new(), 0, 0);
        for t in &self.transforms {
            let open = &open[before..before + t.kept.len()];
            before += t.kept.len();
            let kept = t.kept.iter().zip(open).filter(|(_, open)| **open).map(|(&f, _)| f);
            let kept: Vec<usize> = kept.collect();
            let (first, n_windows) = (n_coefs, t.n_windows);
            n_coefs += n_windows * kept.len();
            transforms.push(Transform {
                stft: t.stft,
                n_windows,
                first,
                kept,
                window: t.window.clone(),
                factors: memory::copied(WHAT, &t.factors)?,
                forward: t.forward.clone(),
                inverse: t.inverse.clone(),
            });
        }
        Ok(Frame { n_times: self.n_times, n_coefs, transforms })
    }

    /// Lists the places in a row of the coefficients that are open.
    pub fn open_places(&self, open: &[bool]) -> Vec<usize> {
        let places = self.frequencies().enumerate();
        places.filter(|(_, frequency)| open[*frequency]).map(|(place, _)| place).collect()
    }
}
