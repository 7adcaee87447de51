// ONNX models in memory, run on the plugins.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "model_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {

// Values between −1 and 1 that look random and are the same everywhere.
inline std::vector<float> some_values(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1;
  }
  return values;
}

inline size_t count_of(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (int64_t d : shape) count *= static_cast<size_t>(d);
  return count;
}

// Results by output, converted to double.
struct Results {
  std::vector<std::vector<double>> values;
  std::vector<std::vector<int64_t>> shapes;
};

// A model of one node with inputs and their values; "" stands for an absent one.
class Network {
 public:
  Network(const std::string& op, int64_t opset, const std::string& domain = "") : model_(new_model(opset)) {
    node_ = graph().add_node();
    node_->set_op_type(op);
    node_->set_domain(domain);
    if (domain.empty()) return;
    auto* set = model_.add_opset_import();
    set->set_domain(domain);
    set->set_version(1);
  }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  onnx::NodeProto& node() { return *node_; }
  onnx::ModelProto& model() { return model_; }

  Network& input(const std::vector<int64_t>& shape, const std::vector<float>& values) { return add(shape, values, 1); }
  Network& input(const std::vector<int64_t>& shape, const std::vector<int32_t>& values) {
    return add(shape, values, 6);
  }
  Network& input(const std::vector<int64_t>& shape, const std::vector<int64_t>& values) {
    return add(shape, values, 7);
  }
  Network& absent() {
    node_->add_input("");
    return *this;
  }
  Network& constant(const std::vector<int64_t>& shape, const std::vector<float>& values) {
    add_floats(graph(), next_name(), shape, values);
    return *this;
  }
  Network& constant(const std::vector<int64_t>& values, bool scalar = false) {
    add_ints(graph(), next_name(), values, scalar);
    return *this;
  }
  Network& constant_bytes(const std::vector<int64_t>& shape, const std::vector<uint8_t>& values) {
    auto* tensor = graph().add_initializer();
    tensor->set_name(next_name());
    tensor->set_data_type(2);
    for (int64_t d : shape) tensor->add_dims(d);
    tensor->set_raw_data(std::string(values.begin(), values.end()));
    return *this;
  }
  template <class Value>
  Network& with(const std::string& name, const Value& value) {
    set_attribute(*node_, name, value);
    return *this;
  }
  Network& outputs(int count) {
    for (int i = 0; i < count; ++i) output("y" + std::to_string(i));
    return *this;
  }
  Network& output(const std::string& name) {
    node_->add_output(name);
    if (!name.empty()) graph().add_output()->set_name(name);
    return *this;
  }

  // What the reference plugin gives; the cpu plugin, with it behind, must give the same.
  Results run() {
    if (node_->output_size() == 0) outputs(1);
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_folders = {MOTLEY_PLUGINS};
    const Runtime runtime(options);
    const Model loaded = Model::from_module(import(model_));
    const Results plain = run_on(runtime, loaded, {"reference"}), fast = run_on(runtime, loaded, {"cpu", "reference"});
    EXPECT_EQ(plain.shapes, fast.shapes);
    for (size_t i = 0; i < plain.values.size() && i < fast.values.size(); ++i) {
      EXPECT_EQ(plain.values[i].size(), fast.values[i].size());
      for (size_t k = 0; k < plain.values[i].size() && k < fast.values[i].size(); ++k)
        EXPECT_NEAR(plain.values[i][k], fast.values[i][k], 1e-4 * (1 + std::abs(plain.values[i][k])))
            << "on the cpu plugin, output " << i << " at " << k;
    }
    return plain;
  }

 private:
  Results run_on(const Runtime& runtime, const Model& loaded, const std::vector<std::string>& devices) {
    Session session = runtime.compile(loaded, {.devices = devices});
    for (const Fed& fed : fed_) session.input(fed.name).copy_from_bytes(std::as_bytes(std::span(fed.bytes)));
    session.run();
    Results results;
    for (const auto& output : graph().output()) {
      const auto tensor = session.output(output.name());
      results.shapes.emplace_back(tensor.shape().begin(), tensor.shape().end());
      results.values.push_back(as_doubles(tensor));
    }
    return results;
  }

  struct Fed {
    std::string name;
    std::vector<char> bytes;
  };

  std::string next_name() {
    std::string name = "in";
    name += std::to_string(node_->input_size());
    node_->add_input(name);
    return name;
  }
  template <class T>
  Network& add(const std::vector<int64_t>& shape, const std::vector<T>& values, int type) {
    EXPECT_EQ(count_of(shape), values.size());
    const std::string name = next_name();
    add_value(*graph().add_input(), name, shape, type);
    const auto* bytes = reinterpret_cast<const char*>(values.data());
    fed_.push_back({name, std::vector<char>(bytes, bytes + values.size() * sizeof(T))});
    return *this;
  }
  template <class Tensor>
  static std::vector<double> as_doubles(const Tensor& tensor) {
    std::vector<double> result;
    const auto append = [&](auto values) { result.assign(values.begin(), values.end()); };
    switch (tensor.type()) {
      case DataType::float32: append(tensor.template as<float>()); break;
      case DataType::float64: append(tensor.template as<double>()); break;
      case DataType::int32: append(tensor.template as<int32_t>()); break;
      case DataType::uint32: append(tensor.template as<uint32_t>()); break;
      case DataType::int64: append(tensor.template as<int64_t>()); break;
      case DataType::uint8: append(tensor.template as<uint8_t>()); break;
      case DataType::int8: append(tensor.template as<int8_t>()); break;
      default: ADD_FAILURE() << "an output of a type the test does not read";
    }
    return result;
  }

  onnx::ModelProto model_;
  onnx::NodeProto* node_;
  std::vector<Fed> fed_;
};

template <class Expected>
void expect_near(const std::vector<double>& got, const std::vector<Expected>& expected, double tolerance = 1e-5) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], static_cast<double>(expected[i]), tolerance * (1 + std::abs(static_cast<double>(expected[i]))))
        << "at " << i;
}

}  // namespace motley::test
