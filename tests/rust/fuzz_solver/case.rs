//! Bytes become a small problem: every number that decides anything is drawn from them, entries
//! from a seed in them.

use arbitrary::{Result, Unstructured};
use mxne_rs::{AmplitudeUnit, Reweight, Solver, Surrogate};
use ndarray::{Array2, Axis};
use std::time::Duration;

/// What is asked of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Mxne,
    Irmxne,
    Path,
    Batch,
    Paths,
    Gap,
    TimeFrequency,
    Evidence,
}

/// Where a solve starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    Zero,
    /// the answer at twice the alpha
    Previous,
    Random,
    /// random, times a power of two
    Huge(i32),
}

impl Start {
    pub fn name(self) -> &'static str {
        match self {
            Start::Zero => "zero",
            Start::Previous => "previous",
            Start::Random => "random",
            Start::Huge(_) => "huge",
        }
    }
}

/// One thing that is wrong with the arguments: an error has to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    Alpha,
    Tol,
    MaxIter,
    TimeLimit,
    Ridge,
    Weights,
    ShortWeights,
    Rounds,
    TolReweight,
    DataRows,
    DataNan,
    Rising,
    InitRows,
    InitLocations,
    GainNan,
    Orientation,
}

/// How far the sizes of the numbers are from ordinary ones: decides which refusals are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// everything within 2^-60 .. 2^60: nothing may be refused
    Ordinary,
    /// whole arrays times powers of two: only what cannot be represented may be refused
    Whole,
    /// entries of one array far apart, subnormal or of random bits: any parameter may be refused
    Mixed,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub verb: Verb,
    pub gain: Array2<f64>,
    pub data: Vec<Array2<f64>>,
    pub n_orient: usize,
    pub weights: Option<Vec<f64>>,
    /// in units of the largest squared column norm
    pub ridge_part: f64,
    /// in units of alpha_max, falling
    pub alpha_parts: Vec<f64>,
    pub tol: f64,
    pub max_iter: usize,
    pub time_limit: Option<Duration>,
    pub solver: Solver,
    pub active_set_size: Option<usize>,
    pub reweight: Option<Reweight>,
    pub start: Start,
    pub fault: Option<Fault>,
    pub range: Range,
    /// nothing makes this a slow problem: progress ends by rounding or not at all
    pub benign: bool,
    /// exponents of the scales of gain and data as wholes
    pub exponents: (i32, i32),
    /// what is compared beyond the certificate: another thread count, a scaled copy
    pub compare_threads: bool,
    pub compare_scaled: bool,
    pub seed: u64,
}

const ORDINARY: i32 = 60;

/// The largest exponent of a scale, `MXNE_RS_FUZZ_SCALE` (700): smaller while something else is
/// looked for.
fn widest() -> i32 {
    std::env::var("MXNE_RS_FUZZ_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(700)
}

impl Case {
    pub fn new(bytes: &[u8]) -> Result<Case> {
        let mut draw = Draw { u: Unstructured::new(bytes), range: Range::Ordinary, benign: true };
        draw.case()
    }
}

struct Draw<'a> {
    u: Unstructured<'a>,
    range: Range,
    benign: bool,
}

