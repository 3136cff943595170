//! Fixed simulated problems. Only arithmetic that every machine rounds alike, so that counts can be
//! compared.

use ndarray::Array2;

/// A whitened gain, data and what they are for.
pub struct Simulated {
    /// n_sensors x n_locations * n_orient
    pub gain: Array2<f64>,
    /// n_sensors x n_times
    pub data: Array2<f64>,
    /// rows a location has
    pub n_orient: usize,
}

/// Numbers between -1 and 1 from a linear congruence.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn point(&mut self, radius: f64) -> [f64; 3] {
        loop {
            let p = [self.next(), self.next(), self.next()];
            let norm = p.iter().map(|v| v * v).sum::<f64>().sqrt();
            if norm > 0.1 && norm < 1.0 {
                return p.map(|v| v * radius / norm);
            }
        }
    }
}

/// Three sources that overlap in time, seen by sensors on a sphere around them (fields fall with
/// the distance).
pub fn simulated(
    n_sensors: usize,
    n_locations: usize,
    n_orient: usize,
    n_times: usize,
) -> Simulated {
    let mut noise = Noise(1);
    let sensors: Vec<_> = (0..n_sensors).map(|_| noise.point(0.12)).collect();
    let depth: Vec<_> = (0..n_locations).map(|_| 0.07 + 0.015 * noise.next()).collect();
    let places: Vec<_> = depth.iter().map(|&radius| noise.point(radius)).collect();
    let mut gain = Array2::from_shape_fn((n_sensors, n_locations * n_orient), |(i, j)| {
        let offset: [f64; 3] = std::array::from_fn(|k| sensors[i][k] - places[j / n_orient][k]);
        let square = offset.iter().map(|v| v * v).sum::<f64>();
        offset[j % n_orient] / (square * square.sqrt())
    });
    let scale = (gain.iter().map(|v| v * v).sum::<f64>() / gain.ncols() as f64).sqrt();
    gain /= scale;
    let mut data = Array2::from_shape_fn((n_sensors, n_times), |_| 0.05 * noise.next());
    for k in 0..3 {
        let column = gain.column((k + 1) * (n_locations / 4) * n_orient).to_owned();
        for (t, mut sample) in data.columns_mut().into_iter().enumerate() {
            let late = 8.0 * (t as f64 / n_times as f64 - 0.25 * (k + 1) as f64);
            sample.scaled_add(5.0 * (1.0 - late) / (1.0 + late * late), &column);
        }
    }
    Simulated { gain, data, n_orient }
}
