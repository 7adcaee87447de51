// motley run --debug-bisect: the first tensor that differs from a reference run.
#include "bisect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "measure.hpp"
#include "results.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

// Where a tensor comes from: a node of the model.
struct Source {
  std::string tensor, node, op;
};

struct Difference {
  Source source;
  std::string device, what;
  double largest = 0, allowed = 0;
};

// The greatest difference of two tensors, and how much is allowed: infinite where shapes, types or NaN differ.
std::pair<double, double> compare(const TensorRef& expected, const TensorRef& got, double tolerance) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (expected.type() != got.type() || !std::ranges::equal(expected.shape(), got.shape())) return {kInfinite, 0};
  double largest = 0, range = 1;
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double e = value_at(expected, i), g = value_at(got, i);
    if (std::isfinite(e)) range = std::max(range, std::fabs(e));
    if (e == g || (std::isnan(e) && std::isnan(g))) continue;
    const double difference = std::fabs(e - g);
    largest = std::isnan(difference) ? kInfinite : std::max(largest, difference);
  }
  switch (expected.type()) {
    case DataType::float32:
    case DataType::float64: return {largest, tolerance * range};
    case DataType::float16:
    case DataType::bfloat16: return {largest, std::max(tolerance, 1e-2) * range};
    case DataType::int8:
    case DataType::uint8: return {largest, 1};  // a quantized value may round the other way
    default: return {largest, 0};
  }
}

// The devices that run what the node became.
std::string devices_of(const Explanation& explanation, const std::string& node) {
  std::vector<std::string> devices;
  for (const Placement& p : explanation.nodes)
    if (std::ranges::find(p.origins, node) != p.origins.end() && std::ranges::find(devices, p.device) == devices.end())
      devices.push_back(p.device);
  std::string text;
  for (const std::string& device : devices) text += (text.empty() ? "" : ", ") + device;
  return text.empty() ? "the core" : text;
}

Session started(const Model& model, const Runtime& runtime, const CompileOptions& compile, const Feed& feed) {
  Session session = runtime.compile(model, compile);
  if (feed.tensors.empty()) fill_random(session);
  else copy_into(session, feed);
  session.run();
  return session;
}

std::vector<Source> sources(const Model& model, const std::vector<std::string>& only) {
  std::vector<Source> list;
  for (const NodeInfo& node : model.nodes())
    for (const std::string& tensor : node.outputs)
      if (!tensor.empty() && (only.empty() || std::ranges::find(only, tensor) != only.end()))
        list.push_back({tensor, node.name, node.op});
  return list;
}

std::optional<Difference> first_difference(Session& expected, Session& got, const std::vector<Source>& tensors,
                                           double tolerance, size_t& compared) {
  for (const Source& source : tensors) {
    const auto [largest, allowed] = compare(expected.tensor(source.tensor), got.tensor(source.tensor), tolerance);
    ++compared;
    if (!(largest <= allowed)) return Difference{source, devices_of(got.explain(), source.node), "", largest, allowed};
  }
  return std::nullopt;
}

void report(const std::optional<Difference>& found, size_t compared, const BisectOptions& options) {
  if (options.json) {
    Json json = {{"compared", compared}, {"reference", options.reference}, {"difference", nullptr}};
    if (found)
      json["difference"] = {{"tensor", found->source.tensor},
                            {"node", found->source.node},
                            {"op", found->source.op},
                            {"device", found->device},
                            {"stage", found->what},
                            {"allowed", found->allowed},
                            {"largest", std::isfinite(found->largest) ? Json(found->largest) : Json("infinite")}};
    print_json(json);
  } else if (!found) {
    fmt::print("{} tensors compared with {}: none differs\n", compared, options.reference);
  }
  if (!found) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("the tensor \"{}\" of node \"{}\" ({}) on {} is the first that differs{} (by {:.4g}, {:.4g} is "
                  "allowed); run it on other devices, or report the op",
                  found->source.tensor, found->source.node, found->source.op, found->device, found->what,
                  found->largest, found->allowed));
}

}  // namespace

void add_bisect_options(CLI::App& command, BisectOptions& options) {
  command.add_flag("--debug-bisect", options.wanted,
                   "Find the first tensor that differs from a reference run; without files, inputs are random");
  command.add_option("--reference", options.reference, "Devices that --debug-bisect trusts (default: reference)")
      ->type_name("A,B");
  command
      .add_option("--tolerance", options.tolerance,
                  "What --debug-bisect allows, relative to a tensor's largest value (default: 0.001)")
      ->check(CLI::NonNegativeNumber);
}

void bisect(const Model& model, const Runtime& runtime, const CompileOptions& compile, const Feed& feed,
            const BisectOptions& options) {
  CompileOptions subject = compile, trusted = compile;
  for (const auto& [name, tensor] : feed.tensors) subject.input_shapes[name] = tensor.shape;
  trusted.input_shapes = subject.input_shapes;
  trusted.devices = {};
  for (size_t at = 0; at <= options.reference.size();) {
    const size_t end = std::min(options.reference.find(',', at), options.reference.size());
    trusted.devices.push_back(options.reference.substr(at, end - at));
    at = end + 1;
  }
  trusted.optimize = false;
  trusted.keep_all = true;
  Session expected = started(model, runtime, trusted, feed);
  size_t compared = 0;
  subject.keep_all = true;
  std::optional<Difference> found;
  {
    Session got = started(model, runtime, subject, feed);
    found = first_difference(expected, got, sources(model, {}), options.tolerance, compared);
  }
  if (!found && subject.optimize) {  // with every tensor kept, fusions are off; their results are the outputs
    subject.keep_all = false;
    Session got = started(model, runtime, subject, feed);
    found = first_difference(expected, got, sources(model, got.output_names()), options.tolerance, compared);
    if (found) found->what = " once ops are fused";
  }
  report(found, compared, options);
}

}  // namespace motley::cli
