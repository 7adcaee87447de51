#!/bin/bash
# plugin.sh PREFIX WORK SOURCE: builds the template plugin that PREFIX holds against the SDK installed there, in WORK;
# checks it, lists it, runs a graph on it together with cpu, deletes it, and compares the results.
set -euo pipefail
prefix=$1 work=$2 source=$3
motley=$prefix/bin/motley
fail() { echo "plugin.sh: $*" >&2; exit 1; }

rm -rf "$work"
mkdir -p "$work"
cp -r "$prefix/share/motley/plugin-sdk/template" "$work/template"
"${CMAKE_COMMAND:-cmake}" -S "$work/template" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
"${CMAKE_COMMAND:-cmake}" --build "$work/build"
manifest=$work/build/plugins/template.json
library=$work/build/plugins/libmotley_template.so
if [ ! -f "$manifest" ] || [ ! -f "$library" ]; then fail "the build left no $manifest or no $library"; fi

echo "== checked by the installed checker"
"$prefix/bin/motley-plugin-check" "$library" --quick --json "$work/check.json"

echo "== listed"
export MOTLEY_ADD_PLUGIN_FILES=$manifest
"$motley" plugins --explain | tee "$work/listed"
grep -q '^template  loaded' "$work/listed" || fail "the plugin is not loaded"
"$motley" devices | grep -q '^template ' || fail "its device is not listed"

echo "== together with cpu"
# Without fusions, so that plain Relu nodes are left for the template.
run=("$motley" run "$source/tools/models/digits.onnx" "$source/tools/models/digits/3_0.png" --no-optimize)
"$motley" explain "$source/tools/models/digits.onnx" --no-optimize --devices template,cpu --json >"$work/explain.json"
grep -q '"device": "template"' "$work/explain.json" || fail "no node runs on the template"
grep -q '"device": "cpu"' "$work/explain.json" || fail "no node runs on cpu"
"${run[@]}" --devices template,cpu --save probabilities="$work/together.npy"

echo "== installed beside the others, under its hash there"
"${CMAKE_COMMAND:-cmake}" --install "$work/build" --prefix "$work/installed" --strip
unset MOTLEY_ADD_PLUGIN_FILES
"$motley" plugins --plugin-dir "$work/installed/lib/motley/plugins" --explain | grep -q '^template  loaded' ||
  fail "the installed plugin is not loaded"

echo "== deleted"
export MOTLEY_ADD_PLUGIN_FILES=$manifest
rm "$library"
"$motley" plugins --explain | tee "$work/listed"
grep -q '^template  not loaded' "$work/listed" || fail "a manifest that points nowhere is not reported"
rm "$manifest"
"${run[@]}" --save probabilities="$work/deleted.npy"
unset MOTLEY_ADD_PLUGIN_FILES
"${run[@]}" --devices cpu --save probabilities="$work/alone.npy"
cmp "$work/together.npy" "$work/alone.npy" || fail "with the plugin the results differ"
cmp "$work/deleted.npy" "$work/alone.npy" || fail "after deleting the plugin the results differ"
echo "the results are the same with the plugin, and after deleting it"
