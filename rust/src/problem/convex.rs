//! A convex problem, a sparse iterate for it, and the certificate that joins them.

mod seen;

use crate::error::Error;
use crate::machine::clock::{Clock, Halt};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel, is_zero};
use crate::machine::threads::Threads;
use crate::problem::frame::Frame;
use crate::problem::gain::{FAINT_LIPSCHITZ, Gain};
use crate::problem::penalty::Penalty;
use crate::problem::rounding;
use crate::problem::solution::Certificate;
pub(crate) use seen::Seen;

/// `1/2 |M - G X|^2 + sum_s a_s |X_s| + ridge/2 |X|^2` with M rotated over time.
#[derive(Clone, Copy)]
pub(crate) struct Problem<'a> {
    pub gain: &'a Gain,
    pub data: &'a Panel,
    pub penalty: &'a dyn Penalty,
    pub ridge: f64,
    /// |M|^2 / 2 of the unrotated data
    pub scale: f64,
    /// M2, what the rotation left out
    pub left_out: Option<&'a Panel>,
    pub threads: &'a Threads,
    pub clock: &'a Clock<'a>,
}

/// The certificate of an iterate on all locations, and what was computed for it.
pub(crate) struct Certified {
    pub certificate: Certificate,
    /// the part of the gap that is owed to rounding of the correlations: more epochs do not make it
    /// smaller
    pub rounding: f64,
    /// the dual norm of `G_s'R - ridge X_s` of the rotated problem: above 1, location s violates
    /// the dual constraint; where a bound is below 1 or the largest dual norm, the bound
    pub ratios: Vec<f64>,
    /// correlations for the next certificate
    pub seen: Seen,
    /// the part of the gap that is owed to what the rotation left out
    pub hidden: f64,
    /// `|M - G X|^2`, what the rotation left out included
    pub misfit: f64,
}

/// The rows of X that may be non-zero: block `i` of `x` belongs to `locations[i]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Iterate {
    pub locations: Vec<usize>,
    pub x: Panel,
}

/// The time courses of an iterate.
pub(crate) struct Courses<'a> {
    iterate: &'a Iterate,
    /// made of coefficients, where the iterate holds these
    made: Option<Panel>,
}

/// The numbers of the residual that a certificate needs, next to the penalty and the correlations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Energies {
    /// `|R|^2 + ridge |X|^2`
    pub residual: f64,
    /// `<R, M>`
    pub against_data: f64,
}

/// The largest dual norm of `C_s`, as computed and as rounding leaves it possible.
#[derive(Clone, Copy)]
struct LargestRatio {
    computed: f64,
    possible: f64,
}

impl Energies {
    /// Computes the certificate, with the residual scaled into the dual ball: `t = min(1, 1 / max_s
    /// |C_s| / a_s)`, `D = t <R, M> - t^2/2 (|R|^2 + ridge |X|^2)` (Strohmeier et al. 2016,
    /// equations 6 and 7).
    pub fn certificate(self, penalty: f64, largest_ratio: f64, scale: f64) -> Certificate {
        let t = if largest_ratio > 1.0 { 1.0 / largest_ratio } else { 1.0 };
        let dual = t * self.against_data - 0.5 * t * t * self.residual;
        let dual = if dual.is_finite() { dual } else { 0.0 };
        Certificate::new(0.5 * self.residual + penalty, dual, scale)
    }

    /// Computes the certificate for the largest ratio that rounding leaves possible, and the part
    /// of its gap that is owed to rounding.
    fn counted(self, penalty: f64, ratio: LargestRatio, scale: f64) -> (Certificate, f64) {
        let LargestRatio { computed, possible } = ratio;
        let certificate = self.certificate(penalty, possible, scale);
        let rounding = match possible > computed {
            true => certificate.gap() - self.certificate(penalty, computed, scale).gap(),
            false => 0.0,
        };
        (certificate, rounding)
    }
}

