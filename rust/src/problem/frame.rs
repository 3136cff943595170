//! A tight frame of windowed Fourier transforms: time courses as coefficients over time and
//! frequency.

mod band;
#[cfg(test)]
mod tests;
mod usual;

use crate::error::Error;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::ops::Range;
use std::sync::Arc;

const WHAT: &str = "the time-frequency coefficients";

/// A short-time Fourier transform with a sine window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stft {
    /// samples in a window, a multiple of 4
    pub wsize: usize,
    /// samples from one window to the next: even, a divisor of `wsize`, at most half of it
    pub tstep: usize,
}

/// One or more transforms side by side, each divided by the square root of their number:
/// `|Phi x| = |x|` and `Phi' Phi x = x`.
///
/// A row of coefficients holds all real parts, then all imaginary parts. Only frequencies from zero
/// to Nyquist are kept, and those in between are multiplied by the square root of 2: so the frame
/// is a real matrix, and the norm of a row is that of the time course. Within a transform the
/// frequencies of one window stand side by side.
pub(crate) struct Frame {
    n_times: usize,
    /// complex coefficients of a row
    n_coefs: usize,
    transforms: Vec<Transform>,
}

/// One transform of the frame.
struct Transform {
    stft: Stft,
    n_windows: usize,
    /// the coefficient of its first window and frequency
    first: usize,
    /// frequencies in use, rising: all of them, but in a band
    kept: Vec<usize>,
    window: Arc<Vec<f64>>,
    /// the factor of each sample, padding included: it makes the frame tight
    factors: Vec<f64>,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

/// The arrays that transforms work in.
pub(crate) struct Scratch {
    /// samples of one window
    samples: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    fft: Vec<Complex<f64>>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("n_times", &self.n_times)
            .field("n_coefs", &self.n_coefs)
            .finish_non_exhaustive()
    }
}

impl Stft {
    /// Refuses windows of which no tight frame can be made.
    pub(crate) fn check(self) -> Result<(), Error> {
        let Stft { wsize, tstep } = self;
        if wsize == 0 || !wsize.is_multiple_of(4) {
            let remedy = "give a positive multiple of 4, in samples";
            return Err(Error::Parameter { name: "wsize", value: wsize as f64, remedy });
        }
        let divides = tstep > 0 && wsize.is_multiple_of(tstep) && 2 * tstep <= wsize;
        if !divides || !tstep.is_multiple_of(2) {
            let remedy = "give an even divisor of wsize, at most half of it, in samples";
            return Err(Error::Parameter { name: "tstep", value: tstep as f64, remedy });
        }
        Ok(())
    }

    /// Returns the number of frequencies, from zero to Nyquist.
    pub(crate) fn n_freqs(self) -> usize {
        self.wsize / 2 + 1
    }

    /// Returns the number of windows over `n_times` samples.
    pub(crate) fn n_windows(self, n_times: usize) -> usize {
        n_times.div_ceil(self.tstep)
    }
}

impl Transform {
    fn new(
        stft: Stft,
        n_times: usize,
        first: usize,
        planner: &mut RealFftPlanner<f64>,
    ) -> Result<Self, Error> {
        let Stft { wsize, tstep } = stft;
        let n_windows = stft.n_windows(n_times);
        let angle = |n: usize| std::f64::consts::PI * (n as f64 + 0.5) / wsize as f64;
        let window = Arc::new(memory::gathered(WHAT, (0..wsize).map(|n| angle(n).sin()))?);
        let mut factors: Vec<f64> = memory::zeros(WHAT, (n_windows - 1) * tstep + wsize)?;
        for shift in (0..n_windows).map(|i| i * tstep) {
            factors[shift..].iter_mut().zip(window.iter()).for_each(|(sum, w)| *sum += w * w);
        }
        factors.iter_mut().for_each(|sum| *sum = 1.0 / (wsize as f64 * *sum).sqrt());
        let (forward, inverse) = (planner.plan_fft_forward(wsize), planner.plan_fft_inverse(wsize));
        let kept = memory::gathered(WHAT, 0..stft.n_freqs())?;
        Ok(Transform { stft, n_windows, first, kept, window, factors, forward, inverse })
    }

