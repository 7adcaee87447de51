// JSON that comes from outside: size and depth capped, no key twice.
#include "base/json.hpp"

#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace motley::base {

using nlohmann::json;

namespace {

// Builds the value from what the parser reports. (The library's own builders cost five times the code.)
class Builder {
 public:
  Builder(const std::string& what, ErrorCode code, const JsonLimits& limits)
      : what_(what), code_(code), limits_(limits) {}
  json result() { return std::move(root_); }

  bool null() { return put({}); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(int64_t value) { return put(value); }
  bool number_unsigned(uint64_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(json::binary_t&) { return false; }  // JSON has none
  bool start_object(size_t) { return put(json::value_t::object); }
  bool start_array(size_t) { return put(json::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    check_depth();
    auto& members = open_.back()->get_ref<json::object_t&>();
    const auto [member, is_new] = members.try_emplace(std::move(name));
    if (!is_new) fail(code_, "% has a key twice (%): remove one", {what_, member->first});
    member_ = &member->second;
    return true;
  }
  bool parse_error(size_t byte, const std::string&, const json::exception& error) {
    constexpr int kOutOfRange = 400;  // the first of that family
    if (error.id >= kOutOfRange) fail(code_, "% has a number that is out of range: correct it", {what_});
    fail(code_, "% is not valid JSON (at byte %): correct it", {what_, byte});
  }

 private:
  void check_depth() const {
    if (open_.size() > limits_.max_depth)
      fail(ErrorCode::limit, "% is nested too deeply (more than % levels): flatten it", {what_, limits_.max_depth});
  }
  bool put(json value) {
    check_depth();
    json* place = &root_;
    if (!open_.empty()) {
      if (open_.back()->is_array()) {
        auto& items = open_.back()->get_ref<json::array_t&>();
        items.push_back(nullptr);
        place = &items.back();
      } else {
        place = member_;
      }
    }
    *place = std::move(value);
    if (place->is_structured()) open_.push_back(place);  // stays where it is: nothing is added beside it while open
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& what_;
  ErrorCode code_;
  const JsonLimits& limits_;
  json root_;
  std::vector<json*> open_;
  json* member_ = nullptr;
};

}  // namespace

json parse_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    fail(ErrorCode::limit, "% is too large (% bytes, at most %): shorten it", {what, text.size(), limits.max_bytes});
  }
  Builder builder(what, code, limits);
  json::sax_parse(text, &builder);
  return builder.result();
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
