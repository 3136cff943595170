#!/bin/sh
# `make memcheck`: the tests of the modules with unsafe code (machine/: kernels, memory, dense) and
# small solves, watched.
set -eu

command -v valgrind > /dev/null || {
    echo 'memcheck needs valgrind: `apt-get install valgrind`, `dnf install valgrind`' >&2
    exit 1
}

# Few random shapes: valgrind is 30 times slower, miri a thousand times.
echo '== valgrind'
export PROPTEST_CASES=16
runner='target."cfg(all())".runner = "valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"'
cargo test -q --config "$runner" --lib
cargo test -q --config "$runner" --test laws -- limits_are threads_do_not refused_input

sanitizer() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    ASAN_OPTIONS=allocator_may_return_null=1 RUSTFLAGS=-Zsanitizer=address cargo +nightly test -q --target "$host" --target-dir target/asan "$@"
}
echo '== address sanitizer'
if cargo +nightly --version > /dev/null 2>&1; then
    export PROPTEST_CASES=256 MXNE_RS_FUZZ_SECONDS=10
    sanitizer --lib
    sanitizer --test fuzz_solver
else
    echo 'Skipped: there is no nightly toolchain (`rustup toolchain install nightly`)'
fi

echo '== miri'
if cargo +nightly miri --version > /dev/null 2>&1; then
    export PROPTEST_CASES=1 CI=1 MIRIFLAGS=-Zmiri-disable-isolation
    cargo +nightly miri test -q --lib --target-dir target/miri -- \
        machine::kernels machine::memory machine::dense::tests::edges
else
    echo 'Skipped: no nightly toolchain with miri (`rustup component add miri rust-src --toolchain nightly`)'
fi
