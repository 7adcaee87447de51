// The segment executor: aliases, scratch, absent inputs, bad submissions, bad graphs.
#include <gtest/gtest.h>

#include "motley/plugin.hpp"

namespace motley::sdk {
namespace {

using schema::AttributesUnion;

struct TestTensor {
  std::vector<int64_t> shape;
  int32_t buffer = -1;
};
struct TestNode {
  Op op;
  std::vector<int32_t> inputs, outputs;
};

// A graph of float32 tensors, packed.
class Packed {
 public:
  Packed(const std::vector<TestTensor>& tensors, const std::vector<TestNode>& nodes, std::vector<int32_t> inputs,
         std::vector<int32_t> outputs, std::vector<std::vector<float>> constants = {})
      : data_(std::move(constants)) {
    schema::ModelT model;
    auto graph = std::make_unique<schema::GraphT>();
    for (const TestTensor& t : tensors) {
      auto tensor = std::make_unique<schema::TensorT>();
      tensor->type = DataType::float32;
      tensor->buffer = t.buffer;
      for (int64_t d : t.shape) {
        tensor->shape.push_back(std::make_unique<schema::DimensionT>());
        tensor->shape.back()->value = d;
      }
      graph->tensors.push_back(std::move(tensor));
    }
    for (const TestNode& n : nodes) {
      auto node = std::make_unique<schema::NodeT>();
      node->op = n.op;
      node->inputs = n.inputs;
      node->outputs = n.outputs;
      if (n.op == Op::Reshape) node->attributes.Set(schema::ReshapeAttributesT{});
      else node->attributes.Set(schema::UnaryAttributesT{});
      graph->nodes.push_back(std::move(node));
    }
    graph->inputs = std::move(inputs);
    graph->outputs = std::move(outputs);
    model.graphs.push_back(std::move(graph));
    builder_.Finish(schema::Model::Pack(builder_, &model), schema::ModelIdentifier());
    for (const auto& c : data_) constants_.push_back({c.data(), c.size() * sizeof(float)});
  }
  motley_graph graph() const {
    return {sizeof(motley_graph),
            static_cast<uint32_t>(constants_.size()),
            {builder_.GetBufferPointer(), builder_.GetSize()},
            constants_.data()};
  }

