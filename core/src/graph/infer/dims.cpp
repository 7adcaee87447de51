// Arithmetic of dimensions that may be unknown.
#include "graph/infer/dims.hpp"

#include <algorithm>

namespace motley::graph::infer {

namespace {

// Longer expressions say nothing to a reader; they become plain unknowns.
constexpr size_t kMaxSymbol = 64;

Dim symbol(std::string text) { return text.size() > kMaxSymbol ? Dim() : Dim(std::move(text)); }

// A symbol as a factor: sums and quotients in parentheses.
std::string factor(const std::string& text) {
  return text.find_first_of("+-/") == std::string::npos ? text : '(' + text + ')';
}

}  // namespace

int64_t checked_add(const Context& c, int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) c.fail("a size (% + %) does not fit 64 bits", {a, b});
  return result;
}

int64_t checked_mul(const Context& c, int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) c.fail("a size (% * %) does not fit 64 bits", {a, b});
  return result;
}

Dim add(const Context& c, const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return Dim(checked_add(c, a.value, b.value));
  if (a.known()) return add(c, b, a);
  if (b.known()) {
    if (b.value == 0) return a;
    return a.symbol.empty() ? Dim() : symbol(a.symbol.text() + '+' + std::to_string(b.value));
  }
  if (a.symbol.empty() || b.symbol.empty()) return Dim();
  return symbol(std::min(a.symbol.text(), b.symbol.text()) + '+' + std::max(a.symbol.text(), b.symbol.text()));
}

Dim multiply(const Context& c, const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return Dim(checked_mul(c, a.value, b.value));
  if (a.known()) return multiply(c, b, a);
  if (b.known()) {
    if (b.value == 0) return Dim(0);
    if (b.value == 1) return a;
    return a.symbol.empty() ? Dim() : symbol(factor(a.symbol) + '*' + std::to_string(b.value));
  }
  if (a.symbol.empty() || b.symbol.empty()) return Dim();
  const std::string x = factor(a.symbol), y = factor(b.symbol);
  return symbol(std::min(x, y) + '*' + std::max(x, y));
}

Dim divide(const Context& c, const Dim& a, int64_t b, const char* what) {
  if (b <= 0) c.fail("% is divided into a number of parts (%) below 1", {what, b});
  if (!a.known()) return b == 1 ? a : Dim();
  if (a.value % b != 0) c.fail("% (%) is not a multiple of %", {what, a.value, b});
  return Dim(a.value / b);
}

Dim quotient(const Dim& a, int64_t b) {
  if (b == 1) return a;
  if (a.known()) return Dim(a.value / b);
  if (a.symbol.empty()) return Dim();
  const std::string times = '*' + std::to_string(b);
  const std::string& text = a.symbol;
  if (text.size() > times.size() && text.ends_with(times)) return Dim(text.substr(0, text.size() - times.size()));
  return symbol(factor(a.symbol) + '/' + std::to_string(b));
}

Dim product(const Context& c, std::span<const Dim> dims) {
  Dim numbers(1), symbols(1);  // numbers apart, so that n*3*4 and n*12 are the same symbol
  for (const Dim& dim : dims) (dim.known() ? numbers : symbols) = multiply(c, dim.known() ? numbers : symbols, dim);
  return multiply(c, symbols, numbers);
}

Dim extent(const Context& c, const Element& element, const char* what) {
  if (element.known && element.integer < 0) c.fail("% has a negative value (%)", {what, element.integer});
  return element.dim();
}

Dim unify(const Context& c, const Dim& a, const Dim& b, const char* what) {
  if (differ(a, b)) c.fail("% differ (% and %)", {what, a.value, b.value});
  if (a.known()) return a;
  return b.known() || a.symbol.empty() ? b : a;
}

std::optional<Dim> broadcast_dim(const Dim& a, const Dim& b) {
  if (a.known() && a.value == 1) return b;
  if (b.known() && b.value == 1) return a;
  if (differ(a, b)) return std::nullopt;
  // A number other than 1 decides: the unknown side is that number or 1.
  if (a.known()) return a;
  if (b.known()) return b;
  return a == b ? a : Dim();
}

Dims broadcast(const Context& c, const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims result(rank);
  for (size_t i = 0; i < rank; ++i) {
    const Dim x = i < rank - a.size() ? Dim(1) : a[i - (rank - a.size())];
    const Dim y = i < rank - b.size() ? Dim(1) : b[i - (rank - b.size())];
    const std::optional<Dim> dim = broadcast_dim(x, y);
    if (!dim)
      c.fail("shapes % and % do not broadcast (% against %)",
             {graph::to_string(a), graph::to_string(b), to_string(x), to_string(y)});
    result[i] = *dim;
  }
  return result;
}

std::optional<Dims> broadcast(const Context& c, const Dims* a, const Dims* b) {
  if (!a || !b) return std::nullopt;
  return broadcast(c, *a, *b);
}

std::string to_string(const Dim& dim) { return graph::to_string(Dims{dim}); }

}  // namespace motley::graph::infer
