#!/bin/bash
# app.sh PREFIX WORK SOURCE: builds tests/install/app against the Motley installed in PREFIX, in the folder WORK, and
# runs it on the digits network, which the installed command line converts.
set -euo pipefail
prefix=$1 work=$2 source=$3

rm -rf "$work"
mkdir -p "$work"
cp -r "$source/tests/install/app" "$work/source"
"${CMAKE_COMMAND:-cmake}" -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
"${CMAKE_COMMAND:-cmake}" --build "$work/build"
"$prefix/bin/motley" convert "$source/tools/models/digits.onnx" -o "$work/digits.motley"

# Plugins must come from the prefix, found beside libmotley, wherever the program runs.
cd /
"$work/build/app" "$work/digits.motley" | tee "$work/output"
grep -qx 'device cpu' "$work/output"
grep -qx 'device reference' "$work/output"
# The planner is found there too, and without it the order of preference decides.
"$prefix/bin/motley" explain "$work/digits.motley" --json | grep -q '"planner_ns": [1-9]'
mv "$prefix/lib/libmotley_planner.so" "$work/"
"$prefix/bin/motley" explain "$work/digits.motley" --json >"$work/without.json"
"$work/build/app" "$work/digits.motley" >"$work/output_without"
mv "$work/libmotley_planner.so" "$prefix/lib/"
grep -q '"decided_by": "order"' "$work/without.json"
grep -q 'there is no libmotley_planner.so' "$work/without.json"
cmp "$work/output" "$work/output_without"
# A table needs the library that reads tables: ignored with a warning where it is not there, unless asked for by name.
mv "$prefix/lib/libmotley_tables.so" "$work/"
if "$prefix/bin/motley" explain "$work/digits.motley" --table "$source/schema/valid/dispatch_table/everything.json" 2>"$work/no_tables"; then exit 1; fi
grep -q 'there is no libmotley_tables.so' "$work/no_tables"
MOTLEY_TABLE="$source/schema/valid/dispatch_table/everything.json" "$work/build/app" "$work/digits.motley" >"$work/output_without" 2>"$work/no_tables"
grep -q 'there is no libmotley_tables.so' "$work/no_tables"
mv "$work/libmotley_tables.so" "$prefix/lib/"
cmp "$work/output" "$work/output_without"
"$prefix/bin/motley" plugins --explain | tee "$work/plugins"
grep -q "manifest  $prefix/" "$work/plugins"
