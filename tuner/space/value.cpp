// One value of a tuning parameter.
#include "space/value.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace motley::tuner {

Value Value::parse(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  int64_t whole = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc() && at == end)
    return whole;
  double real = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && at == end && std::isfinite(real))
    return real;
  return std::string(text);
}

double Value::number() const {
  if (const auto* whole = std::get_if<int64_t>(&data_)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&data_)) return *real;
  if (const auto* truth = std::get_if<bool>(&data_)) return *truth ? 1 : 0;
  base::fail(ErrorCode::invalid_argument, "the value \"%\" is a word where a number is needed",
             {std::get<std::string>(data_)});
}

int64_t Value::integer() const {
  if (const auto* whole = std::get_if<int64_t>(&data_)) return *whole;
  if (const auto* truth = std::get_if<bool>(&data_)) return *truth ? 1 : 0;
  base::fail(ErrorCode::invalid_argument, "the value \"%\" is not a whole number", {text()});
}

std::string Value::text() const {
  if (const auto* whole = std::get_if<int64_t>(&data_)) return std::to_string(*whole);
  if (const auto* truth = std::get_if<bool>(&data_)) return *truth ? "true" : "false";
  if (const auto* word = std::get_if<std::string>(&data_)) return *word;
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::get<double>(data_)).ptr;
  return std::string(digits, end);
}

bool Value::operator==(const Value& other) const {
  if (is_word() || other.is_word()) return data_ == other.data_;
  if (is_integer() && other.is_integer()) return integer() == other.integer();
  return number() == other.number();
}

}  // namespace motley::tuner
