// JSON as Python's writer makes it.
#include "formats/python_json.hpp"

#include <string_view>

namespace motley::tuner {

namespace {

constexpr std::string_view kSpecial[] = {"NaN", "Infinity", "-Infinity"};

// The length of such a number at this place; 0: none.
size_t special_at(std::string_view text, size_t at) {
  for (const std::string_view word : kSpecial)
    if (text.substr(at, word.size()) == word) return word.size();
  return 0;
}

}  // namespace

std::string without_special_numbers(std::string text) {
  std::string result;
  bool in_string = false;
  size_t copied = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == 'N' || c == 'I' || c == '-') {
      const size_t length = special_at(text, at);
      if (length == 0) continue;
      result.append(text, copied, at - copied).append("null");
      copied = at + length;
      at = copied - 1;
    }
  }
  if (copied == 0) return text;
  return result.append(text, copied);
}

}  // namespace motley::tuner