 private:
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<std::vector<float>> data_;
  std::vector<motley_bytes> constants_;
};

// y = x + 1, using scratch to see that it is lent.
struct AddOne final : Kernel {
  explicit AddOne(int64_t n) : count(n) {}
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(count) * 4; }
  void run(const RunContext& c) const override {
    auto* t = static_cast<float*>(c.scratch);
    for (int64_t i = 0; i < count; ++i) t[i] = c.input<float>(0)[i] + 1;
    for (int64_t i = 0; i < count; ++i) c.output<float>(0)[i] = t[i];
  }
  int64_t count;
};
constexpr KernelEntry kKernels[] = {{Op::Unary, [](const NodeView&) { return Reason(); },
                                     [](const NodeView& n, const PrepareContext&) -> std::unique_ptr<Kernel> {
                                       return std::make_unique<AddOne>(n.output(0)->elements());
                                     }}};

// Runs and gives the outputs.
std::vector<std::vector<float>> run(const Packed& packed, std::vector<std::vector<float>> inputs,
                                    const std::vector<size_t>& outputs) {
  const motley_graph graph = packed.graph();
  const Executable executable(graph, kKernels, motley_compile_options{sizeof(motley_compile_options), 0, nullptr, 0},
                              Threads());
  std::vector<std::vector<float>> results;
  for (size_t n : outputs) results.emplace_back(n, -1.0f);
  std::vector<motley_binding> in, out;
  for (auto& i : inputs) in.push_back({nullptr, i.data(), 0, i.size() * 4});
  for (auto& r : results) out.push_back({nullptr, r.data(), 0, r.size() * 4});
  std::vector<std::max_align_t> scratch(executable.scratch_bytes() / sizeof(std::max_align_t) + 1);
  motley_submission s{};
  s.struct_size = sizeof s;
  s.inputs = in.data();
  s.input_count = static_cast<uint32_t>(in.size());
  s.outputs = out.data();
  s.output_count = static_cast<uint32_t>(out.size());
  s.scratch = {nullptr, scratch.data(), 0, scratch.size() * sizeof(std::max_align_t)};
  struct NoClock {
    uint64_t operator()() const { return 0; }
  };
  executable.run(s, static_cast<NoClock*>(nullptr), [](auto&&...) {});
  return results;
}

TEST(Executable, ReshapeSharesMemory) {
  const Packed p({{{2, 3}}, {{2, 3}}, {{6}}, {{6}}},
                 {{Op::Unary, {0}, {1}}, {Op::Reshape, {1}, {2}}, {Op::Unary, {2}, {3}}}, {0}, {3});
  EXPECT_EQ(run(p, {{1, 2, 3, 4, 5, 6}}, {6})[0], (std::vector<float>{3, 4, 5, 6, 7, 8}));
}

TEST(Executable, ReshapeOfAnInputToAnOutputCopies) {
  const Packed p({{{2, 3}}, {{6}}}, {{Op::Reshape, {0}, {1}}}, {0}, {1});
  EXPECT_EQ(run(p, {{1, 2, 3, 4, 5, 6}}, {6})[0], (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Executable, ReshapeOfAConstantToAnOutputCopies) {
  const Packed p({{{2}, 0}, {{2, 1}}}, {{Op::Reshape, {0}, {1}}}, {}, {1}, {{7, 8}});
  EXPECT_EQ(run(p, {}, {2})[0], (std::vector<float>{7, 8}));
}

TEST(Executable, ATensorThatIsAnOutputInTwoShapes) {
  const Packed p({{{4}}, {{4}}, {{2, 2}}, {{4, 1}}},
                 {{Op::Unary, {0}, {1}}, {Op::Reshape, {1}, {2}}, {Op::Reshape, {1}, {3}}}, {0}, {1, 2, 3});
  const auto r = run(p, {{1, 2, 3, 4}}, {4, 4, 4});
  for (const auto& v : r) EXPECT_EQ(v, (std::vector<float>{2, 3, 4, 5}));
}

TEST(Executable, AChainOfAliasesOfAnInputThatIsReadAgain) {
  const Packed p({{{4}}, {{2, 2}}, {{4, 1}}, {{4, 1}}, {{4}}},
                 {{Op::Reshape, {0}, {1}}, {Op::Reshape, {1}, {2}}, {Op::Unary, {2}, {3}}, {Op::Unary, {0}, {4}}}, {0},
                 {3, 4});
  const auto r = run(p, {{1, 2, 3, 4}}, {4, 4});
  EXPECT_EQ(r[0], (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(r[1], r[0]);
}

TEST(Executable, RefusesTooLittleMemory) {
  const Packed p({{{4}}, {{4}}}, {{Op::Unary, {0}, {1}}}, {0}, {1});
  EXPECT_THROW(run(p, {{1, 2, 3, 4}}, {3}), StatusError);
  EXPECT_THROW(run(p, {{1, 2, 3}}, {4}), StatusError);
  EXPECT_THROW(run(p, {}, {4}), StatusError);
}

TEST(GraphView, RefusesWhatIsNoGraph) {
  const char bytes[64] = "nothing";
  EXPECT_THROW(GraphView(motley_graph{sizeof(motley_graph), 0, {bytes, sizeof bytes}, nullptr}), std::invalid_argument);
  const Packed bad_index({{{4}}}, {{Op::Unary, {0}, {9}}}, {0}, {0});
  EXPECT_THROW(GraphView(bad_index.graph()), std::invalid_argument);
  const Packed no_constant({{{4}, 3}}, {}, {}, {0});
  EXPECT_THROW(GraphView(no_constant.graph()), std::invalid_argument);
  const Packed short_constant({{{4}, 0}}, {}, {}, {0}, {{1, 2}});
  EXPECT_THROW(GraphView(short_constant.graph()), std::invalid_argument);
  const Packed unknown({{{-1}}}, {}, {0}, {0});
  EXPECT_THROW(GraphView(unknown.graph()), std::invalid_argument);
}

TEST(Config, ParsesAndRefuses) {
  const Config c("algorithm=im2col,mc=96");
  EXPECT_EQ(c.get("algorithm", "x"), "im2col");
  EXPECT_EQ(c.get("mc", int64_t{1}), 96);
  EXPECT_EQ(c.get("nc", int64_t{7}), 7);
  EXPECT_THROW(Config("nonsense"), StatusError);
}

}  // namespace
}  // namespace motley::sdk
