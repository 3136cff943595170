//! The fields of some sources and the data that they are to fit.

use crate::error::Error;
use crate::machine::clock::{Clock, Halt, MAX_WORK_UNWATCHED};
use crate::machine::dense::{Target, View, gemm};
use crate::machine::kernels::kernels;
use crate::machine::memory;
use crate::machine::nonnegative::LeastSquares;
use crate::machine::panel::Panel;
use crate::machine::products::{correlations, subtract_projection};
use crate::machine::threads::Threads;
use crate::machine::triangle::Triangle;
use crate::machine::units::{times_power, whole_exponent};
use crate::problem::gain::Gain;
use crate::problem::solution::Sources;
use ndarray::ArrayView2;

/// What the memory is for.
const WHAT: &str = "the fields of the sources";
/// A source whose field has less than this part of `|G_k|^2 |X_k|^2` has none but rounding.
const INVISIBLE: f64 = 1e-14;
/// Of data in units of the fit: squares of larger ones are no numbers any more.
const LARGEST: f64 = 1e150;

/// What is scaled and what it is to fit, with powers of two taken out so that all is near one.
pub(super) struct Fit {
    n_orient: usize,
    /// the columns of the support, one after the other
    columns: Vec<f64>,
    x: Panel,
    data: Panel,
}

impl Fit {
    pub fn new(gain: &Gain, data: ArrayView2<f64>, sources: &Sources) -> Result<Fit, Error> {
        let size = gain.n_sensors() * gain.n_orient();
        let mut columns = memory::room(WHAT, sources.locations.len().saturating_mul(size))?;
        for &s in &sources.locations {
            columns.extend_from_slice(gain.block(s));
        }
        let (mut x, mut data) = (Panel::from_array(sources.coef.view())?, Panel::from_array(data)?);
        let (of_gain, of_x) = (exponent_of(&columns), exponent_of(x.values()));
        columns.iter_mut().for_each(|value| *value = times_power(*value, -of_gain));
        x.scale(-of_x);
        let (before, taken_out) = (largest(data.values()), gain.exponent() + of_gain + of_x);
        data.scale(-taken_out);
        if largest(data.values()) >= LARGEST {
            let log10 = |value: f64| value.log10().round() as i32;
            let fields = (f64::from(taken_out) * 2.0_f64.log10()).round() as i32;
            let (what, data) = ("data over gain times x", log10(before));
            let of_gain = f64::from(gain.exponent() + of_gain) * 2.0_f64.log10();
            return Err(Error::Scale {
                what,
                log10: data - fields,
                gain: of_gain.round() as i32,
                data,
            });
        }
        Ok(Fit { n_orient: gain.n_orient(), columns, x, data })
    }

    pub fn n_sources(&self) -> usize {
        self.x.rows / self.n_orient
    }

    /// The largest of |M| and |G X|, the latter from M - G X.
    pub fn size(&self, residual: &Panel) -> f64 {
        let mut fit = 0.0;
        for (m, r) in self.data.values().iter().zip(residual.values()) {
            fit += (m - r) * (m - r);
        }
        kernels().norm(self.data.lanes()).max(f64::sqrt(fit))
    }

    /// M - G diag(d) X.
    pub fn residual(&self, factors: &[f64], clock: &Clock) -> Result<Panel, Halt> {
        let (mut x, mut out) = (self.x.copy()?, self.data.copy()?);
        let size = self.n_orient * x.stride();
        for (block, factor) in x.values_mut().chunks_exact_mut(size).zip(factors) {
            block.iter_mut().for_each(|value| *value *= factor);
        }
        subtract_projection(&self.columns, &x, &mut out, clock)?;
        Ok(out)
    }

    /// `<G_k X_k, residual> / |G_k X_k|` for each source.
    pub fn pulls(&self, residual: &Panel, norms: &[f64], clock: &Clock) -> Result<Vec<f64>, Halt> {
        let mut out = Panel::zeros(self.x.rows, residual.n_times)?;
        correlations(&self.columns, residual, &mut out, &Threads::new(1), clock)?;
        let pull = |(k, norm): (usize, &f64)| {
            kernels().dot(out.block(k, self.n_orient), self.x.block(k, self.n_orient)) / norm
        };
        Ok(memory::gathered(WHAT, norms.iter().enumerate().map(pull))?)
    }

