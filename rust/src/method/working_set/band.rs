//! The frequencies in use as a working set of their own: data have few, a frame has many.

use crate::machine::clock::{Clock, Halt};
use crate::machine::memory;
use crate::machine::panel::{Lane, Panel};
use crate::method::framed::Framed;
use crate::method::quadratic::Quadratic;
use crate::problem::frame::Frame;
use crate::problem::penalty::Penalty;

/// A band of more than this part of all frequencies saves nothing.
const WIDEST: f64 = 0.7;

/// Coefficients of some frequencies, among those of all.
pub(super) struct Band {
    pub penalty: Box<dyn Penalty>,
    /// the places of its coefficients in a row of all
    places: Vec<usize>,
    /// the lanes of the real parts of a row of all
    half: usize,
}

impl Band {
    /// Chooses the frequencies at which a coefficient of `x` is not zero, or correlations come
    /// close to moving one; none where these are nearly all.
    pub fn choose(
        quadratic: &mut dyn Quadratic,
        penalty: &dyn Penalty,
        x: &Panel,
        clock: &Clock,
    ) -> Result<Option<Band>, Halt> {
        let Some(frame) = penalty.frame() else { return Ok(None) };
        let o = quadratic.n_orient();
        let mut open = used(frame, x);
        let mut block: Vec<Lane> = memory::zeros("time courses", o * x.width)?;
        let mut framed = Framed::new(quadratic, frame, x.rows)?;
        framed.load(x, clock)?;
        for s in 0..penalty.n_locations() {
            clock.spend(framed.work())?;
            framed.correlation(s, x.block(s, o), &mut block);
            penalty.mark_open(s, &block, &mut open);
        }
        let count = open.iter().filter(|open| **open).count();
        if count == 0 || count as f64 > WIDEST * open.len() as f64 {
            return Ok(None);
        }
        let places = frame.open_places(&open);
        let narrow = penalty.on_band(&open)?;
        Ok(narrow.map(|penalty| Band { penalty, places, half: frame.half_width() }))
    }

    /// Moves rows of all frequencies to the band.
    pub fn narrowed(&self, x: &Panel) -> Result<Panel, Halt> {
        let length = self.penalty.frame().map_or(x.n_times, Frame::row_length);
        let mut out = Panel::zeros(x.rows, length)?;
        let (wide, narrow) = (x.stride(), out.stride());
        for (row, target) in x.values().chunks(wide).zip(out.values_mut().chunks_mut(narrow)) {
            for (part, target) in target.chunks_mut(narrow / 2).enumerate() {
                let row = &row[part * 8 * self.half..];
                target.iter_mut().zip(&self.places).for_each(|(to, &place)| *to = row[place]);
            }
        }
        Ok(out)
    }

    /// Moves rows of the band back.
    pub fn widened(&self, x: &Panel, out: &mut Panel) {
        let (narrow, wide) = (x.stride(), out.stride());
        out.values_mut().fill(0.0);
        for (row, target) in x.values().chunks(narrow).zip(out.values_mut().chunks_mut(wide)) {
            for (part, row) in row.chunks(narrow / 2).enumerate() {
                let target = &mut target[part * 8 * self.half..];
                row.iter().zip(&self.places).for_each(|(from, &place)| target[place] = *from);
            }
        }
    }
}

/// Marks the frequencies at which a coefficient is not zero.
fn used(frame: &Frame, x: &Panel) -> Vec<bool> {
    let mut open = vec![false; frame.n_frequencies()];
    let half = 8 * frame.half_width();
    for row in x.values().chunks(x.stride()) {
        let (re, im) = row.split_at(half);
        for (frequency, (re, im)) in frame.frequencies().zip(re.iter().zip(im)) {
            open[frequency] |= *re != 0.0 || *im != 0.0;
        }
    }
    open
}
