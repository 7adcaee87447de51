// What a tuner may choose for a node, and what names its problem.
#include "tuning.hpp"

#include <algorithm>

#include "ops/conv.hpp"
#include "ops/gemm.hpp"

namespace motley::gpu {

namespace {

void append_shape(std::string& key, const TensorView* t) {
  key += " ";
  if (!t) {
    key += "-";
    return;
  }
  key += schema::EnumNameDataType(t->type);
  for (int64_t d : t->shape) key += "x" + std::to_string(d);
  if (t->is_constant()) key += "c";  // packed when compiled
}

std::string list_text(const flatbuffers::Vector<int64_t>* v) {
  std::string text = "[";
  for (int64_t i : sdk::numbers(v)) text += (text.size() > 1 ? "," : "") + std::to_string(i);
  return text + "]";
}

// The bounds of a clip don't matter to the time.
std::string activation_key(const schema::Activation* activation) {
  if (!activation || activation->function() == schema::UnaryFunction::identity) return {};
  return std::string(" act=") + schema::EnumNameUnaryFunction(activation->function());
}

double operations(const NodeView& node) {
  const auto elements = static_cast<double>(node.output(0)->elements());
  if (node.op() == Op::Conv && node.input(1)) {
    const Shape& w = node.input(1)->shape;
    return 2 * elements * static_cast<double>(w.elements(1, w.rank()));
  }
  if (node.op() == Op::MatMul && node.input(0) && node.input(0)->shape.rank() >= 1) {
    const Shape& a = node.input(0)->shape;
    const bool turned = node.attributes<schema::MatMulAttributes>().transpose_a() && a.rank() >= 2;
    return 2 * elements * static_cast<double>(a[a.size() - (turned ? 2 : 1)]);
  }
  return 8 * elements;
}

// From one launch to the next, with what small networks' kernels take: 8 us on an NVIDIA H200 under both APIs.
double launch_ns(const Capabilities& c) { return c.device_class == DeviceClass::discrete ? 8000 : 20000; }

}  // namespace

std::string problem_key(const NodeView& node) {
  if (node.op() != Op::Conv && node.op() != Op::MatMul) return {};  // nothing to choose: the host's own key does
  std::string key = schema::EnumNameOp(node.op());
  for (size_t i = 0; i < node.input_count(); ++i) append_shape(key, node.input(i));
  key += " ->";
  for (size_t i = 0; i < node.output_count(); ++i) append_shape(key, node.output(i));
  if (node.op() == Op::Conv) {
    const auto& a = node.attributes<schema::ConvAttributes>();
    key += " s" + list_text(a.strides()) + "d" + list_text(a.dilations()) + "p" + list_text(a.pads()) + "g" +
           std::to_string(a.group()) + "a" + std::to_string(static_cast<int>(a.auto_pad())) +
           activation_key(a.activation());
  } else if (node.op() == Op::MatMul) {
    const auto& a = node.attributes<schema::MatMulAttributes>();
    key += std::string(a.transpose_a() ? " T" : " N") + (a.transpose_b() ? "T" : "N") + activation_key(a.activation());
  }
  return key;
}

bool offers_half(const NodeView& node, const Capabilities& device) {
  return device.storage_16bit && has_weights(node) && why_not(node, device).empty();
}

std::vector<sdk::Parameter> tuning_space(const NodeView& node, const Capabilities& device) {
  std::vector<sdk::Parameter> space;
  if (!why_not(node, device).empty()) return space;
  if (node.op() == Op::Conv) {
    sdk::Parameter algorithm{"algorithm", {}};
    for (ConvAlgorithm a : conv_algorithms(convolution_of(node), node, device)) algorithm.values.push_back(algorithm_name(a));
    space.push_back(std::move(algorithm));
  }
  if (node.op() == Op::Conv || node.op() == Op::MatMul)
    for (sdk::Parameter& p : gemm_parameters(device)) space.push_back(std::move(p));
  return space;
}

sdk::Reason config_check(const NodeView& node, const Config& config, const Capabilities& device) {
  if (config.values().empty()) return {};
  const std::vector<sdk::Parameter> space = tuning_space(node, device);
  for (const auto& [name, value] : config.values()) {
    // Not a tuner's choice: what a candidate offers.
    if (name == "precision" && value == "f16" && offers_half(node, device)) continue;
    const auto parameter = std::find_if(space.begin(), space.end(), [&](const auto& p) { return p.name == name; });
    if (parameter == space.end()) return "this node has no parameter \"" + name + "\"";
    if (std::find(parameter->values.begin(), parameter->values.end(), value) == parameter->values.end())
      return name + "=" + value + " is not one of the values offered";
  }
  return space.empty() ? sdk::Reason() : gemm_config_check(config, device);
}

double estimated_ns(const NodeView& node, const Capabilities& c) {
  if (sdk::is_alias(node) || !node.output(0)) return 0;
  const double lanes = c.device_class == DeviceClass::cpu ? c.native_vector : 64;
  const double gflops = std::max(1.0, 2.0 * c.compute_units * c.clock_mhz * 1e-3 * lanes * 0.3);
  double bytes = 0;
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i)) bytes += static_cast<double>(node.input(i)->bytes());
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)) bytes += static_cast<double>(node.output(i)->bytes());
  return launch_ns(c) +
         std::max(operations(node) / gflops, bytes / (c.device_class == DeviceClass::discrete ? 200.0 : 15.0));
}

}  // namespace motley::gpu
