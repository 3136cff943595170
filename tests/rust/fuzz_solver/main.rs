//! Random small problems against the solver, the certificate as judge.
//!
//! Every file in `tests/rust/fuzz_solver/corpus` is replayed, then inputs are drawn and mutated
//! until `MXNE_RS_FUZZ_SECONDS` (5) are over, from `MXNE_RS_FUZZ_SEED` (1, or the time where the
//! seconds are given; printed). A finding is written to `target/fuzz` and
//! `MXNE_RS_FUZZ_REPLAY=file` runs it again. `MXNE_RS_FUZZ_KEEP=folder` keeps every input with an
//! outcome of its own: the corpus was chosen from these. Inputs are bytes on stable Rust, without a
//! look at the code's branches: what stands in for it are outcomes (verb, solver, status, sizes),
//! of which every new one makes its input a parent.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod case;
mod certificate;
mod checks;
mod others;

use case::Case;
use checks::{Finding, Outcome};
use fastrand::Rng;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rust/fuzz_solver/corpus");
const FOUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/fuzz");
/// Longest execution; small problems with at most 3000 epochs take milliseconds.
const HANG: Duration = Duration::from_secs(300);
/// Findings of one kind that are written down.
const PER_KIND: usize = 3;

/// What is running, for the thread that looks for hangs.
static RUNNING: Mutex<Option<(Instant, Vec<u8>)>> = Mutex::new(None);
/// The message and place of the last panic.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    if !asked_for() {
        return ExitCode::SUCCESS;
    }
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    std::thread::spawn(watch_for_hangs);
    match Session::start().and_then(Session::run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz_solver: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether cargo's arguments (a filter, `--list`) mean this target.
fn asked_for() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let listing = words.iter().any(|word| word == "--list" || word == "--ignored");
    let filters: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    !listing && (filters.is_empty() || filters.iter().any(|word| "fuzz_solver".contains(*word)))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn named(bytes: &[u8], kind: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let slug = kind.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    Path::new(FOUND).join(format!("solver-{slug}-{:016x}", hasher.finish()))
}

/// The environment in which an input means the same again.
fn replay(path: &Path) -> String {
    let scale = std::env::var("MXNE_RS_FUZZ_SCALE");
    let scale = scale.map_or(String::new(), |scale| format!("MXNE_RS_FUZZ_SCALE={scale} "));
    format!("{scale}MXNE_RS_FUZZ_REPLAY={}", path.display())
}

fn watch_for_hangs() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, bytes)) = &*running
            && since.elapsed() > HANG
        {
            let path = named(bytes, "hang");
            let kept = fs::write(&path, bytes);
            eprintln!("hang: still running after {HANG:?} ({kept:?}); replay with");
            eprintln!("  {} cargo test --test fuzz_solver", replay(&path));
            std::process::abort();
        }
    }
}

struct Session {
    rng: Rng,
    /// inputs that had an outcome of their own
    parents: Vec<Vec<u8>>,
    outcomes: HashMap<Outcome, usize>,
    findings: BTreeMap<&'static str, usize>,
    executions: usize,
    /// the input that is running, on the disk: what is left of a crash
    running: File,
    keep: Option<PathBuf>,
}

impl Session {
    fn start() -> io::Result<Self> {
        fs::create_dir_all(FOUND)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // The same inputs wherever tests run; others where somebody asks for a longer run.
        let usual = number("MXNE_RS_FUZZ_SECONDS").map_or(1, |_| now.map_or(0, |t| t.as_secs()));
        let seed = number("MXNE_RS_FUZZ_SEED").unwrap_or(usual);
        println!("fuzz_solver: MXNE_RS_FUZZ_SEED={seed}");
        Ok(Session {
            rng: Rng::with_seed(seed),
            parents: Vec::new(),
            outcomes: HashMap::new(),
            findings: BTreeMap::new(),
            executions: 0,
            running: File::create(running_path())?,
            keep: std::env::var_os("MXNE_RS_FUZZ_KEEP").map(PathBuf::from),
        })
    }