    /// Returns the products of the fields `G_k X_k` over their norms, in rows, and the norms:
    /// infinite where a field is only rounding.
    pub fn hessian(&self, clock: &Clock) -> Result<(Vec<f64>, Vec<f64>), Halt> {
        let (o, rows, n) = (self.n_orient, self.x.rows, self.n_sources());
        let (sensors, times) = (self.data.rows, self.x.stride());
        let gain = View::new(&self.columns, rows, sensors, sensors);
        let x = View::new(self.x.values(), rows, times, times);
        let at_once = (MAX_WORK_UNWATCHED / (o * rows * (sensors + times))).clamp(1, n);
        let mut of_gain = memory::zeros::<f64>(WHAT, at_once * o * rows)?;
        let mut of_x = memory::zeros::<f64>(WHAT, at_once * o * rows)?;
        let mut out = memory::zeros::<f64>(WHAT, n.saturating_mul(n))?;
        let mut norms = memory::room(WHAT, n)?;
        for (piece, out) in out.chunks_mut(at_once * n).enumerate() {
            let first = piece * at_once * o;
            let count = out.len() / n * o;
            for (products, all) in [(&mut of_gain, gain), (&mut of_x, x)] {
                let some = View { data: &all.data[first * all.columns..], rows: count, ..all };
                let target = Target { data: products, stride: rows, keep: 0.0 };
                gemm(target, 1.0, some, all.transpose());
            }
            for (k, out) in out.chunks_exact_mut(n).enumerate() {
                let block = k * o * rows..(k + 1) * o * rows;
                let (of_gain, of_x) = (&of_gain[block.clone()], &of_x[block]);
                for (g, x) in of_gain.chunks_exact(rows).zip(of_x.chunks_exact(rows)) {
                    for (out, (g, x)) in
                        out.iter_mut().zip(g.chunks_exact(o).zip(x.chunks_exact(o)))
                    {
                        *out += g.iter().zip(x).map(|(g, x)| g * x).sum::<f64>();
                    }
                }
                let own = first + k * o;
                let trace = |products: &[f64]| -> f64 {
                    (0..o).map(|i| products[i * rows + own + i]).sum()
                };
                let energy = out[own / o];
                let is_seen = energy > INVISIBLE * trace(of_gain) * trace(of_x);
                norms.push(if is_seen { energy.sqrt() } else { f64::INFINITY });
            }
            clock.check()?;
        }
        for (row, norm) in out.chunks_exact_mut(n).zip(&norms) {
            clock.spend(n)?;
            row.iter_mut().zip(&norms).for_each(|(value, other)| *value = *value / norm / other);
        }
        Ok((out, norms))
    }

    /// The plain least squares problem in `vec(G_k X_k) / |G_k X_k|`, reduced by reflections:
    /// times and sensors that no source reaches first, then the columns themselves.
    pub fn triangle(
        &self,
        residual: &Panel,
        norms: &[f64],
        clock: &Clock,
    ) -> Result<LeastSquares, Halt> {
        let (o, rows, n) = (self.n_orient, self.x.rows, self.n_sources());
        let (sensors, times) = (residual.rows, residual.n_times);
        let stride = residual.stride();
        let (left, x) = (residual.values(), self.x.values());
        let mut triangle = Triangle::new(rows, rows + sensors, times)?;
        for t in 0..times {
            let values = (0..rows).map(|k| x[k * stride + t]);
            triangle.push(values.chain((0..sensors).map(|i| left[i * stride + t])), clock)?;
        }
        let by_time = triangle.finish(clock)?;
        let times = by_time.len() / (rows + sensors);

        let mut triangle = Triangle::new(rows, rows + times, sensors)?;
        for i in 0..sensors {
            let values = (0..rows).map(|k| self.columns[k * sensors + i]);
            let rest = (0..times).map(|t| by_time[t * (rows + sensors) + rows + i]);
            triangle.push(values.chain(rest), clock)?;
        }
        let by_sensor = triangle.finish(clock)?;
        let sensors_left = by_sensor.len() / (rows + times);

        let mut triangle = Triangle::new(n, n + 1, sensors_left * times)?;
        for g in by_sensor.chunks_exact(rows + times) {
            for (t, x) in by_time.chunks_exact(rows + sensors).enumerate() {
                let field = |k: usize| -> f64 {
                    let block = k * o..(k + 1) * o;
                    g[block.clone()].iter().zip(&x[block]).map(|(g, x)| g * x).sum()
                };
                let values = norms.iter().enumerate().map(|(k, norm)| field(k) / norm);
                triangle.push(values.chain([g[rows + t]]), clock)?;
            }
        }
        let reduced = triangle.finish(clock)?;
        let length = reduced.len() / (n + 1);
        let at = |column: usize| (0..length).map(move |row| row * (n + 1) + column);
        let mut columns = memory::room(WHAT, n * length)?;
        (0..n).for_each(|k| columns.extend(at(k).map(|place| reduced[place])));
        let target = memory::gathered(WHAT, at(n).map(|place| reduced[place]))?;
        Ok(LeastSquares { columns, target })
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

/// The power of two of the largest.
fn exponent_of(values: &[f64]) -> i32 {
    whole_exponent(largest(values))
}
