//! Runs one case and says what is wrong with the outcome.

use crate::case::{Case, Fault, Range, Start, Verb, ldexp, normals};
use crate::certificate::{Independent, Problem, largest_exponent};
use crate::others;
use mxne_rs::{
    Error, Gain, Options, Path, Reweight, Solution, Sources, Status, Stopping, Threads, alpha_max,
    duality_gap, solve_batch, solve_irmxne, solve_mxne, solve_path, solve_paths,
};
use ndarray::{Array2, ArrayView2};
use std::time::Duration;

/// Something that must not be: of which kind, and the numbers.
#[derive(Debug)]
pub struct Finding {
    pub kind: &'static str,
    pub detail: String,
}

/// What became of a case, in a few words: a new outcome makes its input worth mutating.
pub type Outcome = String;

macro_rules! ensure {
    ($holds:expr, $kind:literal, $($detail:tt)*) => {{
        let holds: bool = $holds;
        if !holds {
            return Err(Finding { kind: $kind, detail: format!($($detail)*) });
        }
    }};
}

pub(crate) use ensure;

/// A gap beyond both is no stall by rounding: so many bounds on rounding, and a gap below which
/// slow is stalled.
const STALL: f64 = 1e4;
const SLOW: f64 = 1e-6;

/// Exponents within which the library represents whatever it is asked for.
const REPRESENTED: i32 = 900;

pub fn run(case: &Case) -> Result<Outcome, Finding> {
    if let Some(fault) = case.fault {
        return refuses(case, fault);
    }
    let gain = match Gain::new(case.gain.view(), case.n_orient) {
        Ok(gain) => gain,
        Err(error) => return allowed(case, &error),
    };
    let alphas = match alphas(case, &gain)? {
        Ok(alphas) => alphas,
        Err(error) => return allowed(case, &error),
    };
    let random = random_start(case);
    let once = Run { case, gain: &gain, alphas: &alphas, ridge: ridge(case), start: &random };
    match once.solve() {
        Ok(outcome) => outcome,
        Err(error) => allowed(case, &error),
    }
}

/// Whether this case may be refused with this error.
fn allowed(case: &Case, error: &Error) -> Result<Outcome, Finding> {
    let text = error.to_string();
    if let Error::Scale { .. } = error {
        let gain = largest_exponent(case.gain.view()).unwrap_or(0);
        let data = case.data.iter().filter_map(|data| largest_exponent(data.view()));
        let far = data.map(|e| (e + gain).abs().max((e - gain).abs())).max().unwrap_or(0);
        // The alphas of several data sets are those of the first, and so may be anything to the
        // others.
        let several = matches!(case.verb, Verb::Batch | Verb::Paths);
        let wild = case.weights.is_some() || several;
        // One small entry among ordinary ones makes an alpha_max that is no double.
        let mixed = case.range >= Range::Mixed;
        ensure!(mixed || far > 900 || (wild && far > 200), "odd error", "{text}");
        return Ok("refused: scale".into());
    }
    let Error::Parameter { name, .. } = error else {
        return Err(Finding { kind: "odd error", detail: text });
    };
    let named = ["gain", "data", "alpha", "weights", "ridge", "init", "x"];
    let is_named = named.iter().any(|part| name.split(' ').any(|word| word.starts_with(part)));
    ensure!(is_named, "nameless error", "{text}");
    let (eg, em) = case.exponents;
    let unrepresented = (eg + em).abs() > REPRESENTED || (em - eg).abs() > REPRESENTED;
    let huge = matches!(case.start, Start::Huge(_)) && case.verb == Verb::Gap;
    let may = match case.range {
        Range::Ordinary => huge,
        Range::Whole => unrepresented || huge || case.ridge_part > 0.0,
        Range::Mixed => true,
    };
    ensure!(may, "refused", "{:?} {:?}: {text}", case.range, case.exponents);
    Ok(format!("refused: {name}"))
}

fn problem<'a>(case: &'a Case, data: &'a Array2<f64>, alpha: f64) -> Problem<'a> {
    let weights = case.weights.as_deref();
    Problem { gain: &case.gain, data, n_orient: case.n_orient, weights, alpha, ridge: ridge(case) }
}