    /// Returns the range of the coefficients of window `i`.
    fn coefs(&self, i: usize) -> Range<usize> {
        let first = self.first + i * self.kept.len();
        first..first + self.kept.len()
    }

    /// Returns the part of window `i` that is not padding, the first of `n_times` samples that it
    /// covers, and the factors of these.
    fn covered(
        &self,
        i: usize,
        n_times: usize,
    ) -> (Range<usize>, usize, impl Iterator<Item = f64>) {
        let Stft { wsize, tstep } = self.stft;
        let (start, padding) = (i * tstep, (wsize - tstep) / 2);
        let from = padding.saturating_sub(start);
        let part = from..(n_times + padding).saturating_sub(start).min(wsize);
        let factors = &self.factors[start + part.start..start + part.end];
        let tapers = self.window[part.clone()].iter().zip(factors).map(|(w, f)| w * f);
        (part, start + from - padding, tapers)
    }

    /// Returns the square root of how often a frequency stands for itself and its mirror image.
    fn root_of_multiplicity(&self, frequency: usize) -> f64 {
        let is_single = frequency == 0 || 2 * frequency == self.stft.wsize;
        if is_single { 1.0 } else { std::f64::consts::SQRT_2 }
    }
}

impl Frame {
    /// Makes the frame for time courses of `n_times` samples.
    pub fn new(n_times: usize, stfts: &[Stft]) -> Result<Self, Error> {
        let mut planner = RealFftPlanner::new();
        let (mut transforms, mut n_coefs) = (Vec::new(), 0);
        for &stft in stfts {
            stft.check()?;
            memory::expect_room(WHAT, stft.wsize.saturating_mul(8 * size_of::<f64>()))?;
            transforms.push(Transform::new(stft, n_times, n_coefs, &mut planner)?);
            n_coefs += stft.n_freqs() * stft.n_windows(n_times);
        }
        // Dividing each transform by the square root of their number keeps the frame tight.
        let share = 1.0 / (stfts.len() as f64).sqrt();
        for factor in transforms.iter_mut().flat_map(|transform| &mut transform.factors) {
            *factor *= share;
        }
        Ok(Frame { n_times, n_coefs, transforms })
    }

    /// Returns the number of samples of a time course.
    pub fn n_times(&self) -> usize {
        self.n_times
    }

    /// Returns the number of complex coefficients of a row.
    pub fn n_coefs(&self) -> usize {
        self.n_coefs
    }

    /// Returns the lanes of the real parts of a row: as many lanes of imaginary parts follow.
    pub fn half_width(&self) -> usize {
        self.n_coefs.div_ceil(8)
    }

    /// Returns the length of a row of coefficients.
    pub fn row_length(&self) -> usize {
        16 * self.half_width()
    }

    /// Makes the arrays that transforms work in.
    pub fn scratch(&self) -> Result<Scratch, Error> {
        let largest = |size: &dyn Fn(&Transform) -> usize| {
            self.transforms.iter().map(size).max().unwrap_or(0)
        };
        let fft = |t: &Transform| t.forward.get_scratch_len().max(t.inverse.get_scratch_len());
        Ok(Scratch {
            samples: memory::zeros(WHAT, largest(&|t| t.stft.wsize))?,
            spectrum: vec![Complex::default(); largest(&|t| t.stft.n_freqs())],
            fft: vec![Complex::default(); largest(&fft)],
        })
    }

    /// Lists the square root of the multiplicity of every coefficient.
    pub fn roots_of_multiplicities(&self) -> impl Iterator<Item = f64> {
        self.transforms.iter().flat_map(|t| {
            let roots = move |_| t.kept.iter().map(|&f| t.root_of_multiplicity(f));
            (0..t.n_windows).flat_map(roots)
        })
    }

    /// Counts the multiplications of one transform of a row.
    pub fn work(&self) -> usize {
        let work = |t: &Transform| {
            let log = t.stft.wsize.ilog2() as usize;
            t.n_windows * t.stft.wsize * (log + 2)
        };
        self.transforms.iter().map(work).sum()
    }

