// Puts JSON into HTML.
#include "report/page.hpp"

#include "base/text.hpp"

namespace motley::tuner {

namespace {

// As tools/report/src/index.html has it.
constexpr std::string_view kMark = "@MOTLEY_FACTS@";

}  // namespace

std::string html_safe_json(const nlohmann::json& facts) {
  const std::string text = facts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size() + text.size() / 16);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::string_view rest = std::string_view(text).substr(i, 3);
    // These stand only within strings, where an escape means the same.
    if (c == '<') safe += "\\u003c";
    else if (c == '>') safe += "\\u003e";
    else if (c == '&') safe += "\\u0026";
    else if (rest == "\xE2\x80\xA8") safe += "\\u2028", i += 2;
    else if (rest == "\xE2\x80\xA9") safe += "\\u2029", i += 2;
    else safe += c;
  }
  return safe;
}

std::string fill_page(std::string_view page, const nlohmann::json& facts) {
  const size_t at = page.find(kMark);
  if (at == std::string_view::npos)
    base::fail(ErrorCode::internal, "the page template has no place for facts: build the program again");
  std::string result(page.substr(0, at));
  result += html_safe_json(facts);
  result += page.substr(at + kMark.size());
  return result;
}

}  // namespace motley::tuner
