//! G'G and G'M of some locations, written into arrays at hand.

use super::Gain;
use crate::machine::clock::{Clock, Halt};
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::kernels;
use crate::machine::panel::Panel;

/// Rows of G'G from which one product is faster than all pairs of columns.
const MANY_ROWS: usize = 256;

impl Gain {
    /// Writes G'G of some locations into `out`, in rows of `stride` numbers: the rows from `first`
    /// on, and the columns that mirror them.
    pub(crate) fn squares_from(
        &self,
        first: usize,
        locations: &[usize],
        out: &mut [f64],
        stride: usize,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let (n, o) = (self.n_sensors, self.n_orient);
        if locations.len() * o - first >= MANY_ROWS {
            return self.many_squares_from(first, locations, out, stride, clock);
        }
        let column = |i: usize| &self.block(locations[i / o])[i % o * n..(i % o + 1) * n];
        for i in first..locations.len() * o {
            clock.spend(i * n)?;
            for j in 0..=i {
                let entry = kernels().dot_slices(column(i), column(j));
                out[i * stride + j] = entry;
                out[j * stride + i] = entry;
            }
        }
        Ok(())
    }

    /// Does the same by one product, which counts every pair twice but is faster for many rows.
    fn many_squares_from(
        &self,
        first: usize,
        locations: &[usize],
        out: &mut [f64],
        stride: usize,
        clock: &Clock,
    ) -> Result<(), Halt> {
        let (n, rows) = (self.n_sensors, locations.len() * self.n_orient);
        let columns = self.side_by_side(locations, clock)?;
        let all = View::new(&columns, rows, n, n).transpose();
        for start in (first..rows).step_by(MANY_ROWS) {
            let end = rows.min(start + MANY_ROWS);
            clock.spend((end - start) * n * rows)?;
            let some = View::new(&columns[start * n..end * n], end - start, n, n);
            let target = &mut out[start * stride..(end - 1) * stride + rows];
            gemm(Target { data: target, stride, keep: 0.0 }, 1.0, some, all);
        }
        for i in first..rows {
            for j in 0..i {
                out[j * stride + i] = out[i * stride + j];
            }
        }
        Ok(())
    }

    /// Writes G'M of some locations into `out`, from the block `first` on.
    pub(crate) fn correlate_from(
        &self,
        first: usize,
        locations: &[usize],
        data: &Panel,
        out: &mut Panel,
        clock: &Clock,
    ) -> Result<(), Halt> {
        for (place, &s) in locations.iter().enumerate().skip(first) {
            clock.spend(self.n_orient * 8 * data.lanes().len())?;
            let out = out.block_mut(place, self.n_orient);
            kernels().correlate(out, self.block(s), data.lanes(), data.width);
        }
        Ok(())
    }
}
