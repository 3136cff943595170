//! Whitened arrays in, sources out: what a Rust monitor does with one window. `cargo run --release
//! --example localize`

use mxne_rs::{Gain, Options, Reweight, Stopping, alpha_max, solve_irmxne};
use ndarray::Array2;
use std::f64::consts::TAU;
use std::io::Write;
use std::time::Duration;

const SENSORS: usize = 100;
const LOCATIONS: usize = 1000;
const TIMES: usize = 60;

/// A smooth stand-in for a whitened gain with three orientations a location.
fn whitened_gain() -> Array2<f64> {
    Array2::from_shape_fn((SENSORS, 3 * LOCATIONS), |(i, j)| {
        let sensor = i as f64 / SENSORS as f64;
        let (place, orientation) = ((j / 3) as f64 / LOCATIONS as f64, j % 3);
        let distance = 0.15 + (TAU * (sensor - place)).sin().abs();
        (sensor * 40.0 * (orientation + 1) as f64 + 5.0 * place).cos() / distance
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let array = whitened_gain();
    // Two sources, 50 ms apart, and a little noise.
    let pulse = |t: usize, centre: f64| (-((t as f64 - centre) / 8.0).powi(2)).exp();
    let data = Array2::from_shape_fn((SENSORS, TIMES), |(i, t)| {
        let noise = ((i * 7919 + t * 104_729) % 1009) as f64 / 1009.0 - 0.5;
        array[[i, 600]] * pulse(t, 15.0) + array[[i, 1801]] * pulse(t, 40.0) + 0.2 * noise
    });

    // Once per forward model; shared by every window and thread.
    let gain = Gain::new(array.view(), 3)?;

    // Once per window.
    let alpha = 0.3 * alpha_max(&gain, data.view(), &Options::default())?;
    let stopping = Stopping { time_limit: Some(Duration::from_secs(1)), ..Stopping::default() };
    let options = Options { stopping, ..Options::default() };
    let solution = solve_irmxne(&gain, data.view(), alpha, &Reweight::default(), &options)?;

    // The penalty shrinks amplitudes: one factor for each source undoes that.
    let sources = solution.sources.debiased(&gain, data.view())?;

    let mut out = std::io::stdout().lock();
    let (gap, status) = (solution.certificate.relative_gap(), solution.status.name());
    writeln!(out, "{status}: relative duality gap {gap:.1e} after {} epochs", solution.n_iter)?;
    for (i, location) in sources.locations.iter().enumerate() {
        let rows = sources.coef.slice(ndarray::s![3 * i..3 * i + 3, ..]);
        let power = |t: usize| rows.column(t).iter().map(|v| v * v).sum::<f64>().sqrt();
        let peak = (0..TIMES).max_by(|&a, &b| power(a).total_cmp(&power(b))).unwrap_or(0);
        writeln!(out, "location {location:4}: peak {:.3} at sample {peak}", power(peak))?;
    }
    Ok(())
}
