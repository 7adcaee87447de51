#!/bin/bash
# Builds and tests Motley.
#   tools/test.sh          everything: all tests, under sanitizers too, and the cpu plugin for 64-bit Arm in qemu
#   tools/test.sh --fast   only the tests labelled fast
# MOTLEY_TEST_SLOW=0 means --fast. MOTLEY_TEST_DATA names a folder with test data (default: ../shared/data).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

slow=${MOTLEY_TEST_SLOW:-1}
case "${1-}" in
  '') ;;
  --fast) slow=0 ;;
  --slow) slow=1 ;;
  *) echo "test: there is no option $1; use --fast, --slow or none" >&2; exit 2 ;;
esac

begin=$SECONDS
summary=$(mktemp)
trap 'rm -f "$summary"' EXIT
failed=0
step() { printf '\n== %s (after %d min %02d s)\n' "$*" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60)); }

# build PRESET [TARGET…]
build() {
  local preset=$1 log
  shift
  log=$(mktemp)
  step "building preset $preset"
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    echo "test: preset $preset could not be configured; see the lines above" >&2
    exit 1
  fi
  rm -f "$log"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# check PRESET ARGUMENTS-OF-CTEST…: goes on after a failure, so that all of them show.
check() {
  local preset=$1 log
  shift
  log=$(mktemp)
  step "testing preset $preset: ctest $*"
  ctest --preset "$preset" --parallel "$(nproc)" --no-tests=error "$@" 2>&1 | tee "$log" || failed=1
  { echo "-- preset $preset: ctest $*"; sed -n '/tests passed/,$p' "$log"; } >>"$summary"
  # What the failed ones said, next to the summary: a log is often kept from its end.
  grep -nE 'Failure$|^Could not find executable|^ *[^ ]+/[^ ]+ +fail |Sanitizer|\*\*\*(Failed|Timeout|Exception|Not Run)' "$log" | head -n 60 >>"$summary" || true
  rm -f "$log"
}

step "setting up"
if [ "$slow" = 1 ]; then tools/setup.sh --aarch64; else tools/setup.sh; fi

build dev
if [ "$slow" = 1 ]; then
  check dev -L 'fast|slow'
  build aarch64 cpu_tests
  check aarch64 -L slow
  # What an installed release is judged by: its size, and the demo.
  build release motley motley_cli motley_cpu motley_reference
  check release -R '^(install.size|demo)$'
  # All that reads what others wrote, and the kernels by way of the checker. By hand, `cmake --build --preset asan` builds
  # the rest too; compiling it takes twice as long as without sanitizers.
  build asan core_tests runtime_tests convert_tests check_tests malformed_conformance replay_onnx_import replay_model_file \
    replay_npy replay_tensor_pb replay_dispatch_table replay_journal replay_exchange quantized_model
  check asan -L fast -E '^(example|conformance.onnx)'
else
  check dev -L fast
fi

step "summary"
cat "$summary"
exit "$failed"
