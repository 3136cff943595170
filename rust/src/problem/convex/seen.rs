//! The correlations of all locations: computed at one residual, they bound those at another.

use super::{Iterate, Problem};
use crate::error::Error;
use crate::machine::clock::Halt;
use crate::machine::cosine::cosines;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::panel::add_scaled;
use crate::machine::panel::{Lane, Panel};
use crate::machine::products;
use crate::machine::units::times_power;
use crate::problem::frame::Frame;
use crate::problem::gain::Faint;

/// Where more than this part of the locations is not ruled out by bounds, a product with the whole
/// gain is faster than one location after the other.
const MOST_COMPUTED: f64 = 1.0 / 16.0;
/// Bounds are enlarged by this part of themselves, for rounding.
const ROUNDING: f64 = 1e-12;
/// Cosines that hold less than this, as a part of the threshold, of the correlations of every
/// location are left out of a product that only bounds: they move a ratio near 1 by 0.02.
const NEGLIGIBLE_RATIO: f64 = 0.2;
/// Dual norms that rank locations, where they are less than their bounds.
const RANKED: usize = 512;
/// Locations whose correlations are one product.
const AT_ONCE: usize = 32;
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
    /// Computes the dual norm of `G_s'R - ridge X_s`, or a bound that is below 1 or the largest, of
    /// every location, and returns the correlations that bound those at the next residual.
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
            *value = self.penalty.bound(s, *value);
        }
        self.sharpen(&residual, &mut values, 1.0, RANKED)?;
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
                let hidden = self.penalty.squared_bound(s, curvature.lipschitz(s) * hidden);
                self.penalty.bound(s, bound).powi(2) + hidden > 1.0
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

    /// Computes the largest dual norm of `G_s'M`: the smallest alpha whose answer is zero, in units
    /// of the penalty's.
    pub fn largest_dual_norm_of_data(&self) -> Result<f64, Halt> {
        let mut values = self.product_norms(self.data)?;
        self.correct(&Iterate::zero(self.row_length())?, self.data, &mut values)?;
        for (s, value) in values.iter_mut().enumerate() {
            *value = self.penalty.bound(s, *value);
        }
        self.sharpen(self.data, &mut values, 0.0, 0)?;
        Ok(values.into_iter().fold(0.0, f64::max))
    }

    /// Replaces bounds above `floor` by the dual norms themselves, or the floor, the largest first:
    /// at least so many, and until no bound exceeds the largest dual norm.
    fn sharpen(
        &self,
        residual: &Panel,
        bounds: &mut [f64],
        floor: f64,
        least: usize,
    ) -> Result<(), Halt> {
        if self.penalty.is_bound_exact() {
            return Ok(());
        }
        let n_above = bounds.iter().filter(|&&bound| bound > floor).count();
        let mut order: Vec<usize> = memory::room(WHAT, n_above)?;
        order.extend((0..bounds.len()).filter(|&s| bounds[s] > floor));
        order.sort_unstable_by(|&a, &b| bounds[b].total_cmp(&bounds[a]));
        let (o, mut largest) = (self.gain.n_orient(), floor);
        let mut scratch = self.penalty.frame().map(Frame::scratch).transpose()?;
        let mut coefs = Panel::zeros(o, self.row_length())?;
        for (batch, chosen) in order.chunks(AT_ONCE).enumerate() {
            // The first bound of the batch is its largest.
            if bounds[chosen[0]] <= largest && batch * AT_ONCE >= least {
                break;
            }
            let mut courses = self.correlated_together(chosen, residual)?;
            for (i, &s) in chosen.iter().enumerate() {
                let block = courses.block_mut(i, o);
                let exact = match (self.penalty.frame(), &mut scratch) {
                    (Some(frame), Some(scratch)) => {
                        self.clock.spend(o * frame.work())?;
                        frame.analyse(block, coefs.lanes_mut(), scratch);
                        self.penalty.dual_norm(s, coefs.lanes_mut(), floor)
                    }
                    _ => self.penalty.dual_norm(s, block, floor),
                };
                bounds[s] = bounds[s].min(exact);
                largest = largest.max(bounds[s]);
            }
        }
        Ok(())
    }

    /// Computes G_s'R of some locations by one product.
    fn correlated_together(&self, chosen: &[usize], residual: &Panel) -> Result<Panel, Halt> {
        let columns = self.gain.side_by_side(chosen, self.clock)?;
        let mut courses = Panel::zeros(chosen.len() * self.gain.n_orient(), residual.n_times)?;
        products::correlations(&columns, residual, &mut courses, self.threads, self.clock)?;
        Ok(courses)
    }

    /// Computes `|G_s'R|_F` of every location, or a bound where dual norms are more than a norm, by
    /// a product: the only function here that reads the whole gain.
    fn product_norms(&self, residual: &Panel) -> Result<Vec<f64>, Halt> {
        let (o, columns) = (self.gain.n_orient(), self.gain.columns());
        let product = |r| products::correlation_norms(columns, o, r, self.threads, self.clock);
        if self.penalty.is_bound_exact() {
            return product(residual);
        }
        let (few, left_out) = self.on_few_cosines(residual)?;
        let mut norms = product(&few)?;
        for (s, norm) in norms.iter_mut().enumerate() {
            let rest = (self.gain.curvature().lipschitz(s) * left_out).sqrt();
            *norm = (1.0 + ROUNDING) * norm.hypot(rest);
        }
        Ok(norms)
    }

    /// Rotates a residual over time to cosines, and keeps those that hold all but an energy that
    /// does not matter beside the thresholds; returns that energy, too.
    fn on_few_cosines(&self, residual: &Panel) -> Result<(Panel, f64), Halt> {
        let all = cosines(residual)?;
        let (n, stride) = (all.n_times, all.stride());
        let mut energies: Vec<f64> = memory::zeros(WHAT, n)?;
        for row in all.values().chunks(stride) {
            energies.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
        }
        let lowest = (0..self.gain.n_locations())
            .fold(f64::INFINITY, |a, s| a.min(self.penalty.threshold(s)));
        let allowed = (NEGLIGIBLE_RATIO * lowest).powi(2) / self.gain.curvature().bound();
        let mut order: Vec<usize> = memory::gathered(WHAT, 0..n)?;
        order.sort_unstable_by(|&a, &b| energies[a].total_cmp(&energies[b]));
        let mut left_out = 0.0;
        let mut n_left_out = 0;
        while n_left_out + 1 < n && left_out + energies[order[n_left_out]] <= allowed {
            left_out += energies[order[n_left_out]];
            n_left_out += 1;
        }
        let kept = &order[n_left_out..];
        let mut few = Panel::zeros(all.rows, kept.len())?;
        let width = few.stride();
        for (row, target) in all.values().chunks(stride).zip(few.values_mut().chunks_mut(width)) {
            kept.iter().zip(target).for_each(|(&k, value)| *value = row[k]);
        }
        Ok((few, left_out))
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
    use crate::problem::penalty::GroupNorm;
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
            let penalty = GroupNorm::new(1.0, Some(&weights), 60)?;
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
            let penalty = GroupNorm::new(0.5 * (sorted[58] + sorted[59]), Some(&weights), 60)?;
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
