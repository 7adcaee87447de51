#!/bin/bash
# size.sh LIBRARY LIMIT [LIBRARY LIMIT…]: each library, stripped, has at most LIMIT bytes.
set -euo pipefail
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
failed=0
while [ $# -ge 2 ]; do
  "${STRIP:-strip}" -o "$stripped" "$1"
  bytes=$(stat -c %s "$stripped")
  echo "$(basename "$1") stripped: $bytes bytes (limit $2)"
  [ "$bytes" -le "$2" ] || failed=1
  shift 2
done
exit "$failed"
