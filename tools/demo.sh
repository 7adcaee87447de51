#!/bin/bash
# Builds Motley and shows it: converts the digits network, classifies held-out digits, explains, measures and tunes.
# With test data at hand (../shared/data, or the folder in MOTLEY_TEST_DATA) it goes on with SqueezeNet and a face detector.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }
show() { echo "\$ motley $*"; "$motley" "$@"; }

motley=build/release/bin/motley
out=build/demo
data=${MOTLEY_TEST_DATA:-../shared/data}

step "setting up"
tools/setup.sh

step "building (preset release)"
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
cmake --preset release >"$scratch" 2>&1 || { cat "$scratch" >&2; fail "the build could not be configured; see the lines above"; }
targets=(motley_cli motley_cpu motley_reference)
for extra in motley_planner motley_tables motley_patterns motley_opencl motley_vulkan; do  # where the libraries for them are there
  if ninja -C build/release -t query "$extra" >/dev/null 2>&1; then targets+=("$extra"); fi
done
cmake --build --preset release --target "${targets[@]}"
mkdir -p "$out"

step "converting the digits network from ONNX"
show convert tools/models/digits.onnx -o "$out/digits.motley"
show info "$out/digits.motley"

step "devices"
show devices

step "classifying held-out digits"
right=0 total=0
mapfile -t rows < tools/models/digits/labels.txt
files=()
for row in "${rows[@]}"; do files+=("tools/models/digits/${row%% *}"); done
"$motley" run "$out/digits.motley" "${files[@]}" --top 1 > "$scratch"
while IFS= read -r line; do
  expected=${rows[$total]#* }
  answer=${line#*: }
  if [ "${answer%% *}" = "$expected" ]; then right=$((right + 1)) mark=right; else mark="wrong, it is $expected"; fi
  printf '  %-32s %s\n' "$line" "$mark"
  total=$((total + 1))
done < "$scratch"
echo "$right of $total digits are right"
[ "$total" -eq "${#rows[@]}" ] || fail "only $total of ${#rows[@]} digits were classified"
[ "$right" -ge 19 ] || fail "$right of $total digits are right, at least 19 were expected"

step "which node runs where, and why"
show explain "$out/digits.motley"

step "how long it takes"
show bench "$out/digits.motley" --devices reference --devices cpu

step "tuning: kernels, transfers and plans are measured here, for 20 seconds"
rm -rf "$out"/table.json*
show tune "$out/digits.motley" -o "$out/table.json" --time 20s
show table validate "$out/table.json"

step "which node runs where with the table, and with which kernel"
show explain "$out/digits.motley" --table "$out/table.json" | tee "$scratch"
grep -qE 'table: .*\((exact|race)\)' "$scratch" || fail "no node of the digits network was found in the table"
show run "$out/digits.motley" tools/models/digits/3_0.png --top 1 --table "$out/table.json"

step "all of that as one HTML file"
if [ -s build/release/tools/report/report.html ]; then
  show report "$out/table.json" "$out/table.json.journal" --model "$out/digits.motley" -o "$out/report.html"
else
  echo "left out: this build has no page for reports, because node or npm is missing"
fi

if [ ! -d "$data/onnx/models" ]; then
  step "no test data in $data: the demo ends here"
  exit 0
fi

step "SqueezeNet names the animal in caffe_cat.jpg"
show convert "$data/onnx/models/squeezenet1.1/model.onnx" -o "$out/squeezenet.motley"
show run "$out/squeezenet.motley" "$data/images/caffe_cat.jpg" --resize 256 --crop 224 --range 1 \
  --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --labels "$data/images/imagenet_labels.txt" --top 5 | tee "$scratch"
sed -n 3p "$scratch" | grep -q ' cat '  || fail "SqueezeNet sees no cat in caffe_cat.jpg"
show bench "$out/squeezenet.motley" --devices cpu

step "UltraFace finds the face in grace_hopper.bmp"
show run "$data/onnx/models/ultraface_RFB-320/model.onnx" "$data/images/grace_hopper.bmp" --resize 320x240 \
  --mean 127 --std 128 --draw-boxes "$out/grace_hopper_face.png" | tee "$scratch"
grep -q '^1 box drawn' "$scratch" || fail "UltraFace does not find exactly one face in grace_hopper.bmp"

step "done"
