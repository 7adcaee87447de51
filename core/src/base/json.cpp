// JSON that comes from outside: size and depth capped, no key twice.
#include "base/json.hpp"

#include <cerrno>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"

namespace motley::base {

using nlohmann::json;

namespace {

// Reads RFC 8259, strictly, by recursive descent. (nlohmann_json's own parser is as strict and costs 10 kB more.)
class Reader {
 public:
  Reader(const std::string& text, const std::string& what, ErrorCode code, uint32_t max_depth)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), what_(what), code_(code), max_depth_(max_depth) {}

  json document() {
    if (end_ - at_ >= 3 && std::memcmp(at_, "\xEF\xBB\xBF", 3) == 0) at_ += 3;  // a byte order mark
    json root;
    value(root, 0);
    if (space() != '\0' || at_ != end_) invalid();
    return root;
  }

 private:
  [[noreturn]] void invalid() const {
    fail(code_, "% is not valid JSON (at byte %): correct it", {what_, at_ - begin_ + 1});
  }
  // The byte at hand; 0 at the end, where the text has its terminator.
  char peek() const { return *at_; }
  // Skips white space; gives what follows.
  char space() {
    while (at_ != end_ && (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r')) ++at_;
    return peek();
  }
  bool take(char c) {
    if (peek() != c || at_ == end_) return false;
    ++at_;
    return true;
  }
  void expect(const char* word) {
    for (; *word; ++word)
      if (!take(*word)) invalid();
  }

  void check_depth(uint32_t depth) const {
    if (depth > max_depth_)
      fail(ErrorCode::limit, "% is nested too deeply (more than % levels): flatten it", {what_, max_depth_});
  }

  // `depth`: how many lists and objects are open around it.
  void value(json& result, uint32_t depth) {
    const char first = space();
    check_depth(depth);
    switch (first) {
      case '{': return object(result, depth + 1);
      case '[': return list(result, depth + 1);
      case '"': result = string(); return;
      case 't':
        expect("true");
        result = true;
        return;
      case 'f':
        expect("false");
        result = false;
        return;
      case 'n': return expect("null");
      default: number(result);
    }
  }

  void object(json& result, uint32_t depth) {
    ++at_;
    result = json::value_t::object;
    auto& members = *result.get_ptr<json::object_t*>();
    if (space() == '}') {
      ++at_;
      return;
    }
    do {
      if (space() != '"') invalid();
      check_depth(depth);
      const auto [member, is_new] = members.try_emplace(string());
      if (!is_new) fail(code_, "% has a key twice (%): remove one", {what_, member->first});
      space();
      expect(":");
      value(member->second, depth);
      space();
    } while (take(','));
    expect("}");
  }

  void list(json& result, uint32_t depth) {
    ++at_;
    result = json::value_t::array;
    auto& items = *result.get_ptr<json::array_t*>();
    if (space() == ']') {
      ++at_;
      return;
    }
    do {
      items.emplace_back();
      value(items.back(), depth);
      space();
    } while (take(','));
    expect("]");
  }

  void digits() {
    if (peek() < '0' || peek() > '9') invalid();
    while (peek() >= '0' && peek() <= '9') ++at_;
  }
  // Whole ones stay whole where 64 bits hold them: unsigned, or signed below a minus.
  void number(json& result) {
    const char* const begin = at_;
    const bool negative = take('-');
    if (!take('0')) digits();
    bool whole = true;
    if (take('.')) whole = false, digits();
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      whole = false;
      if (!take('+')) take('-');
      digits();
    }
    errno = 0;
    if (whole && negative) {
      const int64_t number = std::strtoll(begin, nullptr, 10);
      if (errno == 0) {
        result = number;
        return;
      }
    } else if (whole) {
      const uint64_t number = std::strtoull(begin, nullptr, 10);
      if (errno == 0) {
        result = number;
        return;
      }
    }
    std::string text(begin, at_);
    if (const size_t point = text.find('.'); point != std::string::npos)
      text.replace(point, 1, std::localeconv()->decimal_point);  // which strtod expects
    const double number = std::strtod(text.c_str(), nullptr);
    if (number - number != 0) fail(code_, "% has a number that is out of range: correct it", {what_});
    result = number;
  }

  std::string string() {
    ++at_;
    std::string result;
    while (true) {
      const auto c = static_cast<unsigned char>(peek());
      if (c < ' ') invalid();  // the end, too
      if (c == '\\') {
        ++at_;
        escape(result);
      } else if (c < 0x80) {
        ++at_;
        if (c == '"') return result;
        result += static_cast<char>(c);
      } else {
        utf8(result, c);
      }
    }
  }
  void escape(std::string& result) {
    static constexpr char kLetters[] = "\"\\/bfnrt", kMeaning[] = "\"\\/\b\f\n\r\t";
    if (take('u')) return append(result, unicode());
    const char* const letter = peek() ? std::strchr(kLetters, peek()) : nullptr;
    if (!letter) invalid();
    result += kMeaning[letter - kLetters];
    ++at_;
  }
  uint32_t hex4() {
    uint32_t number = 0;
    for (int i = 0; i < 4; ++i) {
      static constexpr char kDigits[] = "0123456789abcdefABCDEF";
      const char* const digit = peek() ? std::strchr(kDigits, peek()) : nullptr;
      if (!digit) invalid();
      const auto value = static_cast<uint32_t>(digit - kDigits);
      number = number * 16 + (value < 16 ? value : value - 6);
      ++at_;
    }
    return number;
  }
  // What follows \u; two of them make up what lies above 0xffff.
  uint32_t unicode() {
    const uint32_t first = hex4();
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first > 0xdbff) invalid();
    expect("\\u");
    const uint32_t second = hex4();
    if (second < 0xdc00 || second > 0xdfff) invalid();
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
  }
  static void append(std::string& result, uint32_t point) {
    const int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;  // bytes after the first
    static constexpr unsigned char kFirst[] = {0, 0xc0, 0xe0, 0xf0};
    result += static_cast<char>(kFirst[more] | point >> (6 * more));
    for (int i = more; i-- > 0;) result += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
  }
  // A character of two to four bytes: the shortest form only, no surrogates, nothing past U+10FFFF.
  void utf8(std::string& result, unsigned char first) {
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4) invalid();
    uint32_t point = first & (0x3f >> more);
    const char* const begin = at_++;
    for (int i = 0; i < more; ++i, ++at_) {
      if ((static_cast<unsigned char>(peek()) & 0xc0) != 0x80) invalid();
      point = point << 6 | (static_cast<unsigned char>(peek()) & 0x3f);
    }
    static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) invalid();
    result.append(begin, at_);
  }

  const char *begin_, *at_, *end_;
  const std::string& what_;
  ErrorCode code_;
  uint32_t max_depth_;
};

}  // namespace

json parse_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    fail(ErrorCode::limit, "% is too large (% bytes, at most %): shorten it", {what, text.size(), limits.max_bytes});
  }
  return Reader(text, what, code, limits.max_depth).document();
}

std::string short_text(const json& value) {
  switch (value.type()) {
    case json::value_t::object: return "an object";
    case json::value_t::array: return "a list";
    case json::value_t::string: {
      std::string text = *value.get_ptr<const std::string*>();
      for (char& c : text)
        if (c < ' ' || c > '~') c = '?';  // a message is one plain line
      return base::text("\"%\"", {text});
    }
    case json::value_t::boolean: return *value.get_ptr<const bool*>() ? "true" : "false";
    case json::value_t::number_integer: return std::to_string(*value.get_ptr<const int64_t*>());
    case json::value_t::number_unsigned: return std::to_string(*value.get_ptr<const uint64_t*>());
    case json::value_t::number_float: {
      char digits[32];
      return std::string(digits, std::to_chars(digits, std::end(digits), *value.get_ptr<const double*>()).ptr);
    }
    default: return "null";
  }
}

}  // namespace motley::base
