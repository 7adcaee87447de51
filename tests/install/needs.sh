#!/bin/bash
# needs.sh PREFIX: the libraries installed in PREFIX need none but those of C and C++ at run time, so a copied one loads.
set -euo pipefail
prefix=$1
allowed='libc\.so\.6|libm\.so\.6|libstdc\+\+\.so\.6|libgcc_s\.so\.1|ld-linux-[a-z0-9-]+\.so\.[0-9]|libmotley\.so\.[0-9]+'
count=0 failed=0
for library in "$prefix"/lib/libmotley*.so "$prefix"/lib/motley/plugins/*.so; do
  count=$((count + 1))
  others=$("${READELF:-readelf}" -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | grep -vxE "$allowed" || true)
  [ -z "$others" ] || { echo "$library needs $others" >&2; failed=1; }
done
[ "$count" -ge 3 ] || { echo "needs.sh: there are only $count libraries in $prefix" >&2; exit 1; }
[ "$failed" = 1 ] || echo "$count libraries need nothing else"
exit "$failed"