    /// Computes the coefficients of rows of time courses.
    pub fn analyse(&self, courses: &[Lane], out: &mut [Lane], scratch: &mut Scratch) {
        let width = self.n_times.div_ceil(8).max(1);
        let rows = courses.chunks_exact(width).zip(out.chunks_exact_mut(2 * self.half_width()));
        for (course, row) in rows {
            self.analyse_row(bytemuck::cast_slice(course), bytemuck::cast_slice_mut(row), scratch);
        }
    }

    fn analyse_row(&self, course: &[f64], row: &mut [f64], scratch: &mut Scratch) {
        let (re, im) = row.split_at_mut(8 * self.half_width());
        for transform in &self.transforms {
            for i in 0..transform.n_windows {
                let coefs = transform.coefs(i);
                let (part, first, tapers) = transform.covered(i, self.n_times);
                let samples = &mut scratch.samples[..transform.stft.wsize];
                samples.fill(0.0);
                let pairs = samples[part].iter_mut().zip(&course[first..]);
                pairs.zip(tapers).for_each(|((sample, x), taper)| *sample = x * taper);
                let spectrum = &mut scratch.spectrum[..transform.stft.n_freqs()];
                let room = &mut scratch.fft[..transform.forward.get_scratch_len()];
                // The lengths are those that the plan was made for: it cannot refuse them.
                let _ = transform.forward.process_with_scratch(samples, spectrum, room);
                let parts = re[coefs.clone()].iter_mut().zip(&mut im[coefs]);
                for ((re, im), &f) in parts.zip(&transform.kept) {
                    let (z, root) = (spectrum[f], transform.root_of_multiplicity(f));
                    (*re, *im) = (root * z.re, root * z.im);
                }
            }
        }
    }

    /// Computes the time courses of rows of coefficients, by the transposed frame.
    pub fn synthesise(&self, rows: &[Lane], out: &mut [Lane], scratch: &mut Scratch) {
        let width = self.n_times.div_ceil(8).max(1);
        let pairs = rows.chunks_exact(2 * self.half_width()).zip(out.chunks_exact_mut(width));
        for (row, course) in pairs {
            let course: &mut [f64] = bytemuck::cast_slice_mut(course);
            course.fill(0.0);
            self.add_row(bytemuck::cast_slice(row), &mut course[..self.n_times], scratch);
        }
    }

    fn add_row(&self, row: &[f64], course: &mut [f64], scratch: &mut Scratch) {
        let (re, im) = row.split_at(8 * self.half_width());
        for transform in &self.transforms {
            for i in 0..transform.n_windows {
                let coefs = transform.coefs(i);
                let (re, im) = (&re[coefs.clone()], &im[coefs]);
                if re.iter().chain(im).all(|&value| value == 0.0) {
                    continue;
                }
                let spectrum = &mut scratch.spectrum[..transform.stft.n_freqs()];
                spectrum.fill(Complex::default());
                for ((&re, &im), &f) in re.iter().zip(im).zip(&transform.kept) {
                    let root = transform.root_of_multiplicity(f);
                    let im = if root == 1.0 { 0.0 } else { im / root };
                    spectrum[f] = Complex { re: re / root, im };
                }
                let samples = &mut scratch.samples[..transform.stft.wsize];
                let room = &mut scratch.fft[..transform.inverse.get_scratch_len()];
                let _ = transform.inverse.process_with_scratch(spectrum, samples, room);
                let (part, first, tapers) = transform.covered(i, self.n_times);
                let pairs = course[first..].iter_mut().zip(&samples[part]);
                pairs.zip(tapers).for_each(|((x, sample), taper)| *x += sample * taper);
            }
        }
    }

    /// Computes the coefficients of all rows of a panel.
    pub fn analysed(&self, courses: &Panel) -> Result<Panel, Error> {
        let mut out = Panel::zeros(courses.rows, self.row_length())?;
        self.analyse(courses.lanes(), out.lanes_mut(), &mut self.scratch()?);
        Ok(out)
    }

    /// Computes the time courses of all rows of a panel.
    pub fn synthesised(&self, coefs: &Panel) -> Result<Panel, Error> {
        let mut out = Panel::zeros(coefs.rows, self.n_times)?;
        self.synthesise(coefs.lanes(), out.lanes_mut(), &mut self.scratch()?);
        Ok(out)
    }
}
