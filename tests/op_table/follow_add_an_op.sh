#!/bin/bash
# Does what docs/add-an-op.md says on a copy of the two files it changes, compiles what is made from them, and links that
# before the built core. Arguments: source folder, build folder, C++ compiler, flatc.
set -euo pipefail
source=$1 build=$2 cxx=$3 flatc=$4
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
doc=$source/docs/add-an-op.md
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$doc" | sed '1d;$d'; }
mkdir -p "$work"/{schema,include/motley/schema,src/graph/lower}
sed "s|QLinearPool = 252|$(block fbs)|" "$source/schema/model.fbs" >"$work/schema/model.fbs"
block inc >"$work/row"
line=$(grep -n '^MOTLEY_CONTROL(' "$source/core/src/graph/ops.inc" | head -1 | cut -d: -f1)
sed "$((line - 1))r $work/row" "$source/core/src/graph/ops.inc" >"$work/src/graph/ops.inc"
block cpp >"$work/src/graph/lower/squared_difference.cpp"
"$flatc" --cpp --gen-object-api --scoped-enums --cpp-std c++17 -o "$work/include/motley/schema" "$work/schema/model.fbs"
cat >"$work/main.cpp" <<'END'
#include <cstdio>
#include "graph/infer.hpp"
#include "graph/lower.hpp"
int main() {
  using namespace motley::graph;
  Graph g;
  for (const char* name : {"a", "b", "y"}) {
    Tensor t;
    t.name = name;
    t.type = DataType::float32;
    if (*name == 'a') t.shape = Dims{Dim(2), Dim(3)};
    if (*name == 'b') t.shape = Dims{Dim(3)};
    g.add_tensor(std::move(t));
  }
  g.inputs = {0, 1};
  g.outputs = {2};
  g.add_node("n", Op::SquaredDifference, {0, 1}, {2}, motley::schema::NoAttributesT{});
  infer_node(g, g.nodes.front());
  std::printf("%s\n", to_string(g.tensor(2).shape).c_str());
  const Node node = g.nodes.front();
  for (const Node& n : lower(g, node)) std::printf("%s\n", describe_op(n).c_str());
}
END
flags=(-std=c++20 -O0 -Wall -Wextra -I "$work/include" -I "$work/src" -I "$source/core/include" -I "$source/core/src"
  -I "$source/plugin-sdk/include")
objects=()
for file in "$work/main.cpp" "$work/src/graph/lower/squared_difference.cpp" "$source"/core/src/graph/{lower,describe,infer/table}.cpp; do
  objects+=("$work/$(basename "$file").o")
  "$cxx" "${flags[@]}" -c "$file" -o "${objects[-1]}"
done
"$cxx" "${objects[@]}" "$build/lib/libmotley_core.a" -lpthread -ldl -o "$work/main"
"$work/main" | tee "$work/out"
diff "$work/out" - <<<$'2x3\nBinary(sub)\nUnary(square)'
