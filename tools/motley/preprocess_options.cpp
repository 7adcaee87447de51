// Where preprocessing settings come from: flags, and JSON in the model.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "preprocess.hpp"

namespace motley::cli {

namespace {

using Json = nlohmann::json;

[[noreturn]] void bad_metadata(const std::string& why) {
  throw Error(
      ErrorCode::invalid_model,
      fmt::format("the model's metadata \"preprocessing\" is wrong ({}); correct it, see docs/command-line.md", why));
}

std::vector<double> numbers(const std::string& key, const Json& value) {
  std::vector<double> result;
  for (const Json& item : value.is_array() ? value : Json::array({value})) {
    if (!item.is_number()) bad_metadata(fmt::format("\"{}\" is no number", key));
    result.push_back(item.get<double>());
    if (!std::isfinite(result.back())) bad_metadata(fmt::format("\"{}\" is not finite", key));
  }
  return result;
}

double number(const std::string& key, const Json& value) {
  const std::vector<double> all = numbers(key, value);
  if (all.size() != 1) bad_metadata(fmt::format("\"{}\" is no single number", key));
  return all.front();
}

std::string size_text(const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  const std::vector<double> sides = numbers(key, value);
  for (double side : sides)
    if (side < 1 || side > 65536) bad_metadata(fmt::format("\"{}\" is out of range", key));
  if (sides.size() == 1) return std::to_string(static_cast<int>(sides[0]));
  if (sides.size() == 2) return fmt::format("{}x{}", static_cast<int>(sides[0]), static_cast<int>(sides[1]));
  bad_metadata(fmt::format("\"{}\" has {} numbers", key, sides.size()));
}

std::string word(const std::string& key, const Json& value) {
  if (!value.is_string()) bad_metadata(fmt::format("\"{}\" is no text", key));
  return value.get<std::string>();
}

}  // namespace

Preprocessing parse_preprocessing(const std::string& text) {
  constexpr int kMaxDepth = 4;
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) bad_metadata("it is nested too deeply");
    return true;
  };
  const Json json = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) bad_metadata("it is no JSON object");
  Preprocessing result;
  std::optional<int> width, height;
  for (const auto& [key, value] : json.items()) {
    if (key == "width") width = std::stoi(size_text(key, Json(number(key, value))));
    else if (key == "height") height = std::stoi(size_text(key, Json(number(key, value))));
    else if (key == "resize") result.resize = size_text(key, value);
    else if (key == "filter") result.filter = word(key, value);
    else if (key == "crop") result.crop = size_text(key, value);
    else if (key == "channels") result.channels = word(key, value);
    else if (key == "layout") result.layout = word(key, value);
    else if (key == "range") result.range = number(key, value);
    else if (key == "mean") result.mean = numbers(key, value);
    else if (key == "std") result.std = numbers(key, value);
    else if (key == "scale") result.scale = numbers(key, value);
    else bad_metadata(fmt::format("\"{}\" is no known key", key));
  }
  if (width.has_value() != height.has_value()) bad_metadata("\"width\" and \"height\" go together");
  if (width && result.resize) bad_metadata("\"resize\" and \"width\" exclude each other");
  if (width) result.resize = fmt::format("{}x{}", *width, *height);
  return result;
}

Preprocessing merge(const Preprocessing& first, const Preprocessing& second) {
  Preprocessing result = first;
  if (!result.resize) result.resize = second.resize;
  if (!result.filter) result.filter = second.filter;
  if (!result.crop) result.crop = second.crop;
  if (!result.channels) result.channels = second.channels;
  if (!result.layout) result.layout = second.layout;
  if (!result.range) result.range = second.range;
  if (result.mean.empty()) result.mean = second.mean;
  if (result.std.empty()) result.std = second.std;
  if (result.scale.empty()) result.scale = second.scale;
  return result;
}

void add_preprocessing_options(CLI::App& command, Preprocessing& options) {
  const std::string group = "Pictures (defaults come from the model)";
  const auto list = [&](const char* name, std::vector<double>& values, const char* help) {
    command.add_option(name, values, help)->type_name("A,B,C")->delimiter(',')->allow_extra_args(false)->group(group);
  };
  command.add_option("--resize", options.resize, "Scale to this size; one number: the short side")
      ->type_name("N|WxH")
      ->group(group);
  command.add_option("--filter", options.filter, "How --resize weighs pixels (default: bicubic)")
      ->check(CLI::IsMember({"bilinear", "bicubic"}))
      ->type_name("bilinear|bicubic")
      ->group(group);
  command.add_option("--crop", options.crop, "Cut this size out of the centre")->type_name("N|WxH")->group(group);
  command.add_option("--channels", options.channels, "Colour order")
      ->check(CLI::IsMember({"rgb", "bgr", "gray"}))
      ->type_name("rgb|bgr|gray")
      ->group(group);
  command.add_option("--layout", options.layout, "Order of the input's dimensions")
      ->check(CLI::IsMember({"nchw", "nhwc"}))
      ->type_name("nchw|nhwc")
      ->group(group);
  command.add_option("--range", options.range, "Pixels go from 0 to this, before --mean (default: 255)")
      ->type_name("X")
      ->group(group);
  list("--mean", options.mean, "Subtracted from pixels; one number, or one per channel");
  list("--std", options.std, "Pixels are divided by it, after --mean");
  list("--scale", options.scale, "Pixels are multiplied by it, after --mean");
}

}  // namespace motley::cli
