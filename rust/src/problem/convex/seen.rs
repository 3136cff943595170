//! The correlations of all locations: computed at one residual, they bound those at another.

use super::{Iterate, Problem, add_scaled};
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::machine::products;
use crate::machine::units::times_power;
use crate::problem::gain::Faint;

/// Where more than this part of the locations is not ruled out by bounds, a product with the whole
/// gain is faster than one location after the other.
const MOST_COMPUTED: f64 = 1.0 / 16.0;
/// Bounds are enlarged by this part of themselves, for rounding.
const ROUNDING: f64 = 1e-12;
const WHAT: &str = "the correlations";

/// `|G_s'R|_F` of every location at one residual R.
#[derive(Debug)]
pub(crate) struct Seen {
    residual: Panel,
    norms: Vec<f64>,
}

impl Seen {
    /// Moves the residual to another frame of time in which it is the same.
    pub fn moved(
        self,
        to_frame: impl FnOnce(&Panel) -> Result<Panel, Error>,
    ) -> Result<Self, Error> {
        Ok(Seen { residual: to_frame(&self.residual)?, ..self })
    }

    /// Computes the distance to another residual of as many samples; infinite to others.
    fn distance(&self, residual: &Panel) -> f64 {
        if residual.lanes().len() != self.residual.lanes().len() {
            return f64::INFINITY;
        }
        let pairs = residual.values().iter().zip(self.residual.values());
        pairs.map(|(now, seen)| (now - seen).powi(2)).sum::<f64>().sqrt()
    }
}

