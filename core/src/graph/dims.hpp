// Dimensions of tensors: numbers, or unknown and perhaps named.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/short_list.hpp"
#include "motley/sdk/graph_view.hpp"

namespace motley::graph {

// The name of an unknown dimension. Equal texts share one copy in the process, which is never freed, so a Symbol is as
// cheap as a pointer. Copies are bounded: once they take kMaxSymbolBytes, a text seen for the first time becomes the
// empty symbol, and its dimension a plain unknown. [any thread]
class Symbol {
 public:
  static constexpr size_t kMaxSymbolBytes = 16 << 20;

  Symbol() = default;
  Symbol(std::string_view text);                                       // NOLINT: a text is a symbol
  Symbol(const std::string& text) : Symbol(std::string_view(text)) {}  // NOLINT
  bool empty() const { return !text_; }
  const std::string& text() const;
  operator const std::string&() const { return text(); }  // NOLINT
  friend bool operator==(Symbol a, Symbol b) { return a.text_ == b.text_; }

 private:
  const std::string* text_ = nullptr;
};

// A dimension: a number; or unknown (-1), with a symbol where it has a name. Equal symbols mean equal values.
struct Dim {
  int64_t value = -1;
  Symbol symbol;

  Dim() = default;
  Dim(int64_t v) : value(v) {}  // NOLINT: a number is a dimension
  explicit Dim(Symbol name) : symbol(name) {}
  explicit Dim(const std::string& name) : symbol(name) {}
  template <size_t N>
  explicit Dim(const char (&name)[N]) : symbol(std::string_view(name)) {}
  bool known() const { return value >= 0; }
  // Surely equal: the same number, or the same symbol.
  bool operator==(const Dim& o) const {
    return known() || o.known() ? value == o.value : !symbol.empty() && symbol == o.symbol;
  }
};

// Tensors have 8 dimensions at most; what a lowering forms on the way may have more.
using Dims = base::ShortList<Dim, sdk::kMaxRank>;
using Extents = base::ShortList<int64_t, 2 * sdk::kMaxRank>;
using AxisList = base::ShortList<size_t, 2 * sdk::kMaxRank>;  // axes counted from the front

}  // namespace motley::graph
