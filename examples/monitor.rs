//! A monitor in Rust: a recording is replayed in real time, a ring buffer takes its samples, every
//! hop is a window to estimate.
//!
//! `cargo run --release --example monitor [SECONDS [SPEED]]`: five seconds of a simulated
//! recording, as fast as it is played.
#![allow(clippy::print_stdout)]

use mxne_rs::{AlphaRule, Error, Gain, Stream, StreamOptions};
use ndarray::{Array2, s};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

const SENSORS: usize = 60;
const LOCATIONS: usize = 1000;
const RATE: f64 = 1000.0;
const WINDOW: usize = 100;
const HOP: usize = 50;
const BLOCK: usize = 10;

/// The last samples of a recording.
struct Ring {
    samples: Array2<f64>,
    filled: usize,
}

impl Ring {
    /// Takes a block (n_sensors x samples); says how many samples it has seen.
    fn push(&mut self, block: &Array2<f64>) -> usize {
        let n = block.ncols();
        let kept = WINDOW - n;
        for mut row in self.samples.rows_mut() {
            for i in 0..kept {
                row[i] = row[i + n];
            }
        }
        self.samples.slice_mut(s![.., kept..]).assign(block);
        self.filled += n;
        self.filled
    }
}

/// Two sources that take turns, in noise.
fn play(gain: &Array2<f64>, seconds: f64, speed: f64) -> Receiver<(Array2<f64>, Instant)> {
    let (send, receive) = sync_channel(1000);
    let gain = gain.clone();
    std::thread::spawn(move || {
        let (begin, mut random) = (Instant::now(), fastrand::Rng::with_seed(1));
        for block in 0..(seconds * RATE) as usize / BLOCK {
            let samples = Array2::from_shape_fn((SENSORS, BLOCK), |(i, j)| {
                let time = (block * BLOCK + j) as f64 / RATE;
                let active = if time % 2.0 < 1.0 { 100 } else { 700 };
                10.0 * (60.0 * time).sin() * gain[[i, active]] + 2.0 * random.f64() - 1.0
            });
            let due = Duration::from_secs_f64((block + 1) as f64 * BLOCK as f64 / RATE / speed);
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
            if send.send((samples, Instant::now())).is_err() {
                break;
            }
        }
    });
    receive
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let (seconds, speed) = (arguments.next().unwrap_or(5.0), arguments.next().unwrap_or(1.0));
    let mut random = fastrand::Rng::with_seed(0);
    let array = Array2::from_shape_fn((SENSORS, LOCATIONS), |_| random.f64() - 0.5);

    let gain = Arc::new(Gain::new(array.view(), 1)?);
    let options = StreamOptions {
        hop: HOP,
        alpha: AlphaRule::Percent(60.0),
        deadline: Some(Duration::from_millis(40)),
        ..StreamOptions::new(WINDOW)
    };
    let mut stream = Stream::new(gain, None, options)?;
    let mut ring = Ring { samples: Array2::zeros((SENSORS, WINDOW)), filled: 0 };
    let mut latencies = Vec::new();
    for (block, sent) in play(&array, seconds, speed) {
        let seen = ring.push(&block);
        if seen < WINDOW || !seen.is_multiple_of(HOP) {
            continue;
        }
        let estimate = stream.update(ring.samples.view())?;
        latencies.push(sent.elapsed());
        if seen.is_multiple_of(RATE as usize / 2) {
            println!(
                "{:5.1} s  locations {:?}, gap {:.0e}, {}",
                seen as f64 / RATE,
                estimate.locations,
                estimate.certificate.relative_gap(),
                estimate.outcome.name(),
            );
        }
    }
    histogram(&mut latencies);
    Ok(())
}

/// How long from the newest sample to the sources.
fn histogram(latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let at = |part: usize| latencies.get((latencies.len() * part / 100).min(latencies.len() - 1));
    let edges = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, f64::INFINITY];
    println!("{} windows, from the newest sample to sources:", latencies.len());
    let mut from = 0.0;
    for to in edges {
        let ms = |latency: &&Duration| (from..to).contains(&(1e3 * latency.as_secs_f64()));
        let count = latencies.iter().filter(ms).count();
        println!(
            "  {from:5.2} to {to:5.2} ms {count:6}  {}",
            "#".repeat(60 * count / latencies.len().max(1))
        );
        from = to;
    }
    println!("p50 {:?}, p95 {:?}, p99 {:?}", at(50), at(95), at(99));
}
