// A recursive descent over the text.
#include "base/json_reader.hpp"

#include <cstring>

#include "base/text.hpp"

namespace motley::base {

namespace {

bool is_digit(int c) { return c >= '0' && c <= '9'; }

int hex_digit(int c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void append_utf8(std::string& text, uint32_t code) {
  const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(kLead[more] | code >> (6 * more));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3f));
}

class Reader {
 public:
  Reader(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits,
         JsonListener& listener)
      : text_(text), what_(what), code_(code), limits_(limits), listener_(listener) {}

  void document() {
    if (text_.compare(0, 3, "\xef\xbb\xbf") == 0) at_ = 3;  // a byte order mark
    value(0);
    skip_blanks();
    if (at_ != text_.size()) wrong();
  }

 private:
  [[noreturn]] void wrong() const { fail(code_, "% is not valid JSON (at byte %): correct it", {what_, at_ + 1}); }

  // The character here; -1 at the end.
  int here() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  int next() {
    const int c = here();
    if (c < 0) wrong();
    ++at_;
    return c;
  }
  bool take(char c) {
    if (here() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) wrong();
  }
  void skip_blanks() {
    while (here() == ' ' || here() == '\n' || here() == '\r' || here() == '\t') ++at_;
  }

  // Inside `depth` lists and objects.
  void value(uint32_t depth) {
    skip_blanks();
    if (depth > limits_.max_depth)
      fail(ErrorCode::limit, "% is nested too deeply (more than % levels): flatten it", {what_, limits_.max_depth});
    const int c = here();
    if (c == '{' || c == '[') return inside(depth);
    if (c == '"') return listener_.value(JsonKind::text, string());
    if (c == '-' || is_digit(c)) return number();
    for (const char* word : {"true", "false", "null"})
      if (const size_t size = std::strlen(word); text_.compare(at_, size, word) == 0) {
        at_ += size;
        return listener_.value(*word == 'n' ? JsonKind::null : JsonKind::boolean, word);
      }
    wrong();
  }

  void inside(uint32_t depth) {
    const bool is_object = next() == '{';
    const char close = is_object ? '}' : ']';
    listener_.value(is_object ? JsonKind::object : JsonKind::list, {});
    skip_blanks();
    if (!take(close)) {
      do {
        if (is_object) {
          skip_blanks();
          listener_.key(string());
          skip_blanks();
          expect(':');
        }
        value(depth + 1);
        skip_blanks();
      } while (take(','));
      expect(close);
    }
    listener_.end();
  }

  void digits() {
    if (!is_digit(here())) wrong();
    while (is_digit(here())) ++at_;
  }
  void number() {
    const size_t begin = at_;
    take('-');
    if (!take('0')) digits();
    if (take('.')) digits();
    if ((here() | 0x20) == 'e') {
      ++at_;
      if (!take('+')) take('-');
      digits();
    }
    listener_.value(JsonKind::number, text_.substr(begin, at_ - begin));
  }

  std::string string() {
    std::string result;
    expect('"');
    for (int c; (c = next()) != '"';) {
      if (c < ' ') back();
      if (c == '\\') escape(result);
      else if (c < 0x80) result += static_cast<char>(c);
      else multibyte(static_cast<uint32_t>(c), result);
    }
    return result;
  }
  [[noreturn]] void back() {
    --at_;
    wrong();
  }

  void escape(std::string& result) {
    static constexpr char kShort[] = "\"\\/bfnrt", kMeaning[] = "\"\\/\b\f\n\r\t";
    const int c = next();
    if (c == 'u') return append_utf8(result, escaped_code());
    const char* found = c ? std::strchr(kShort, c) : nullptr;
    if (!found) back();
    result += kMeaning[found - kShort];
  }
  uint32_t four_digits() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_digit(next());
      if (digit < 0) back();
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    return code;
  }
  // What lies beyond 16 bits takes two escapes.
  uint32_t escaped_code() {
    const uint32_t code = four_digits();
    if (code < 0xd800 || code > 0xdfff) return code;
    if (code > 0xdbff) back();
    expect('\\');
    expect('u');
    const uint32_t low = four_digits();
    if (low < 0xdc00 || low > 0xdfff) back();
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }

  // Neither overlong nor a surrogate, and at most 0x10ffff.
  void multibyte(uint32_t lead, std::string& result) {
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    uint32_t code = lead & (0x3fu >> more);
    for (int i = 0; i < more; ++i) {
      const int c = next();
      if ((c & 0xc0) != 0x80) back();
      code = code << 6 | static_cast<uint32_t>(c & 0x3f);
    }
    if (lead < 0xc0 || lead > 0xf4 || code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      back();
    append_utf8(result, code);
  }

  const std::string& text_;
  const std::string& what_;
  const ErrorCode code_;
  const JsonLimits& limits_;
  JsonListener& listener_;
  size_t at_ = 0;
};

}  // namespace

void read_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits,
               JsonListener& listener) {
  if (text.size() > limits.max_bytes)
    fail(ErrorCode::limit, "% is too large (% bytes, at most %): shorten it", {what, text.size(), limits.max_bytes});
  Reader(text, what, code, limits, listener).document();
}

}  // namespace motley::base