/// The alphas asked for, from the library's alpha_max of the first data set, which is compared with
/// the formula's.
fn alphas(case: &Case, gain: &Gain) -> Result<Result<Vec<f64>, Error>, Finding> {
    let (size, e) = problem(case, &case.data[0], 1.0).alpha_max();
    let options =
        Options { weights: case.weights.clone(), threads: Threads::new(1), ..Options::default() };
    let largest = match alpha_max(gain, case.data[0].view(), &options) {
        Ok(largest) => largest,
        Err(error) => return Ok(Err(error)),
    };
    ensure!(largest >= 0.0 && largest.is_finite(), "alpha_max", "{largest}");
    if e.abs() < 1000 {
        let exact = ldexp(size, e);
        // Cancellation: a column may be nearly orthogonal to data much larger than the product.
        let reach = reach(case, &case.data[0]);
        let error = (largest - exact).abs();
        ensure!(
            error <= 1e-12 * exact || error <= 1e-13 * reach,
            "alpha_max",
            "library {largest:e}, formula {exact:e}"
        );
    }
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let mut alphas: Vec<f64> = case
        .alpha_parts
        .iter()
        .map(|part| (part * unit).clamp(f64::MIN_POSITIVE, f64::MAX))
        .collect();
    alphas.dedup();
    Ok(Ok(alphas))
}

/// `max_s |G_s| |M| / w_s`.
fn reach(case: &Case, data: &Array2<f64>) -> f64 {
    let norm = |a: ArrayView2<f64>| {
        let k = largest_exponent(a).unwrap_or(0);
        ldexp(a.iter().map(|v| ldexp(*v, -k).powi(2)).sum::<f64>().sqrt(), k)
    };
    let o = case.n_orient;
    let of_location = |s: usize| {
        let w = case.weights.as_ref().map_or(1.0, |weights| weights[s]);
        norm(case.gain.slice(ndarray::s![.., s * o..(s + 1) * o])) / w
    };
    let largest = (0..case.gain.ncols() / o).map(of_location).fold(0.0, f64::max);
    largest * norm(data.view())
}

fn ridge(case: &Case) -> f64 {
    let largest = largest_exponent(case.gain.view()).unwrap_or(0);
    ldexp(case.ridge_part, 2 * largest).min(f64::MAX)
}

fn stopping(case: &Case) -> Stopping {
    let Case { tol, max_iter, time_limit, .. } = *case;
    Stopping { tol, max_iter, time_limit }
}

fn random_start(case: &Case) -> Sources {
    let mut rng = fastrand::Rng::with_seed(case.seed ^ 0x5eed);
    let n_locations = case.gain.ncols() / case.n_orient;
    let locations: Vec<usize> = (0..n_locations).filter(|_| rng.u8(..4) == 0).collect();
    let e = if let Start::Huge(e) = case.start { e } else { 0 };
    let size = largest_exponent(case.data[0].view()).unwrap_or(0)
        - largest_exponent(case.gain.view()).unwrap_or(0);
    let shape = (locations.len() * case.n_orient, case.data[0].ncols());
    let limit = |value: f64| value.clamp(-f64::MAX, f64::MAX);
    let coef = normals(shape, &mut rng).mapv(|value| limit(ldexp(0.3 * value, e + size)));
    Sources { locations, coef, n_orient: case.n_orient }
}

/// A case that can be solved, with all that was made of it.
#[derive(Clone, Copy)]
struct Run<'a> {
    case: &'a Case,
    gain: &'a Gain,
    alphas: &'a [f64],
    ridge: f64,
    start: &'a Sources,
}

