#!/bin/bash
# aarch64.sh SOURCE: cross-compiles the cpu plugin's tests and runs them in qemu, on a small in-order core and on the newest
# one without scalable vectors. Exit code 77 (skipped) where compiler or emulator is missing: tools/setup.sh --aarch64.
set -euo pipefail
cd "$1"
for program in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$program" >/dev/null || { echo "skipped: $program is missing; run tools/setup.sh --aarch64"; exit 77; }
done
"${CMAKE_COMMAND:-cmake}" --preset aarch64 >/dev/null
"${CMAKE_COMMAND:-cmake}" --build --preset aarch64 --target cpu_tests
for cpu in cortex-a53 max,sve=off; do
  echo "== $cpu"
  qemu-aarch64 -cpu "$cpu" build/aarch64/bin/cpu_tests --gtest_brief=1
done
