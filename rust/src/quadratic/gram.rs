//! The quadratic of a working set: H = G'G + ridge and the correlations kept up to date; no sensor is touched.

use super::Quadratic;
use crate::error::Error;
use crate::gain::{Curvature, Gain};
use crate::kernels::kernels;
use crate::panel::{Lane, Panel};
use crate::problem::{Energies, is_zero};
use crate::products;

/// A block update costs `n_sources * n_orient * n_times` here, whatever the number of sensors.
pub(crate) struct Gram {
    n_orient: usize,
    n_sensors: usize,
    ridge: f64,
    /// |M|^2
    data_energy: f64,
    /// a row per column of the gain
    columns: Vec<f64>,
    /// G'G + ridge, in row order
    hessian: Vec<f64>,
    /// G'M
    linear: Panel,
    /// G'M - (G'G + ridge) X
    correlations: Panel,
    curvature: Curvature,
}

impl Gram {
    pub fn empty(gain: &Gain, data: &Panel, ridge: f64) -> Result<Self, Error> {
        Ok(Gram {
            n_orient: gain.n_orient(),
            n_sensors: gain.n_sensors(),
            ridge,
            data_energy: kernels().energy(data.lanes()),
            columns: Vec::new(),
            hessian: Vec::new(),
            linear: Panel::zeros(0, data.n_times)?,
            correlations: Panel::zeros(0, data.n_times)?,
            curvature: Curvature::default(),
        })
    }

    /// Adds locations of the gain: only the new rows and columns of H are computed.
    pub fn extend(&mut self, gain: &Gain, locations: &[usize], data: &Panel) -> Result<(), Error> {
        let (n, o) = (self.n_sensors, self.n_orient);
        let old = self.linear.rows;
        let all = old + locations.len() * o;
        for &s in locations {
            self.columns.extend_from_slice(gain.block(s));
        }
        let mut hessian = vec![0.0; all * all];
        for i in 0..old {
            hessian[i * all..i * all + old].copy_from_slice(&self.hessian[i * old..(i + 1) * old]);
        }
        let new = &self.columns[old * n..];
        products::gram_into(&mut hessian[old * all..], all, new, &self.columns, n);
        for i in old..all {
            hessian[i * all + i] += self.ridge;
            for j in 0..old {
                hessian[j * all + i] = hessian[i * all + j];
            }
        }
        self.hessian = hessian;
        let mut linear = Panel::zeros(all, data.n_times)?;
        let kept = self.linear.lanes().len();
        linear.lanes_mut()[..kept].copy_from_slice(self.linear.lanes());
        let width = linear.width;
        kernels().correlate(&mut linear.lanes_mut()[kept..], new, data.lanes(), width);
        self.correlations = linear.clone();
        self.linear = linear;
        self.curvature.append(&gain.curvature().select(locations));
        Ok(())
    }

    /// The quadratic of some of its locations, copied.
    pub fn select(&self, kept: &[usize]) -> Result<Gram, Error> {
        let (n, o, p) = (self.n_sensors, self.n_orient, self.linear.rows);
        let rows: Vec<usize> = kept.iter().flat_map(|s| s * o..(s + 1) * o).collect();
        let mut columns = Vec::with_capacity(rows.len() * n);
        let mut hessian = Vec::with_capacity(rows.len() * rows.len());
        for &i in &rows {
            columns.extend_from_slice(&self.columns[i * n..(i + 1) * n]);
            let row = &self.hessian[i * p..(i + 1) * p];
            hessian.extend(rows.iter().map(|&j| row[j]));
        }
        Ok(Gram {
            n_orient: o,
            n_sensors: n,
            ridge: self.ridge,
            data_energy: self.data_energy,
            columns,
            hessian,
            linear: self.linear.select(kept, o)?,
            correlations: self.correlations.select(kept, o)?,
            curvature: self.curvature.select(kept),
        })
    }
}

impl Quadratic for Gram {
    fn n_orient(&self) -> usize {
        self.n_orient
    }

    fn curvature(&self) -> &Curvature {
        &self.curvature
    }

    fn ridge(&self) -> f64 {
        self.ridge
    }

    fn load(&mut self, x: &Panel) {
        self.correlations.lanes_mut().copy_from_slice(self.linear.lanes());
        for s in 0..x.rows / self.n_orient {
            let block = x.block(s, self.n_orient);
            if !is_zero(block) {
                self.advance(s, block);
            }
        }
    }

    fn advance(&mut self, s: usize, delta: &[Lane]) {
        let (o, p, width) = (self.n_orient, self.linear.rows, self.linear.width);
        let rows = &self.hessian[s * o * p..(s + 1) * o * p];
        kernels().subtract_outer(self.correlations.lanes_mut(), rows, delta, width);
    }

    fn correlation(&self, s: usize, _block: &[Lane], out: &mut [Lane]) {
        out.copy_from_slice(self.correlations.block(s, self.n_orient));
    }

    fn correlations(&self, _x: &Panel, out: &mut Panel) {
        out.lanes_mut().copy_from_slice(self.correlations.lanes());
    }

    /// `|R|^2 + ridge |X|^2 = |M|^2 - <X, G'M + C>`, `<R, M> = |M|^2 - <X, G'M>`.
    fn energies(&self, x: &Panel) -> Energies {
        let against_data = self.data_energy - kernels().dot(x.lanes(), self.linear.lanes());
        let residual = against_data - kernels().dot(x.lanes(), self.correlations.lanes());
        Energies { residual: residual.max(0.0), against_data }
    }
}
