// Constraints as the auto-tuning community writes them: a Python expression over the parameters.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "space/value.hpp"

namespace motley::tuner {

// An expression, parsed once and evaluated for many configs: numbers, words in quotes, names, + - * / // % **,
// comparisons (also chained: 32 <= a*b <= 1024), in and not in a list, and, or, not, min, max, abs and parentheses.
// Immutable; [any] thread.
class Expression {
 public:
  // `names` are the parameters; position in it is the index into the values given to `holds`. Throws
  // Error(invalid_argument) that quotes the expression and says where it is wrong.
  Expression(std::string text, const std::vector<std::string>& names);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  // Whether the config keeps the constraint. Throws Error(invalid_argument) where it cannot be computed (a word in a
  // product, division by zero).
  bool holds(const std::vector<const Value*>& values) const;
  Value value(const std::vector<const Value*>& values) const;
  // The parameters it reads, by index, in ascending order.
  const std::vector<size_t>& reads() const { return reads_; }
  const std::string& text() const { return text_; }

  struct Term;

 private:
  std::string text_;
  std::vector<size_t> reads_;
  std::unique_ptr<Term> root_;
};

}  // namespace motley::tuner