impl Draw<'_> {
    fn case(&mut self) -> Result<Case> {
        let seed: u64 = self.u.arbitrary()?;
        let mut rng = fastrand::Rng::with_seed(seed);
        let verb = match self.below(15)? {
            0..5 => Verb::Mxne,
            5..8 => Verb::Irmxne,
            8 => Verb::Path,
            9 => Verb::Batch,
            10 => Verb::Paths,
            11 => Verb::Gap,
            12 | 13 => Verb::TimeFrequency,
            _ => Verb::Evidence,
        };
        let n_sensors = self.between(1, 12)?;
        // Beyond 768 locations the solver nests another working set.
        let n_locations = if self.below(48)? == 47 { 800 } else { self.between(1, 30)? };
        let n_orient = self.between(1, if n_locations > 30 { 2 } else { 5 })?;
        let mut gain = self.gain((n_sensors, n_locations, n_orient), &mut rng)?;
        let n_data =
            if matches!(verb, Verb::Batch | Verb::Paths) { self.between(1, 3)? } else { 1 };
        let mut data = Vec::new();
        for _ in 0..n_data {
            data.push(self.data(&gain, &mut rng)?);
        }
        let exponents = (self.whole_scale()?, self.whole_scale()?);
        gain.mapv_inplace(|value| clamped(ldexp(value, exponents.0)));
        data.iter_mut().for_each(|d| d.mapv_inplace(|value| clamped(ldexp(value, exponents.1))));
        let weights = self.weights(n_locations, &mut rng)?;
        let ridge_part = [0.0, 0.0, 0.0, 1e-9, 1e-3, 0.1, 30.0][self.below(7)?];
        let n_alphas =
            if matches!(verb, Verb::Path | Verb::Paths) { self.between(1, 5)? } else { 1 };
        let mut alpha_parts = Vec::new();
        for _ in 0..n_alphas {
            alpha_parts.push(self.alpha_part()?);
        }
        alpha_parts.sort_by(|a, b| b.total_cmp(a));
        alpha_parts.dedup();
        let with_reweight = verb == Verb::Irmxne || self.below(3)? == 0;
        Ok(Case {
            verb,
            gain,
            data,
            n_orient,
            weights,
            ridge_part,
            alpha_parts,
            tol: [1e-6, 1e-2, 1e-3, 1e-4, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-30, 1e-300, 0.9]
                [self.below(12)?],
            // Many epochs on many locations take minutes.
            max_iter: [3000, 1000, 100, 10, 1, self.between(1, 3000)?][self.below(6)?]
                .min(if n_locations > 30 { 100 } else { 3000 }),
            time_limit: match self.below(12)? {
                11 => Some(Duration::from_nanos(1)),
                10 => Some(Duration::from_millis(1)),
                _ => None,
            },
            solver: if self.below(3)? == 2 { Solver::Fista } else { Solver::Bcd },
            active_set_size: [Some(10), Some(1), Some(3), None][self.below(4)?],
            reweight: if with_reweight { Some(self.reweight()?) } else { None },
            start: match self.below(8)? {
                0..4 => Start::Zero,
                4 => Start::Previous,
                5 | 6 => Start::Random,
                _ => Start::Huge(self.exponent(200)?),
            },
            fault: if self.below(40)? == 39 { Some(self.fault()?) } else { None },
            range: self.range,
            // Reweighted problems have effective alphas of any size.
            benign: self.benign && ridge_part < 1.0 && verb != Verb::Irmxne && !with_reweight,
            exponents,
            compare_threads: self.below(8)? == 7,
            compare_scaled: self.below(4)? == 3,
            seed,
        })
    }

    fn below(&mut self, n: usize) -> Result<usize> {
        self.u.int_in_range(0..=n - 1)
    }

    fn between(&mut self, least: usize, most: usize) -> Result<usize> {
        self.u.int_in_range(least..=most)
    }

    /// An exponent within `limit`, or within what the run allows.
    fn exponent(&mut self, limit: i32) -> Result<i32> {
        let e: i32 = self.u.int_in_range(-limit..=limit)?;
        Ok(if limit > widest() { e * widest() / limit } else { e })
    }

    /// An exponent for one part of an array: where it is far from 0, numbers of very different size
    /// meet.
    fn part_scale(&mut self) -> Result<i32> {
        let limit = [10, 30, 60, 700][self.below(4)?];
        let e = self.exponent(limit)?;
        self.benign &= e.abs() <= 10;
        if e.abs() > ORDINARY {
            self.range = self.range.max(Range::Mixed);
        }
        Ok(e)
    }

    fn whole_scale(&mut self) -> Result<i32> {
        if self.below(3)? != 2 {
            return Ok(0);
        }
        let e = self.exponent(700)?;
        if e.abs() > ORDINARY {
            self.range = self.range.max(Range::Whole);
        }
        Ok(e)
    }

    fn gain(
        &mut self,
        (n_sensors, n_locations, n_orient): (usize, usize, usize),
        rng: &mut fastrand::Rng,
    ) -> Result<Array2<f64>> {
        let (n, p) = (n_sensors, n_locations * n_orient);
        let mut gain = normals((n, p), rng);
        match self.below(8)? {
            // Smooth and overlapping: the problems on which solvers are slow.
            5 => gain = Array2::from_shape_fn((n, p), |(i, j)| (0.05 * (i * (j + 1)) as f64).cos()),
            // Small integers: exact ties.
            6 => gain.mapv_inplace(f64::round),
            7 => gain = Array2::from_shape_fn((n, p), |(i, j)| if i == j % n { 1.0 } else { 0.0 }),
            _ => {}
        }
        let block = |s: usize| s * n_orient..(s + 1) * n_orient;
        for _ in 0..self.below(5)? {
            let (kind, j, from) = (self.below(11)?, self.below(p)?, self.below(p)?);
            let source = gain.column(from).to_owned();
            match kind {
                0 => gain.column_mut(j).fill(0.0),
                1 => gain.column_mut(j).assign(&source),
                2 => {
                    let part = ldexp(1.0, -(self.between(1, 60)? as i32));
                    gain.column_mut(j).mapv_inplace(|value| part * value);
                    gain.column_mut(j).scaled_add(-1.5, &source);
                }
                3 => {
                    let e = self.part_scale()?;
                    gain.column_mut(j).mapv_inplace(|value| clamped(ldexp(value, e)));
                }
                4 => {
                    let (s, e) = (j / n_orient, self.part_scale()?);
                    for j in block(s) {
                        gain.column_mut(j).mapv_inplace(|value| clamped(ldexp(value, e)));
                    }
                }
                5 => {
                    let (s, other) = (j / n_orient, from / n_orient);
                    for (j, from) in block(s).zip(block(other)) {
                        let source = gain.column(from).to_owned();
                        gain.column_mut(j).assign(&source);
                    }
                }
                6 => {
                    let (row, e) = (from % n, self.part_scale()?);
                    gain.row_mut(row).mapv_inplace(|value| clamped(ldexp(value, e)));
                }
                7 => gain.row_mut(from % n).fill(-0.0),
                8 => gain.axis_iter_mut(Axis(1)).for_each(|mut c| c.scaled_add(30.0, &source)),
                _ => self.spoil_entry(&mut gain)?,
            }
        }
        Ok(gain)
    }

    /// Data of a few sources in noise, or of something else.
    fn data(&mut self, gain: &Array2<f64>, rng: &mut fastrand::Rng) -> Result<Array2<f64>> {
        let (n, t) = (gain.nrows(), self.between(1, 20)?);
        let noise = [0.3, 1e-3, 0.0, 3.0][self.below(4)?];
        let mut data = noise * normals((n, t), rng);
        for _ in 0..self.below(4)? {
            let column = gain.column(rng.usize(..gain.ncols())).to_owned();
            let largest = column.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            if largest > 0.0 {
                let unit = column.mapv(|value| value / largest);
                for mut sample in data.columns_mut() {
                    sample.scaled_add(rng.f64() - 0.5, &unit);
                }
            }
        }
        for _ in 0..self.below(4)? {
            let (kind, row, column) = (self.below(8)?, self.below(n)?, self.below(t)?);
            match kind {
                0 => data.fill(0.0),
                1 => data.column_mut(column).fill(0.0),
                2 => {
                    let e = self.part_scale()?;
                    data.column_mut(column).mapv_inplace(|value| clamped(ldexp(value, e)));
                }
                3 => {
                    let e = self.part_scale()?;
                    data.row_mut(row).mapv_inplace(|value| clamped(ldexp(value, e)));
                }
                4 => data.row_mut(row).fill(-0.0),
                5 => {
                    let sample = data.column(column).to_owned();
                    data.columns_mut().into_iter().for_each(|mut c| c.assign(&sample));
                }
                6 => data.mapv_inplace(f64::round),
                _ => self.spoil_entry(&mut data)?,
            }
        }
        Ok(data)
    }

    /// A subnormal entry, a signed zero, or the bits of the input themselves.
    fn spoil_entry(&mut self, array: &mut Array2<f64>) -> Result<()> {
        let (row, column) = (self.below(array.nrows())?, self.below(array.ncols())?);
        let value = match self.below(4)? {
            0 => -0.0,
            1 => f64::from_bits(self.u.int_in_range(1..=(1 << 52) - 1)?),
            _ => clamped(f64::from_bits(self.u.arbitrary()?)),
        };
        if value != 0.0 && exponent_of(value).abs() > ORDINARY.min(widest()) {
            if widest() < 700 {
                return Ok(());
            }
            self.range = self.range.max(Range::Mixed);
        }
        self.benign &= value == 0.0;
        array[[row, column]] = value;
        Ok(())
    }

    fn weights(&mut self, n: usize, rng: &mut fastrand::Rng) -> Result<Option<Vec<f64>>> {
        let uniform: Vec<f64> = (0..n).map(|_| 0.3 + 2.7 * rng.f64()).collect();
        Ok(match self.below(9)? {
            0..4 => None,
            4 => Some(uniform),
            5 => {
                Some(uniform.iter().map(|&w| if rng.bool() { w } else { f64::INFINITY }).collect())
            }
            6 => {
                self.benign = false;
                Some(uniform.iter().map(|&w| ldexp(w, rng.i32(-20..20))).collect())
            }
            7 => {
                self.benign = false;
                let limit = self.exponent(700)?.abs();
                if limit > ORDINARY {
                    self.range = self.range.max(Range::Mixed);
                }
                Some(uniform.iter().map(|&w| clamped(ldexp(w, rng.i32(-limit..=limit)))).collect())
            }
            _ => Some(vec![[2.0, 0.5, f64::INFINITY][self.below(3)?]; n]),
        })
    }

    fn alpha_part(&mut self) -> Result<f64> {
        let fixed = [0.5, 1.0, 0.1, 0.01, 1e-4, 1e-6, 0.9, 0.999_999, 1.0 + 1e-15, 2.0];
        let which = self.below(fixed.len() + 4)?;
        let drawn = 1e-6 + f64::from(self.u.arbitrary::<u16>()?) / 40_000.0;
        let part = fixed.get(which).copied().unwrap_or(drawn);
        self.benign &= part >= 0.01;
        Ok(part)
    }

    fn reweight(&mut self) -> Result<Reweight> {
        let n_reweights = self.between(1, 10)?;
        let units = [
            AmplitudeUnit::Number(1.0),
            AmplitudeUnit::Relative,
            AmplitudeUnit::Largest,
            AmplitudeUnit::Gain,
            AmplitudeUnit::Mne,
        ];
        Ok(Reweight {
            n_reweights,
            tol_reweight: [1e-6, 0.0, 1e-2][self.below(3)?],
            surrogate: if self.below(2)? == 1 { Surrogate::Log } else { Surrogate::Sqrt },
            // Not drawn, so that inputs of the corpus keep their meaning.
            amplitude_unit: units[n_reweights % units.len()],
        })
    }

    fn fault(&mut self) -> Result<Fault> {
        let all = [
            Fault::Alpha,
            Fault::Tol,
            Fault::MaxIter,
            Fault::TimeLimit,
            Fault::Ridge,
            Fault::Weights,
            Fault::ShortWeights,
            Fault::Rounds,
            Fault::TolReweight,
            Fault::DataRows,
            Fault::DataNan,
            Fault::Rising,
            Fault::InitRows,
            Fault::InitLocations,
            Fault::GainNan,
            Fault::Orientation,
        ];
        self.u.choose(&all).copied()
    }
}

/// Nearly normal numbers.
pub fn normals(shape: (usize, usize), rng: &mut fastrand::Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn(shape, || (0..4).map(|_| rng.f64() - 0.5).sum::<f64>() * 1.7)
}

/// `x * 2^e` in steps that neither overflow nor underflow before the end.
pub fn ldexp(mut x: f64, mut e: i32) -> f64 {
    while e != 0 {
        let step = e.clamp(-1000, 1000);
        x *= f64::from_bits(((1023 + step) as u64) << 52);
        e -= step;
    }
    x
}

/// e with `2^e <= |x| < 2^(e + 1)`.
pub fn exponent_of(x: f64) -> i32 {
    let bits = |x: f64| ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    if x != 0.0 && x.abs() < f64::MIN_POSITIVE { bits(ldexp(x, 100)) - 100 } else { bits(x) }
}

/// The nearest finite number; NaN becomes 1.
fn clamped(x: f64) -> f64 {
    if x.is_nan() { 1.0 } else { x.clamp(-f64::MAX, f64::MAX) }
}
