// JSON that comes from outside: size and depth capped, no key twice.
#include "base/json.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace motley::base {

nlohmann::json parse_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits) {
  using nlohmann::json;
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorCode::limit, what + " is too large (" + std::to_string(text.size()) + " bytes, at most " +
                                      std::to_string(limits.max_bytes) + "): shorten it");
  }
  std::vector<std::set<std::string>> keys;  // of each object that is open
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > static_cast<int>(limits.max_depth)) {
      throw Error(ErrorCode::limit, what + " is nested too deeply (more than " + std::to_string(limits.max_depth) +
                                        " levels): flatten it");
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get_ref<const std::string&>()).second) {
      throw Error(code, what + " has a key twice (" + value.get_ref<const std::string&>() + "): remove one");
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::parse_error& error) {
    throw Error(code, what + " is not valid JSON (at byte " + std::to_string(error.byte) + "): correct it");
  } catch (const json::exception&) {
    throw Error(code, what + " has a number that is out of range: correct it");
  }
}

}  // namespace motley::base