impl Run<'_> {
    fn options(&self, init: Option<&Sources>, threads: usize) -> Options {
        Options {
            weights: self.case.weights.clone(),
            ridge: self.ridge,
            stopping: stopping(self.case),
            solver: self.case.solver,
            active_set_size: self.case.active_set_size,
            time_frequency: None,
            init: init.cloned(),
            threads: Threads::new(threads),
        }
    }

    /// An error of the library is handed out, a finding is inside.
    fn solve(&self) -> Result<Result<Outcome, Finding>, Error> {
        let options = |threads| self.options(None, threads);
        match self.case.verb {
            Verb::Mxne => self.mxne(),
            Verb::Irmxne => self.irmxne(),
            Verb::Path => self.path(),
            Verb::Batch => self.batch(),
            Verb::Paths => self.paths(),
            Verb::Gap => self.gap(),
            Verb::TimeFrequency => others::time_frequency(self.case, self.gain, &options),
            Verb::Evidence => others::evidence(self.case, self.gain, &options),
        }
    }

    fn init(&self) -> Result<Option<Sources>, Error> {
        Ok(match self.case.start {
            Start::Zero => None,
            Start::Previous => {
                let options = self.options(None, 1);
                let alpha = (2.0 * self.alphas[0]).min(f64::MAX);
                Some(solve_mxne(self.gain, self.case.data[0].view(), alpha, &options)?.sources)
            }
            Start::Random | Start::Huge(_) => Some(self.start.clone()),
        })
    }

    fn mxne(&self) -> Result<Result<Outcome, Finding>, Error> {
        let (init, data, alpha) = (self.init()?, &self.case.data[0], self.alphas[0]);
        let solve = |threads| {
            let options = self.options(init.as_ref(), threads);
            solve_mxne(self.gain, data.view(), alpha, &options)
        };
        let solution = solve(1)?;
        Ok(self.judge(&solution, data, alpha).and_then(|outcome| {
            self.same_with_two_threads(&solution, || solve(2))?;
            self.same_when_scaled(&solution, init.as_ref())?;
            Ok(outcome)
        }))
    }

    fn irmxne(&self) -> Result<Result<Outcome, Finding>, Error> {
        let (init, data, alpha) = (self.init()?, &self.case.data[0], self.alphas[0]);
        let reweight = self.case.reweight.unwrap_or_default();
        let solve = |threads| {
            let options = self.options(init.as_ref(), threads);
            solve_irmxne(self.gain, data.view(), alpha, &reweight, &options)
        };
        let solution = solve(1)?;
        Ok(self.judge_reweighted(&solution, data, alpha, &reweight).and_then(|outcome| {
            self.same_with_two_threads(&solution, || solve(2))?;
            Ok(outcome)
        }))
    }

    fn path(&self) -> Result<Result<Outcome, Finding>, Error> {
        let (init, data, case) = (self.init()?, &self.case.data[0], self.case);
        let options = self.options(init.as_ref(), 1);
        let reweight = case.reweight.as_ref();
        let path = solve_path(self.gain, data.view(), self.alphas, reweight, &options)?;
        Ok(self.judge_path(&path, data))
    }

    fn paths(&self) -> Result<Result<Outcome, Finding>, Error> {
        let case = self.case;
        let views: Vec<_> = case.data.iter().map(|data| data.view()).collect();
        let options = self.options(None, 2);
        let paths = solve_paths(self.gain, &views, self.alphas, case.reweight.as_ref(), &options)?;
        let judge = || {
            ensure!(paths.len() == views.len(), "length", "{} paths", paths.len());
            let mut outcome = String::new();
            for (path, data) in paths.iter().zip(&case.data) {
                outcome = self.judge_path(path, data)?;
            }
            Ok(outcome)
        };
        Ok(judge())
    }

    fn judge_path(&self, path: &Path, data: &Array2<f64>) -> Result<Outcome, Finding> {
        let reweight = self.case.reweight;
        let n_reweighted = reweight.map_or(0, |_| self.alphas.len());
        let lengths = (path.solutions.len(), path.reweighted.len());
        ensure!(lengths == (self.alphas.len(), n_reweighted), "length", "{lengths:?}");
        let mut outcome = String::new();
        for (solution, &alpha) in path.solutions.iter().zip(self.alphas) {
            outcome = self.judge(solution, data, alpha)?;
        }
        for (solution, &alpha) in path.reweighted.iter().zip(self.alphas) {
            outcome =
                self.judge_reweighted(solution, data, alpha, &reweight.unwrap_or_default())?;
        }
        Ok(outcome)
    }

    fn batch(&self) -> Result<Result<Outcome, Finding>, Error> {
        let (case, alpha) = (self.case, self.alphas[0]);
        let views: Vec<_> = case.data.iter().map(|data| data.view()).collect();
        let (alphas, options) = (vec![alpha; views.len()], self.options(None, 2));
        let reweight = case.reweight.as_ref();
        let solutions = solve_batch(self.gain, &views, &alphas, reweight, &options)?;
        let judge = || {
            ensure!(solutions.len() == views.len(), "length", "{} answers", solutions.len());
            let mut outcome = String::new();
            for (solution, data) in solutions.iter().zip(&case.data) {
                let alone = match reweight {
                    None => {
                        outcome = self.judge(solution, data, alpha)?;
                        solve_mxne(self.gain, data.view(), alpha, &self.options(None, 1))
                    }
                    Some(reweight) => {
                        outcome = self.judge_reweighted(solution, data, alpha, reweight)?;
                        let options = self.options(None, 1);
                        solve_irmxne(self.gain, data.view(), alpha, reweight, &options)
                    }
                };
                if case.time_limit.is_none() {
                    let same = alone.is_ok_and(|alone| alone.sources == solution.sources);
                    ensure!(same, "batch", "another answer than that of a single solve");
                }
            }
            Ok(outcome)
        };
        Ok(judge())
    }

    /// The library's certificate of any X is that of the formulas.
    fn gap(&self) -> Result<Result<Outcome, Finding>, Error> {
        let (data, alpha) = (&self.case.data[0], self.alphas[0]);
        let found = duality_gap(self.gain, data.view(), self.start, alpha, &self.options(None, 1))?;
        let judge = || {
            let gap = found.relative_gap();
            ensure!(gap >= 0.0, "duality_gap", "relative gap {gap}");
            let Some(exact) = problem(self.case, data, alpha).certify(self.start) else {
                return Ok("gap: beyond numbers".into());
            };
            let excluded = self.case.weights.as_deref().is_some_and(|weights| {
                let sources = self.start;
                let o = sources.n_orient;
                sources.locations.iter().enumerate().any(|(i, &s)| {
                    let rows = sources.coef.slice(ndarray::s![i * o..(i + 1) * o, ..]);
                    weights[s].is_infinite() && rows.iter().any(|x| *x != 0.0)
                })
            });
            if excluded {
                let is_zero = data.iter().all(|m| *m == 0.0);
                ensure!(is_zero || gap == f64::INFINITY, "duality_gap", "{gap} where excluded");
                return Ok("gap: excluded".into());
            }
            // The bound is one of first order: with a huge X it is compared with a huge gap.
            let error = (gap - exact.gap).abs();
            ensure!(
                error <= exact.rounding + 1e-13 * exact.gap || !gap.is_finite(),
                "duality_gap",
                "library {gap:e}, formulas {exact:?}"
            );
            ensure!(
                gap.is_finite() || self.case.range == Range::Mixed || exact.gap > 1e100,
                "duality_gap",
                "{gap} for {exact:?}"
            );
            Ok(format!("gap: {}", bucket(exact.gap)))
        };
        Ok(judge())
    }

    fn judge(
        &self,
        solution: &Solution,
        data: &Array2<f64>,
        alpha: f64,
    ) -> Result<Outcome, Finding> {
        ensure!(solution.reweighting.is_none(), "reweighting", "where none was asked for");
        let exact = self.certified(solution, problem(self.case, data, alpha))?;
        if let Some(exact) = exact {
            let most =
                1.0 + exact.rounding + if self.converged(solution) { self.case.tol } else { 0.0 };
            ensure!(exact.primal <= most, "worse than zero", "{solution:?} {exact:?}");
        }
        Ok(self.words(solution))
    }

    fn judge_reweighted(
        &self,
        solution: &Solution,
        data: &Array2<f64>,
        alpha: f64,
        reweight: &Reweight,
    ) -> Result<Outcome, Finding> {
        let Some(rounds) = &solution.reweighting else {
            return Err(Finding { kind: "reweighting", detail: "none".into() });
        };
        ensure!(others::falls(solution), "reweighting", "objectives {:?}", rounds.objectives);
        ensure!(
            (1..=reweight.n_reweights).contains(&rounds.n_reweights),
            "reweighting",
            "{} rounds",
            rounds.n_reweights
        );
        ensure!(rounds.weights.iter().all(|w| *w > 0.0), "reweighting", "{:?}", rounds.weights);
        let weights = Some(rounds.weights.as_slice());
        self.certified(solution, Problem { weights, ..problem(self.case, data, alpha) })?;
        Ok(format!("{} {:?} {}", self.words(solution), reweight.surrogate, rounds.converged))
    }

    fn converged(&self, solution: &Solution) -> bool {
        solution.status == Status::Converged
    }

    fn words(&self, solution: &Solution) -> Outcome {
        let Case { verb, solver, active_set_size, start, range, n_orient, .. } = self.case;
        let log = |n: usize| (n + 1).ilog2();
        format!(
            "{verb:?} {solver:?} {active_set_size:?} {} {range:?} {} {} {} {} {}",
            start.name(),
            n_orient.min(&2),
            solution.status.name(),
            log(solution.sources.locations.len()),
            log(solution.n_iter) / 2,
            log(solution.history.len()),
        )
    }

    /// Holds the answer against the independent certificate of its problem.
    fn certified(
        &self,
        solution: &Solution,
        problem: Problem,
    ) -> Result<Option<Independent>, Finding> {
        let (case, sources) = (self.case, &solution.sources);
        ensure!(sources.locations.is_sorted_by(|a, b| a < b), "order", "{:?}", sources.locations);
        let shape = (sources.locations.len() * case.n_orient, problem.data.ncols());
        ensure!(sources.coef.dim() == shape, "shape", "{:?}, not {shape:?}", sources.coef.dim());
        ensure!(sources.n_orient == case.n_orient, "shape", "{}", sources.n_orient);
        let n_locations = case.gain.ncols() / case.n_orient;
        ensure!(
            sources.locations.iter().all(|&s| s < n_locations
                && problem.weights.is_none_or(|weights| weights[s].is_finite())),
            "excluded location",
            "{:?}",
            sources.locations
        );
        ensure!(sources.coef.iter().all(|v| v.is_finite()), "not finite", "{:?}", sources.coef);
        ensure!(solution.alpha == problem.alpha, "alpha", "{}", solution.alpha);
        let gap = solution.certificate.relative_gap();
        ensure!(gap >= 0.0 && gap.is_finite(), "gap", "{gap} {:?}", solution.certificate);
        ensure!(
            solution.explained_variance.is_finite(),
            "explained variance",
            "{}",
            solution.explained_variance
        );
        ensure!(
            solution.history.iter().all(|r| r.gap >= 0.0)
                && solution.history.is_sorted_by_key(|r| r.n_iter),
            "history",
            "{:?}",
            solution.history
        );
        match solution.status {
            Status::Converged => ensure!(gap <= case.tol, "status", "converged at {gap:e}"),
            Status::IterationLimit => {
                ensure!(solution.n_iter >= case.max_iter, "status", "{}", solution.n_iter);
            }
            Status::TimeLimit => ensure!(case.time_limit.is_some(), "status", "no time limit"),
            Status::Stalled => {}
        }
        ensure!(solution.n_iter <= case.max_iter, "status", "{} epochs", solution.n_iter);

        let Some(exact) = problem.certify(sources) else {
            // Only where the scales are beyond what any certificate can be made of.
            ensure!(case.range != Range::Ordinary, "no certificate", "{solution:?}");
            return Ok(None);
        };
        let Independent { rounding, .. } = exact;
        if solution.status == Status::Converged {
            ensure!(
                exact.gap <= case.tol + rounding,
                "not converged",
                "tol {:e}, reported {gap:e}, {exact:?}",
                case.tol
            );
        }
        ensure!(gap >= exact.gap - rounding, "gap too small", "reported {gap:e}, {exact:?}");
        // Out of time, X = 0 is handed back with what is known of it for nothing: D = 0.
        let trivial = solution.status == Status::TimeLimit && gap == 1.0;
        ensure!(
            trivial || gap <= exact.gap + rounding,
            "gap too large",
            "reported {gap:e}, {exact:?}"
        );
        let difference = (solution.explained_variance - exact.explained_variance).abs();
        ensure!(
            difference <= 2.0 * rounding + 1e-12,
            "explained variance",
            "reported {}, {exact:?}",
            solution.explained_variance
        );
        // At an alpha that is nothing beside the data the dual asks for more digits than there are.
        let (largest, e) = problem.alpha_max();
        let usual = problem.alpha > 1e-6 * ldexp(largest, e);
        if solution.status == Status::Stalled && case.benign && usual && case.range < Range::Mixed {
            ensure!(
                exact.gap <= (STALL * rounding).max(SLOW),
                "stalled early",
                "tol {:e}, {} epochs, {exact:?}",
                case.tol,
                solution.n_iter
            );
        }
        Ok(Some(exact))
    }

    fn same_with_two_threads(
        &self,
        one: &Solution,
        two: impl FnOnce() -> Result<Solution, Error>,
    ) -> Result<(), Finding> {
        if self.case.compare_threads && self.case.time_limit.is_none() {
            let same = two().is_ok_and(|two| two.sources == one.sources);
            ensure!(same, "threads", "two threads give another answer than one");
        }
        Ok(())
    }

    /// Twice the gain, twice the alpha and four times the ridge make half the answer, bit for bit.
    fn same_when_scaled(&self, one: &Solution, init: Option<&Sources>) -> Result<(), Finding> {
        let case = self.case;
        let sane = case.range == Range::Ordinary && case.time_limit.is_none();
        if !case.compare_scaled || !sane {
            return Ok(());
        }
        let halved = |sources: &Sources| {
            let coef = sources.coef.mapv(|value| 0.5 * value);
            Sources { coef, ..sources.clone() }
        };
        let init = init.map(halved);
        let options = Options { ridge: 4.0 * self.ridge, ..self.options(init.as_ref(), 1) };
        let gain = Gain::new(case.gain.mapv(|value| 2.0 * value).view(), case.n_orient);
        let alpha = 2.0 * self.alphas[0];
        let two = gain.and_then(|gain| solve_mxne(&gain, case.data[0].view(), alpha, &options));
        let same = two.as_ref().is_ok_and(|two| two.sources == halved(&one.sources));
        ensure!(same, "scaling", "{:?} is not half of {:?}", two, one);
        Ok(())
    }
}

