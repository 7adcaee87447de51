// One value of a tuning parameter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace motley::tuner {

// A number, a truth value or a word.
class Value {
 public:
  Value(int64_t number) : data_(number) {}
  Value(int number) : data_(int64_t{number}) {}
  Value(double number) : data_(number) {}
  Value(bool truth) : data_(truth) {}
  Value(std::string word) : data_(std::move(word)) {}
  Value(const char* word) : data_(std::string(word)) {}

  // The value that a plugin means by a word of its space: "16" is an integer, "true" a truth value, "winograd" a word.
  static Value parse(std::string_view text);

  bool is_word() const { return std::holds_alternative<std::string>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_) || std::holds_alternative<bool>(data_); }
  bool is_boolean() const { return std::holds_alternative<bool>(data_); }
  // Throws Error(invalid_argument) for a word.
  double number() const;
  int64_t integer() const;
  // As a config spells it: 16, 0.5, true, winograd.
  std::string text() const;
  // Numbers compare by value whatever their type, as in Python: 1 == 1.0 == true.
  bool operator==(const Value& other) const;

 private:
  std::variant<int64_t, double, bool, std::string> data_;
};

}  // namespace motley::tuner
