// Facts inside the page that shows them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace motley::tuner {

// JSON text that may stand in any HTML text or script element: `<`, `>`, `&`, U+2028 and U+2029 are written as escapes,
// so that nothing in a name can end the element or begin another. Bytes that are no UTF-8 become U+FFFD.
std::string html_safe_json(const nlohmann::json& facts);

// The page with the facts in the place that the template marks. Throws Error(internal) for a template without the mark.
std::string fill_page(std::string_view page, const nlohmann::json& facts);

}  // namespace motley::tuner