fn bucket(gap: f64) -> i32 {
    if gap > 0.0 { (gap.log10() / 2.0) as i32 } else { -99 }
}

/// A case with one fault is refused, and the message names it.
fn refuses(case: &Case, fault: Fault) -> Result<Outcome, Finding> {
    let mut reweight = case.reweight.unwrap_or_default();
    let mut stopping = stopping(case);
    let n_locations = case.gain.ncols() / case.n_orient;
    let mut weights = vec![1.0; n_locations];
    let (mut ridge, mut alphas) = (0.0, vec![2.0, 1.0]);
    let (mut data, mut values) = (case.data[0].clone(), case.gain.clone());
    let mut start = Sources {
        locations: vec![0],
        coef: Array2::ones((case.n_orient, data.ncols())),
        n_orient: case.n_orient,
    };
    let which = case.seed as usize;
    let bad = [f64::NAN, -1.0, f64::INFINITY, 0.0][which % 4];
    let mut n_orient = case.n_orient;
    let name = match fault {
        Fault::Alpha => {
            alphas = vec![bad];
            "alpha"
        }
        Fault::Tol => {
            stopping.tol = bad;
            "tol"
        }
        Fault::MaxIter => {
            stopping.max_iter = 0;
            "max_iter"
        }
        Fault::TimeLimit => {
            stopping.time_limit = Some(Duration::ZERO);
            "time_limit"
        }
        Fault::Ridge => {
            ridge = [f64::NAN, -1.0, f64::INFINITY][which % 3];
            "ridge"
        }
        Fault::Weights => {
            weights[which % n_locations] = [f64::NAN, -1.0, f64::NEG_INFINITY, 0.0][which % 4];
            "weights"
        }
        Fault::ShortWeights => {
            weights.push(1.0);
            "weights"
        }
        Fault::Rounds => {
            reweight.n_reweights = 0;
            "n_reweights"
        }
        Fault::TolReweight => {
            reweight.tol_reweight = [f64::NAN, -1.0, f64::INFINITY][which % 3];
            "tol_reweight"
        }
        Fault::DataRows => {
            data = Array2::zeros((data.nrows() + 1, data.ncols()));
            "data"
        }
        Fault::DataNan => {
            let (rows, columns) = data.dim();
            data[[which % rows, which % columns]] = f64::NAN;
            "data"
        }
        Fault::Rising => {
            alphas = vec![1.0, 1.0];
            "alphas"
        }
        Fault::InitRows => {
            start.coef = Array2::ones((case.n_orient + 1, data.ncols()));
            "init"
        }
        Fault::InitLocations => {
            start.locations = vec![n_locations];
            "init"
        }
        Fault::GainNan => {
            let (rows, columns) = values.dim();
            values[[which % rows, which % columns]] = f64::INFINITY;
            "gain"
        }
        Fault::Orientation => {
            n_orient = [0, case.gain.ncols() + 1][which % 2];
            "n_orient"
        }
    };
    let solved = Gain::new(values.view(), n_orient).and_then(|gain| {
        let options = Options {
            weights: Some(weights),
            ridge,
            stopping,
            init: Some(start),
            threads: Threads::new(1),
            ..Options::default()
        };
        solve_path(&gain, data.view(), &alphas, Some(&reweight), &options)
    });
    match solved {
        Ok(_) => Err(Finding { kind: "accepted", detail: format!("{fault:?}") }),
        Err(error) => {
            let text = error.to_string();
            // Where the numbers are extreme, they may be refused before the fault is seen.
            let other = case.range != Range::Ordinary && matches!(error, Error::Parameter { .. });
            ensure!(text.contains(name) || other, "nameless error", "{fault:?}: {text}");
            Ok(format!("{fault:?}"))
        }
    }
}