impl Problem<'_> {
    /// Computes `|G_s'R - ridge X_s|_F / a_s`, or a bound below 1, of every location, and returns
    /// the correlations that bound those at the next residual.
    ///
    /// As `|G_s'R| <= |G_s'R0| + |G_s|_2 |R - R0|`, correlations seen at R0 rule out most locations
    /// near R0. `hidden` is the energy that the rotation left out.
    pub(super) fn ratios(
        &self,
        iterate: &Iterate,
        residual: Panel,
        hidden: f64,
        seen: Option<Seen>,
    ) -> Result<(Seen, Vec<f64>), Halt> {
        let bounds = match &seen {
            Some(seen) => self.bounds(&residual, hidden, seen)?,
            None => None,
        };
        let (mut values, new) = match bounds {
            Some(bounds) => (bounds, None),
            None => {
                let norms = self.product_norms(&residual)?;
                (memory::copied(WHAT, &norms)?, Some(norms))
            }
        };
        self.correct(iterate, &residual, &mut values)?;
        for (s, value) in values.iter_mut().enumerate() {
            *value = self.penalty.ratio(s, *value);
        }
        let seen = match (seen, new) {
            (Some(seen), None) => seen,
            (_, norms) => Seen { residual, norms: norms.unwrap_or_default() },
        };
        Ok((seen, values))
    }

    /// Bounds `|G_s'R|` near a residual at which correlations were seen, and computes it where the
    /// bound does not rule a location out; none where these are too many.
    fn bounds(&self, residual: &Panel, hidden: f64, seen: &Seen) -> Result<Option<Vec<f64>>, Halt> {
        let distance = (1.0 + ROUNDING) * seen.distance(residual);
        if !distance.is_finite() {
            return Ok(None);
        }
        let curvature = self.gain.curvature();
        let bound = |(s, norm): (usize, &f64)| norm + distance * curvature.lipschitz(s).sqrt();
        let mut bounds = memory::gathered(WHAT, seen.norms.iter().enumerate().map(bound))?;
        if distance > 0.0 {
            let is_open = |s: usize, bound: f64| {
                let hidden = self.penalty.squared_ratio(s, curvature.lipschitz(s) * hidden);
                self.penalty.ratio(s, bound).powi(2) + hidden > 1.0
            };
            let count = (0..bounds.len()).filter(|&s| is_open(s, bounds[s])).count();
            if count as f64 > MOST_COMPUTED * bounds.len() as f64 {
                return Ok(None);
            }
            for (s, bound) in
                bounds.iter_mut().enumerate().filter(|(s, bound)| is_open(*s, **bound))
            {
                let block = self.correlated(self.gain.block(s), residual)?;
                *bound = kernels().norm(&block);
            }
        }
        Ok(Some(bounds))
    }

    /// Computes `|G_s'R - ridge X_s|_F` of every location.
    pub fn correlation_norms(&self, iterate: &Iterate, residual: &Panel) -> Result<Vec<f64>, Halt> {
        let mut norms = self.product_norms(residual)?;
        self.correct(iterate, residual, &mut norms)?;
        Ok(norms)
    }

    /// Computes `|G_s'R|_F` of every location by a product: the only function here that reads the
    /// whole gain.
    fn product_norms(&self, residual: &Panel) -> Result<Vec<f64>, Halt> {
        let (o, columns) = (self.gain.n_orient(), self.gain.columns());
        products::correlation_norms(columns, o, residual, self.threads, self.clock)
    }

    /// Computes the norms again where `|G_s'R|` is not all: of locations in the ridge's reach, and
    /// of those too faint to be squared.
    fn correct(&self, iterate: &Iterate, residual: &Panel, norms: &mut [f64]) -> Result<(), Halt> {
        if self.ridge > 0.0 {
            for (i, &s) in iterate.locations.iter().enumerate() {
                let mut block = self.correlated(self.gain.block(s), residual)?;
                add_scaled(&mut block, -self.ridge, iterate.x.block(i, self.gain.n_orient()));
                norms[s] = kernels().norm(&block);
            }
        }
        for faint in self.gain.faint() {
            let of_rest = self.faint_norm(faint, self.left_out)?;
            norms[faint.location] = self.faint_norm(faint, Some(residual))?.hypot(of_rest);
        }
        Ok(())
    }

    /// Computes G_s'R of the columns of one location.
    fn correlated(&self, columns: &[f64], residual: &Panel) -> Result<Vec<Lane>, Halt> {
        let (o, width) = (self.gain.n_orient(), residual.width);
        self.clock.spend(o * 8 * residual.lanes().len())?;
        let mut block: Vec<Lane> = memory::zeros("time courses", o * width)?;
        kernels().correlate(&mut block, columns, residual.lanes(), width);
        Ok(block)
    }

    /// Computes |G_s'R|_F of a location that is too faint to be squared.
    fn faint_norm(&self, faint: &Faint, residual: Option<&Panel>) -> Result<f64, Halt> {
        let Some(residual) = residual else { return Ok(0.0) };
        let block = self.correlated(&faint.columns, residual)?;
        Ok(times_power(kernels().energy(&block).sqrt(), faint.exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::clock::Clock;
    use crate::machine::threads::Threads;
    use crate::problem::gain::Gain;
    use crate::problem::penalty::Penalty;
    use ndarray::Array2;

    /// Near a residual that was seen certificates are those of a product with the whole gain, and
    /// bounds lie between ratios and one; far from it everything is computed.
    #[test]
    fn bounds_certify_as_a_product_does() -> Result<(), Halt> {
        let (threads, clock) = (Threads::new(1), Clock::endless());
        for (n_orient, ridge) in [(1, 0.0), (3, 0.0), (2, 0.4)] {
            let wave = |a: f64| move |(i, j): (usize, usize)| ((i * 31 + j * 17) as f64 * a).sin();
            let array = Array2::from_shape_fn((40, 60 * n_orient), wave(0.37));
            let gain = Gain::new(array.view(), n_orient)?;
            let data = Panel::from_array(Array2::from_shape_fn((40, 9), wave(0.71)).view())?;
            let weights: Vec<f64> =
                (0..60).map(|s| if s == 7 { f64::INFINITY } else { 1.0 }).collect();
            let at = |amplitude: f64| -> Result<Iterate, Error> {
                let x = Array2::from_shape_fn((3 * n_orient, 9), wave(0.13)) * amplitude;
                Ok(Iterate { locations: vec![3, 20, 41], x: Panel::from_array(x.view())? })
            };
            // The largest correlations violate the dual constraint, the others do not.
            let penalty = Penalty::new(1.0, Some(&weights), 60)?;
            let problem = |penalty| Problem {
                gain: &gain,
                data: &data,
                penalty,
                ridge,
                scale: 0.5 * kernels().energy(data.lanes()),
                left_out: None,
                threads: &threads,
                clock: &clock,
            };
            let first = at(0.01)?;
            let mut sorted = problem(&penalty).certify(&first, None)?.ratios;
            sorted.sort_by(f64::total_cmp);
            let penalty = Penalty::new(0.5 * (sorted[58] + sorted[59]), Some(&weights), 60)?;
            let problem = problem(&penalty);
            for (moved, is_near) in [(0.01, true), (0.01 + 1e-7, true), (0.02, false)] {
                let seen = problem.certify(&first, None)?.seen;
                let iterate = at(moved)?;
                let (ours, exact) =
                    (problem.certify(&iterate, Some(seen))?, problem.certify(&iterate, None)?);
                let gap = ours.certificate.gap() - exact.certificate.gap();
                assert!(gap.abs() <= 1e-12 * problem.scale, "{n_orient} {moved}: {gap}");
                assert!(exact.ratios.iter().any(|&ratio| ratio > 1.0));
                for (bound, ratio) in ours.ratios.iter().zip(&exact.ratios) {
                    let is_same = (bound - ratio).abs() < 1e-12;
                    assert!(is_same || (is_near && (*ratio..1.0).contains(bound)));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn another_number_of_samples_is_far_away() -> Result<(), Error> {
        let seen = Seen { residual: Panel::zeros(4, 3)?, norms: Vec::new() };
        assert_eq!(seen.distance(&Panel::zeros(4, 3)?), 0.0);
        assert_eq!(seen.distance(&Panel::zeros(4, 20)?), f64::INFINITY);
        Ok(())
    }
}