impl Courses<'_> {
    /// Lists the locations and their rows.
    fn blocks(&self, n_orient: usize) -> impl Iterator<Item = (usize, &[Lane])> + Clone {
        let x = self.made.as_ref().unwrap_or(&self.iterate.x);
        let block = move |(i, &s): (usize, &usize)| (s, x.block(i, n_orient));
        self.iterate.locations.iter().enumerate().map(block)
    }
}

impl Iterate {
    /// Makes X = 0, with rows of `row_length` numbers.
    pub fn zero(row_length: usize) -> Result<Self, Error> {
        Ok(Iterate { locations: Vec::new(), x: Panel::zeros(0, row_length)? })
    }

    pub fn copy(&self) -> Result<Self, Error> {
        let locations = memory::copied("time courses", &self.locations)?;
        Ok(Iterate { locations, x: self.x.copy()? })
    }

    /// Copies the blocks that are not zero.
    pub fn support(&self, n_orient: usize) -> Result<Iterate, Error> {
        let alive: Vec<usize> = support(&self.x, n_orient).collect();
        let locations = alive.iter().map(|&i| self.locations[i]).collect();
        Ok(Iterate { locations, x: self.x.select(&alive, n_orient)? })
    }

    /// Computes |X_s|_F for each of its locations.
    pub fn norms(&self, n_orient: usize) -> Vec<f64> {
        (0..self.locations.len()).map(|i| kernels().norm(self.x.block(i, n_orient))).collect()
    }
}

/// Lists the blocks of `n_orient` rows that are not zero.
pub(crate) fn support(x: &Panel, n_orient: usize) -> impl Iterator<Item = usize> {
    (0..x.rows / n_orient).filter(move |&s| !is_zero(x.block(s, n_orient)))
}

impl<'a> Problem<'a> {
    /// Returns the length of the rows of an iterate.
    pub fn row_length(&self) -> usize {
        self.penalty.frame().map_or(self.data.n_times, Frame::row_length)
    }

