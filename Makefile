# `make demo` and `make test` do all their set-up: a Rust toolchain, CPython >= 3.10 with venv and a C compiler are enough.
PYTHON ?= python3
VENV := .venv
BENCH := target/bench-venv
PY := $(VENV)/bin/python
DATA := $(or $(MXNE_RS_DATA),../shared/data)
LOCALIZE := $(VENV)/bin/mxne-rs localize --tmin 0.05 --tmax 0.15 --report --out demo
# The Python that build.rs asks for a CBLAS and that PyO3 builds for: always the one of the virtual environment.
export PYO3_PYTHON := $(abspath $(PY))
RUST := $(shell find rust -name '*.rs') Cargo.toml Cargo.lock build.rs

.PHONY: demo test dev format lint rust-test python-test long-test hostile-test blas-test older-test wheel-test bench bench-sure bench-live bench-reproduce soak scaling counts doc clean docs fuzz memcheck deny

$(VENV)/base: pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check 'maturin>=1.9.4,<2'
	touch $@

# Optimised, with everything the tests need; again only when the Rust sources change.
$(VENV)/installed: $(VENV)/base $(RUST)
	. $(VENV)/bin/activate && maturin develop -q --release --extras mne,stream,test > $(VENV)/install.log 2>&1 || (cat $(VENV)/install.log; exit 1)
	touch $@

# The main job, on real data where they are, else on data simulated with MNE.
demo: $(VENV)/installed
	@if [ -d "$(DATA)" ]; then \
	  echo "Localizing the real auditory response in $(DATA)"; \
	  $(LOCALIZE) --evoked $(DATA)/auditory-ave.fif --condition "Left Auditory" --alpha 60 \
	    --forward $(DATA)/cortex-7498-meg-fwd.fif --noise-cov $(DATA)/noise-cov.fif; \
	else \
	  echo "No real data in $(DATA): localizing two simulated auditory sources"; \
	  $(VENV)/bin/mxne-rs simulate --out demo && \
	  $(LOCALIZE) --evoked demo/simulated-ave.fif --condition 0 --alpha 20 \
	    --forward demo/simulated-fwd.fif --noise-cov demo/simulated-cov.fif; \
	fi

# Everything CI checks; what takes long two at a time, each with its output at its end.
test: lint
	$(MAKE) --no-print-directory -j2 --output-sync=target long-test hostile-test rust-test blas-test older-test wheel-test docs

# A developer's inner loop: under two minutes.
dev: $(VENV)/installed
	cargo test -q
	$(PY) -m pytest -x -m "not slow" tests/solve/test_solve.py tests/solve/test_reweighting.py tests/solve/test_input.py tests/test_structure.py

format:
	cargo fmt
	$(VENV)/bin/ruff check -q --fix python tests benches evidence
	$(VENV)/bin/ruff format -q python tests benches evidence

lint: $(VENV)/installed
	cargo fmt --check
	cargo clippy -q --all-targets -- -D warnings
	cargo clippy -q --all-targets --features blas -- -D warnings
	cargo clippy -q --all-targets --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps
	$(VENV)/bin/ruff check -q python tests benches evidence
	$(VENV)/bin/ruff format -q --check python tests benches evidence
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest mxne_rs._core
	@! cargo tree -q -e normal --prefix none | grep -E '^(pyo3|numpy) ' || (echo 'a Rust user would get PyO3'; exit 1)

# With the default products and with a linked CBLAS.
rust-test: $(VENV)/installed
	cargo test -q
	cargo test -q --features blas

python-test: long-test hostile-test blas-test older-test

# What is hostile never imports MNE; it goes with what is tested without MNE.
HOSTILE := tests/hostile
long-test: $(VENV)/installed
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) -m pytest $(HOSTILE:%=--ignore=%)

hostile-test: $(VENV)/installed
	$(PY) -m pytest $(HOSTILE)
	MXNE_RS_WITHOUT_MNE=1 $(PY) -m pytest tests $(HOSTILE:%=--ignore=%)

blas-test: $(VENV)/installed
	$(PY) tests/with_blas.py
	$(PY) tests/with_free_threading.py

older-test: $(VENV)/installed
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) tests/with_older_mne.py

wheel-test: $(VENV)/installed
	$(PY) tests/with_wheel.py