    /// Whether nothing was found.
    fn run(mut self) -> io::Result<bool> {
        if let Some(path) = std::env::var_os("MXNE_RS_FUZZ_REPLAY") {
            let bytes = fs::read(path)?;
            println!("{:#?}", Case::new(&bytes));
            self.execute(&bytes)?;
            println!("{:?}", self.outcomes.keys());
            return self.end(Instant::now());
        }
        let begin = Instant::now();
        let mut seeds: Vec<PathBuf> =
            fs::read_dir(CORPUS)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        seeds.sort();
        for path in &seeds {
            let bytes = fs::read(path)?;
            self.execute(&bytes)?;
            self.parents.push(bytes);
        }
        let seconds = Duration::from_secs(number("MXNE_RS_FUZZ_SECONDS").unwrap_or(5));
        while begin.elapsed() < seconds {
            let bytes = self.next();
            self.execute(&bytes)?;
        }
        self.end(begin)
    }

    fn end(self, begin: Instant) -> io::Result<bool> {
        fs::remove_file(running_path())?;
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "fuzz_solver: {} executions in {seconds:.1} s, {} outcomes, findings: {:?}",
            self.executions,
            self.outcomes.len(),
            self.findings
        );
        Ok(self.findings.is_empty())
    }

    /// New bytes, or a parent changed in a few places.
    fn next(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        if self.parents.is_empty() || rng.u8(..3) == 0 {
            let length = rng.usize(8..120);
            return std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        }
        let mut bytes = self.parents[rng.usize(..self.parents.len())].clone();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..5) {
                0 => bytes.insert(at, rng.u8(..)),
                1 if bytes.len() > 1 => _ = bytes.remove(at),
                2 => bytes[at] = bytes[at].wrapping_add(1),
                3 => {
                    let other = &self.parents[rng.usize(..self.parents.len())];
                    let from = rng.usize(..other.len());
                    bytes.truncate(at + 1);
                    bytes.extend_from_slice(&other[from..]);
                    bytes.truncate(400);
                }
                _ => bytes[at] = rng.u8(..),
            }
        }
        bytes
    }

    fn execute(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Ok(case) = Case::new(bytes) else { return Ok(()) };
        self.executions += 1;
        self.running.set_len(bytes.len() as u64)?;
        self.running.write_all_at(bytes, 0)?;
        let set = |state| *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = state;
        set(Some((Instant::now(), bytes.to_vec())));
        let result = catch_unwind(AssertUnwindSafe(|| checks::run(&case)));
        set(None);
        let detail = || PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match result.unwrap_or_else(|_| Err(Finding { kind: "panic", detail: detail() })) {
            Ok(outcome) => {
                let path = named(bytes, &outcome);
                let seen = self.outcomes.entry(outcome).or_default();
                *seen += 1;
                if *seen == 1 {
                    self.parents.push(bytes.to_vec());
                    if let Some(folder) = &self.keep {
                        fs::create_dir_all(folder)?;
                        fs::write(folder.join(path.file_name().unwrap_or_default()), bytes)?;
                    }
                }
                Ok(())
            }
            Err(finding) => self.report(bytes, &finding),
        }
    }

    fn report(&mut self, bytes: &[u8], finding: &Finding) -> io::Result<()> {
        let seen = self.findings.entry(finding.kind).or_default();
        *seen += 1;
        if *seen <= PER_KIND {
            let path = named(bytes, finding.kind);
            fs::write(&path, bytes)?;
            println!("{}: {:.600}", finding.kind, finding.detail);
            println!("  {} cargo test --test fuzz_solver", replay(&path));
        }
        Ok(())
    }
}

fn running_path() -> PathBuf {
    // One for each process: several may run side by side.
    Path::new(FOUND).join(format!("solver-running-{}", std::process::id()))
}
