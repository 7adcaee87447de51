#!/usr/bin/env bash
# Does what docs/write-a-plugin.md says, block by block, in an empty folder: follow_write_a_plugin.sh DOCUMENT PREFIX
set -euo pipefail
document=$(realpath "$1")
export PREFIX
PREFIX=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Each fenced block becomes a file: 01.sh, 02.sh, 03.cpp, …
awk -v folder="$work" '
  /^```(sh|cpp)$/ { n++; kind = substr($0, 4); file = sprintf("%s/%02d.%s", folder, n, kind); inside = 1; printf "" > file; next }
  /^```$/ && inside { inside = 0; close(file); next }
  inside { print > file }
' "$document"

blocks=0
for block in "$work"/[0-9]*.*; do
  echo "== $(basename "$block")"
  case "$block" in
    *.sh)
      # Blocks share a shell's folder and variables, as a reader's terminal does.
      set -x; source "$block"; { set +x; } 2>/dev/null ;;
    *.cpp)
      line=$(grep -n '^// ---- what the device runs ----' plugin.cpp | cut -d: -f1)
      sed -i "$((line - 1))r $block" plugin.cpp ;;
  esac
  blocks=$((blocks + 1))
done
[ "$blocks" -ge 6 ] || { echo "only $blocks blocks were found in $document" >&2; exit 1; }

grep -q '"ops/Unary(sigmoid)\|Unary(sigmoid)' <("$PREFIX/bin/motley-plugin-check" build/plugins/libmotley_acme.so --op sigmoid | grep pass)
"$PREFIX/bin/motley" devices | grep -q acme
echo "the document holds"