# A virtual environment of its own for the solvers that are compared; adelie without its pin on an old NumPy. A peer that
# cannot be installed is reported by the benchmark.
$(BENCH)/base: pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install -q --disable-pip-version-check 'mne>=1.11' 'matplotlib>=3.7' \
	  'scikit-learn>=1.4' threadpoolctl ipython
	for peer in celer skglm invertmeeg '--no-deps adelie'; do \
	  $(BENCH)/bin/pip install -q --disable-pip-version-check $$peer || echo "not installed: $$peer"; done
	touch $@

$(BENCH)/installed: $(BENCH)/base $(RUST) $(wildcard python/mxne_rs/*.py python/mxne_rs/*/*.py)
	PYO3_PYTHON=$(abspath $(BENCH)/bin/python) $(BENCH)/bin/pip install -q --disable-pip-version-check \
	  --no-deps --force-reinstall .
	touch $@

# Against MNE-Python, adelie, celer, skglm, scikit-learn, invertmeeg: writes docs/benchmarks.md and docs/benchmark.png.
bench: $(BENCH)/installed
	cargo bench -q --bench solvers
	MXNE_RS_DATA=$(abspath $(DATA)) $(BENCH)/bin/python benches/compare.py --write

# mixed_norm(alpha="sure") against MNE's on the real data: its part of docs/benchmarks.md.
bench-sure: $(BENCH)/installed
	MXNE_RS_DATA=$(abspath $(DATA)) $(BENCH)/bin/python benches/sure.py --write

# From the newest sample to sources, end to end on loopback, beside MNE's solver in the same monitor, LIVE_SECONDS a row: its
# part of docs/benchmarks.md.
LIVE_SECONDS ?= 60

bench-live: $(VENV)/installed
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) benches/live.py --seconds $(LIVE_SECONDS) --write

# The papers' simulations, here and by MNE's solver on the same draws: its part of docs/benchmarks.md.
bench-reproduce: $(VENV)/installed
	$(PY) benches/reproduce.py --write

# The tests of the live monitor with a minute of recording each, then ten minutes at the large settings: no window may be lost.
soak: $(VENV)/installed
	MXNE_RS_DATA=$(abspath $(DATA)) MXNE_RS_SOAK_SECONDS=60 $(PY) -m pytest tests/live/test_live.py
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) benches/live.py --seconds 600 --only "7498 fixed" --only "7498 loose"

# How cost and memory grow: its part of docs/benchmarks.md, docs/scaling.png.
scaling: $(BENCH)/installed
	$(BENCH)/bin/python benches/scaling.py --write

# Instructions of three small problems under callgrind against benches/counts.json (needs valgrind).
counts:
	$(PYTHON) benches/counts.py

# Longer than `make test` does: random inputs at the boundary and in the solver, each for FUZZ_SECONDS. What is found is written to
# target/fuzz with the command that runs it again.
FUZZ_SECONDS ?= 1800

fuzz: $(VENV)/installed
	MXNE_RS_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --release -q --test fuzz_solver
	$(PY) tests/hostile/fuzz_boundary.py --seconds $(FUZZ_SECONDS)

# The code under `unsafe` and small solves, by valgrind (which has no AVX-512: the AVX2 kernels run), by the address sanitizer (all
# kernels) and by miri (the portable ones), the last two where a nightly toolchain has them.
memcheck:
	sh tests/memcheck.sh

# Licences, sources and versions of the crates (deny.toml), and known faults of theirs where the database can be fetched.
DENY := target/tools/bin/cargo-deny

$(DENY):
	cargo install -q --locked --root target/tools cargo-deny

deny: $(DENY)
	$(DENY) check licenses bans sources
	@if timeout 120 $(DENY) fetch db > target/deny.log 2>&1; then $(DENY) check advisories; \
	else echo 'Skipped: advisories. Their database cannot be fetched here (target/deny.log)'; fi

doc:
	cargo doc --no-deps --open

clean:
	rm -rf $(VENV) target demo dist docs/generated

# The documentation, in an environment of its own that sees the module which `maturin develop` has built. Every example is run; one
# that fails, and any warning of Sphinx, fails the build.
DOCS := target/docs-venv

$(DOCS)/complete: pyproject.toml docs/environment.py
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python docs/environment.py
	touch $@

docs: $(VENV)/installed $(DOCS)/complete
	rm -rf docs/generated target/docs
	$(DOCS)/bin/python -m sphinx -W --keep-going -q -d target/docs/doctrees docs target/docs/html
	@echo "open $(abspath target/docs/html/index.html)"
