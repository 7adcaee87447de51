// From events to values, and values in messages.
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

// The nearest double; false where there is none. What lies too close to zero is zero.
bool read_double(const std::string& text, double& value) {
  value = text[0] == '-' ? -0.0 : 0.0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc()) return true;
  if (const size_t exponent = text.find_first_of("eE"); exponent != std::string::npos)
    return text.compare(exponent + 1, 1, "-") == 0;
  return text[text[0] == '-'] == '0';
}

// A whole number where it is written as one and fits, else a double.
bool read_number(const std::string& text, json& value) {
  const char* const end = text.data() + text.size();
  const auto is_read = [&](auto& number) {
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stop == end;
  };
  uint64_t whole = 0;
  int64_t negative = 0;
  double real = 0;
  if (is_read(whole)) return value = whole, true;
  if (is_read(negative)) return value = negative, true;
  if (!read_double(text, real)) return false;
  return value = real, true;
}

class Builder final : public JsonListener {
 public:
  Builder(const std::string& what, ErrorCode code) : what_(what), code_(code) {}
  json result() { return std::move(root_); }

  void key(std::string&& name) override {
    auto& members = open_.back()->get_ref<json::object_t&>();
    const auto [member, is_new] = members.try_emplace(std::move(name));
    if (!is_new) fail(code_, "% has a key twice (%): remove one", {what_, member->first});
    member_ = &member->second;
  }
  void value(JsonKind kind, std::string&& text) override {
    json& value = place();
    switch (kind) {
      case JsonKind::null: break;
      case JsonKind::boolean: value = text == "true"; break;
      case JsonKind::text: value = std::move(text); break;
      case JsonKind::list: value = json::value_t::array; break;
      case JsonKind::object: value = json::value_t::object; break;
      case JsonKind::number:
        if (!read_number(text, value)) fail(code_, "% has a number that is out of range: correct it", {what_});
    }
    if (value.is_structured()) open_.push_back(&value);  // stays where it is: nothing is added beside it while open
  }
  void end() override { open_.pop_back(); }

 private:
  json& place() {
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *member_;
    auto& items = open_.back()->get_ref<json::array_t&>();
    items.push_back(nullptr);
    return items.back();
  }

  const std::string& what_;
  const ErrorCode code_;
  json root_;
  std::vector<json*> open_;
  json* member_ = nullptr;
};

}  // namespace

json parse_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits) {
  Builder builder(what, code);
  read_json(text, what, code, limits, builder);
  return builder.result();
}

std::string short_text(const json& value) {
  switch (value.type()) {
    case json::value_t::object: return "an object";
    case json::value_t::array: return "a list";
    case json::value_t::string: {
      constexpr size_t kMost = 200;  // a message is one plain line
      const std::string& all = *value.get_ptr<const std::string*>();
      std::string text = all.substr(0, kMost);
      for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
      if (all.size() > kMost) text += "…";
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
