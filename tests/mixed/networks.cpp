// Networks for mixed placements, and what forces and runs them.
#include "networks.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "graph/infer.hpp"
#include "ir_builder.hpp"

namespace motley::test {

namespace {

TensorId weights(Graph& g, const std::string& name, std::vector<int64_t> shape, unsigned seed) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return constant(g, name, DataType::float32, std::move(shape), noise(static_cast<size_t>(n), seed));
}

Model finish(graph::Module module) {
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

}  // namespace

VirtualGpuControl& virtual_gpus() {
  static VirtualGpuControl* control = [] {
    void* library = dlopen(MOTLEY_TEST_PLUGINS "/libmotley_virtual_gpu.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    return reinterpret_cast<VirtualGpuControlFn>(dlsym(library, kVirtualGpuControl))();
  }();
  control->reset();
  return *control;
}

Runtime mixed_runtime() { return runtime_with({"virtual_gpu", "template"}); }

Model two_branches(int length, int64_t rows) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(rows), Dim(64)});
  g.inputs = {x};
  const auto branch = [&](const std::string& name) {
    TensorId at = x;
    for (int i = 0; i < length; ++i) {
      const std::string here = name + std::to_string(i);
      if (i % 2 == 0) at = node(g, here, Op::Unary, {at}, DataType::float32, unary(schema::UnaryFunction::relu));
      else
        at = node(g, here, Op::MatMul, {at, weights(g, here + "_w", {64, 64}, static_cast<unsigned>(i) + 1)},
                  DataType::float32, schema::MatMulAttributesT{});
    }
    return at;
  };
  const TensorId left = branch("left"), right = branch("right");
  const TensorId y = tensor(g, "y", DataType::float32);
  g.add_node("join", Op::Binary, {left, right}, {y}, binary(schema::BinaryFunction::add));
  g.outputs = {y};
  return finish(std::move(module));
}

Model concatenations() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const auto function = [&](const char* name, TensorId x, schema::UnaryFunction f) {
    return node(g, name, Op::Unary, {x}, DataType::float32, unary(f));
  };
  const auto concat = [&](const char* name, std::vector<TensorId> parts, int64_t axis) {
    schema::AxisAttributesT attributes;
    attributes.axis = axis;
    return node(g, name, Op::Concat, parts, DataType::float32, attributes);
  };
  using F = schema::UnaryFunction;
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(16), Dim(8)}),
                 odd = tensor(g, "odd", DataType::float32, Dims{Dim(3), Dim(8)});
  g.inputs = {x, odd};
  const TensorId a = function("a", x, F::relu), b = function("b", x, F::tanh);
  const TensorId both = concat("both", {a, b}, 0);
  const TensorId c = function("c", both, F::sigmoid);
  const TensorId nested = concat("nested", {both, c, a}, 0);
  const TensorId d = function("d", odd, F::tanh), e = function("e", a, F::exp);
  const TensorId unaligned = concat("unaligned", {d, e}, 0);
  const TensorId twice = concat("twice", {e, e}, 0);
  const TensorId columns = concat("columns", {a, b}, 1);
  const TensorId with_input = concat("with_input", {x, c}, 0);
  g.outputs = {function("nested_after", nested, F::neg), function("unaligned_after", unaligned, F::neg),
               function("twice_after", twice, F::neg), function("columns_after", columns, F::neg), with_input};
  return finish(std::move(module));
}

Model random_network(unsigned seed, int nodes) {
  std::mt19937 random(seed);
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const Dims shape = {Dim(3), Dim(8), Dim(8)};
  std::vector<TensorId> made = {tensor(g, "a", DataType::float32, shape), tensor(g, "b", DataType::float32, shape)};
  g.inputs = made;
  const auto pick = [&] { return made[made.size() - 1 - random() % std::min<size_t>(made.size(), 6)]; };
  for (int i = 0; i < nodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    switch (random() % 7) {
      case 0:
        made.push_back(node(g, name, Op::Unary, {pick()}, DataType::float32, unary(schema::UnaryFunction::tanh)));
        break;
      case 1:
        made.push_back(node(g, name, Op::Unary, {pick()}, DataType::float32, unary(schema::UnaryFunction::relu)));
        break;
      case 2:
        made.push_back(node(g, name, Op::Softmax, {pick()}, DataType::float32, schema::SoftmaxAttributesT{}));
        break;
      case 3:
        made.push_back(node(g, name, Op::MatMul,
                            {pick(), weights(g, name + "_w", {8, 8}, seed + static_cast<unsigned>(i))},
                            DataType::float32, schema::MatMulAttributesT{}));
        break;
      case 4: {
        schema::TransposeAttributesT order;
        order.perm = {0, 2, 1};
        made.push_back(node(g, name, Op::Transpose, {pick()}, DataType::float32, order));
        break;
      }
      default:
        made.push_back(node(g, name, Op::Binary, {pick(), pick()}, DataType::float32,
                            binary(random() % 2 ? schema::BinaryFunction::add : schema::BinaryFunction::mul)));
    }
  }
  // The last, and two from anywhere.
  g.outputs = {made.back()};
  for (int more = 0; more < 2; ++more) {
    const TensorId id = made[2 + random() % (made.size() - 2)];
    if (std::find(g.outputs.begin(), g.outputs.end(), id) == g.outputs.end()) g.outputs.push_back(id);
  }
  return finish(std::move(module));
}

void write_inputs(Session& session, unsigned seed) {
  for (const std::string& name : session.input_names()) {
    TensorRef input = session.input(name);
    input.copy_from(noise(static_cast<size_t>(input.elements()), seed++));
  }
}

std::vector<float> read_outputs(Session& session) {
  std::vector<float> all;
  for (const std::string& name : session.output_names()) {
    const auto values = session.output(name).as<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<float> outputs_of(Session& session, unsigned seed) {
  write_inputs(session, seed);
  session.run();
  return read_outputs(session);
}

Pins pin_all(const Session& session, const std::vector<std::string>& devices,
             const std::function<size_t(size_t, const std::vector<std::string>&)>& choose) {
  Pins pins;
  size_t number = 0;
  for (const Placement& p : session.explain().nodes) {
    std::vector<std::string> able;
    for (const std::string& device : devices)
      if (std::none_of(p.refused.begin(), p.refused.end(), [&](const auto& r) { return r.first == device; }))
        able.push_back(device);
    if (!able.empty()) pins.emplace_back(p.node, able[choose(number, able) % able.size()]);
    ++number;
  }
  return pins;
}

void expect_close(const std::vector<float>& got, const std::vector<float>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-4 * std::max(1.0f, std::fabs(want[i]))) << what << ", element " << i;
}

}  // namespace motley::test