    /// Returns the time courses of an iterate, computed where it holds coefficients.
    pub fn courses<'b>(&self, iterate: &'b Iterate) -> Result<Courses<'b>, Error> {
        let frame = self.penalty.frame();
        let made = frame.map(|frame| frame.synthesised(&iterate.x)).transpose()?;
        Ok(Courses { iterate, made })
    }

    /// Computes `R = M - G X`.
    pub fn residual(&self, courses: &Courses) -> Result<Panel, Halt> {
        let mut residual = self.data.copy()?;
        let sources = courses.blocks(self.gain.n_orient());
        subtract_sources(&mut residual, self.gain, sources, self.clock)?;
        Ok(residual)
    }

    /// Computes `|M - G X|^2`, what the rotation left out included.
    pub fn misfit(&self, iterate: &Iterate) -> Result<f64, Halt> {
        let residual = self.residual(&self.courses(iterate)?)?;
        let residual = kernels().energy(residual.lanes());
        Ok(residual + self.left_out.map_or(0.0, |rest| kernels().energy(rest.lanes())))
    }

    /// Computes `1/2 |M - G X|^2 + ridge/2 |X|^2`.
    pub fn smooth(&self, iterate: &Iterate) -> Result<f64, Halt> {
        let ridge = self.ridge * kernels().energy(iterate.x.lanes());
        Ok(0.5 * (self.misfit(iterate)? + ridge))
    }

    /// Computes the objective.
    pub fn objective(&self, iterate: &Iterate) -> Result<f64, Halt> {
        let penalty = self.penalty.select(&iterate.locations)?.value(&iterate.x);
        Ok(self.smooth(iterate)? + penalty)
    }

    /// Certifies an iterate on all locations and the whole data.
    ///
    /// `seen` are correlations at a residual nearby, where there are some: then only locations that
    /// their bounds do not rule out are computed.
    pub fn certify(&self, iterate: &Iterate, seen: Option<Seen>) -> Result<Certified, Halt> {
        let courses = self.courses(iterate)?;
        let residual = self.residual(&courses)?;
        let misfit = kernels().energy(residual.lanes());
        let hidden_energy = self.left_out.map_or(0.0, |rest| kernels().energy(rest.lanes()));
        let x_energy = kernels().energy(iterate.x.lanes());
        let energies = Energies {
            residual: misfit + self.ridge * x_energy,
            against_data: kernels().dot(residual.lanes(), self.data.lanes()),
        };
        let (seen, ratios) = self.ratios(iterate, residual, hidden_energy, seen)?;
        let penalty = self.penalty.select(&iterate.locations)?.value(&iterate.x);
        let computed = ratios.iter().fold(0.0, |largest: f64, &ratio| largest.max(ratio));
        let possible = self.possible_ratio(&courses, |s| ratios[s], computed)?;
        let (mut certificate, mut rounding) =
            energies.counted(penalty, LargestRatio { computed, possible }, self.scale);
        let mut hidden = 0.0;
        if let Some(rest) = self.left_out {
            let whole = Energies {
                residual: energies.residual + hidden_energy,
                against_data: energies.against_data + hidden_energy,
            };
            let computed = self.largest_ratio_with(rest, hidden_energy, &ratios, computed)?;
            let ratio = LargestRatio { computed, possible: computed.max(possible) };
            let rotated_gap = certificate.gap() - rounding;
            (certificate, rounding) = whole.counted(penalty, ratio, self.scale);
            hidden = certificate.gap() - rounding - rotated_gap;
        }
        let misfit = misfit + hidden_energy;
        Ok(Certified { certificate, rounding, ratios, seen, hidden, misfit })
    }

    /// Bounds the largest ratio by what rounding leaves possible.
    pub fn possible_ratio(
        &self,
        courses: &Courses,
        ratio: impl Fn(usize) -> f64,
        largest: f64,
    ) -> Result<f64, Halt> {
        let sources = courses.blocks(self.gain.n_orient());
        let threshold = |s: usize| self.penalty.threshold(s);
        let compared = rounding::Compared { ratio, threshold, largest };
        rounding::largest_ratio(self.gain, self.data, sources, compared, self.clock)
    }

    /// Computes the largest `sqrt(|C_s|^2 + |G_s'M2|^2) / a_s`, with products only where
    /// `|G_s'M2|^2 <= L_s |M2|^2` does not rule the location out.
    fn largest_ratio_with(
        &self,
        rest: &Panel,
        energy: f64,
        ratios: &[f64],
        largest: f64,
    ) -> Result<f64, Halt> {
        let o = self.gain.n_orient();
        let mut squared = largest * largest;
        let mut block: Vec<Lane> = memory::zeros("time courses", o * rest.width)?;
        for (s, ratio) in ratios.iter().enumerate() {
            let lipschitz = self.gain.curvature().lipschitz(s);
            let bound = ratio * ratio + self.penalty.squared_bound(s, lipschitz * energy);
            // The ratio of a faint location counts the whole data already.
            if lipschitz >= FAINT_LIPSCHITZ && bound > squared.max(1.0) {
                self.clock.spend(o * 8 * rest.lanes().len())?;
                kernels().correlate(&mut block, self.gain.block(s), rest.lanes(), rest.width);
                let rest = self.penalty.squared_bound(s, kernels().energy(&block));
                squared = squared.max(ratio * ratio + rest);
            }
        }
        Ok(squared.sqrt())
    }
}

/// Subtracts `G X`: data become their residual.
pub(crate) fn subtract_sources<'x>(
    data: &mut Panel,
    gain: &Gain,
    sources: impl Iterator<Item = (usize, &'x [Lane])>,
    clock: &Clock,
) -> Result<(), Halt> {
    let width = data.width;
    for (s, block) in sources {
        clock.spend(8 * gain.n_orient() * data.lanes().len())?;
        kernels().subtract_outer(data.lanes_mut(), gain.block(s), block, width);
    }
    Ok(())
}
