// Each rule of check_module(), broken once.
#include "model/check.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "model_samples.hpp"

namespace motley::model {
namespace {

using graph::Dim;
using graph::Dims;
using graph::Graph;
using graph::Module;
using schema::DataType;
using schema::Op;

std::string reason(const Module& module, ErrorCode code = ErrorCode::invalid_model, const Limits& limits = {}) {
  try {
    check_module(module, limits, "the model");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).rfind("the model has ", 0), 0u) << error.what();
    return error.what();
  }
  return "";
}

TEST(CheckModule, AcceptsGoodModules) {
  EXPECT_EQ(reason(small_module()), "");
  EXPECT_EQ(reason(module_of_every_op()), "");
}

TEST(CheckModule, FindsEachBrokenRule) {
  const struct {
    const char* expected;  // part of the message
    std::function<void(Module&, Graph&)> damage;
  } cases[] = {
      {"no graph", [](Module& m, Graph&) { m.graphs.clear(); }},
      {"input that is no tensor (-1)", [](Module&, Graph& g) { g.inputs.push_back(-1); }},
      {"input that is no tensor (7)", [](Module&, Graph& g) { g.inputs.push_back(7); }},
      {"input \"w\" that is also a constant", [](Module&, Graph& g) { g.inputs.push_back(1); }},
      {"two inputs of one name", [](Module&, Graph& g) { g.inputs.push_back(0); }},
      {"input without a name", [](Module&, Graph& g) { g.tensors[0].name.clear(); }},
      {"output that is no tensor", [](Module&, Graph& g) { g.outputs.push_back(1 << 30); }},
      {"two outputs of one name", [](Module&, Graph& g) { g.outputs.push_back(5); }},
      {"no output", [](Module&, Graph& g) { g.outputs.clear(); }},
      {"that nothing writes", [](Module&, Graph& g) { g.nodes.pop_back(); }},
      {"before anything has written it", [](Module&, Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }},
      {"written before", [](Module&, Graph& g) { g.nodes[1].outputs[0] = 4; }},
      {"is an input, a constant or written before", [](Module&, Graph& g) { g.nodes[0].outputs[0] = 1; }},
      {"with an input that is no tensor (-2)", [](Module&, Graph& g) { g.nodes[0].inputs[2] = -2; }},
      {"with an output that is no tensor", [](Module&, Graph& g) { g.nodes[0].outputs[0] = 100; }},
      {"with 0 inputs", [](Module&, Graph& g) { g.nodes[1].inputs.clear(); }},
      {"with 2 inputs", [](Module&, Graph& g) { g.nodes[1].inputs.push_back(0); }},
      {"absent one that it needs", [](Module&, Graph& g) { g.nodes[1].inputs[0] = -1; }},
      {"unknown op (77)", [](Module&, Graph& g) { g.nodes[1].op = static_cast<Op>(77); }},
      {"attributes of another kind", [](Module&, Graph& g) { g.nodes[1].op = Op::Cast; }},
      {"attributes of another kind", [](Module&, Graph& g) { g.nodes[1].attributes.Reset(); }},
      {"unknown type (14)", [](Module&, Graph& g) { g.tensors[4].type = static_cast<DataType>(14); }},
      {"bytes of data where its shape needs 24", [](Module&, Graph& g) { g.tensors[1].constant->bytes = 20; }},
      {"without a known type and shape",
       [](Module&, Graph& g) {
         g.tensors[1].shape = Dims{Dim(6), Dim()};
       }},
      {"without a known type and shape", [](Module&, Graph& g) { g.tensors[1].type = DataType::undefined; }},
      {"2 scales and 1 zero points", [](Module&, Graph& g) { g.tensors[1].quantization.zero_points.pop_back(); }},
      {"along an axis it lacks (2)", [](Module&, Graph& g) { g.tensors[1].quantization.axis = 2; }},
      {"2 scales for 3 channels", [](Module&, Graph& g) { g.tensors[1].quantization.axis = 0; }},
      {"unknown enum value (200)",
       [](Module&, Graph& g) {
         g.nodes[1].attributes.AsUnaryAttributes()->function = static_cast<schema::UnaryFunction>(200);
       }},
      {"unknown enum value (99)",
       [](Module&, Graph& g) {
         g.nodes[0].attributes.AsMatMulAttributes()->activation =
             schema::Activation(0, 0, static_cast<schema::UnaryFunction>(99));
       }},
  };
  for (const auto& c : cases) {
    Module module = small_module();
    c.damage(module, module.graphs[0]);
    EXPECT_NE(reason(module).find(c.expected), std::string::npos)
        << "expected: " << c.expected << "\nfound: " << reason(module);
  }
}

TEST(CheckModule, KeepsToTheLimits) {
  Module module = small_module();
  module.main().tensors[4].shape = Dims{Dim(INT64_MAX), Dim(INT64_MAX)};
  EXPECT_NE(reason(module, ErrorCode::limit).find("bytes"), std::string::npos);
  module.main().tensors[4].shape = Dims{Dim(0), Dim(INT64_MAX), Dim(INT64_MAX)};
  EXPECT_NE(reason(module, ErrorCode::limit), "") << "an unknown dimension beside a 0 may not hide an overflow";
  Limits limits;
  limits.max_tensor_bytes = 20;
  EXPECT_NE(reason(small_module(), ErrorCode::limit, limits), "");
  limits = {};
  limits.max_rank = 1;
  EXPECT_NE(reason(small_module(), ErrorCode::limit, limits), "");
}

// graphs[i] holds an If whose branches are the next two graphs; `depth` levels.
Module nested(size_t depth) {
  Module module = small_module();
  for (size_t level = 0; level < depth; ++level) {
    schema::IfAttributesT attributes;
    attributes.then_graph = static_cast<int32_t>(module.graphs.size());
    attributes.else_graph = attributes.then_graph + 1;
    Graph& parent = module.graphs[level == 0 ? 0 : module.graphs.size() - 2];
    graph::Tensor condition, result;
    condition.name = "x";
    result.name = "result";
    const auto c = level == 0 ? 0 : parent.add_tensor(condition);
    const auto r = parent.add_tensor(result);
    parent.add_node("if", Op::If, {c}, {r}, attributes);
    module.graphs.resize(module.graphs.size() + 2);
  }
  return module;
}

TEST(CheckModule, NestedGraphsFormATree) {
  EXPECT_EQ(reason(nested(3)), "");
  EXPECT_EQ(reason(nested(64)), "");
  EXPECT_NE(reason(nested(65), ErrorCode::limit).find("nested more than 64 deep"), std::string::npos);
  const auto with_else = [](int32_t graph) {
    Module module = nested(2);
    module.graphs[0].nodes.back().attributes.AsIfAttributes()->else_graph = graph;
    return reason(module);
  };
  EXPECT_NE(with_else(0).find("not there (0)"), std::string::npos) << "the main graph inside itself";
  EXPECT_NE(with_else(-1).find("not there (-1)"), std::string::npos);
  EXPECT_NE(with_else(50).find("not there (50)"), std::string::npos);
  EXPECT_NE(with_else(1).find("another node uses too (1)"), std::string::npos);
  Module module = nested(2);
  module.graphs[1].nodes.back().attributes.AsIfAttributes()->then_graph = 1;
  EXPECT_NE(reason(module), "") << "a graph inside itself";
}

TEST(CheckModule, CapturedTensorsAreThere) {
  Module module = module_of_every_op();
  module.graphs[1].tensors[0].name = "elsewhere";
  EXPECT_NE(reason(module).find("reads \"elsewhere\""), std::string::npos);
}

TEST(CheckModule, RegionsStayInsideTheirTensors) {
  const auto with = [](const std::function<void(schema::RegionT&, schema::StridedCopyAttributesT&)>& change) {
    Module module = module_of_every_op();
    for (graph::Node& node : module.main().nodes) {
      if (node.op != Op::StridedCopy) continue;
      auto& attributes = *node.attributes.AsStridedCopyAttributes();
      change(*attributes.regions[0], attributes);
    }
    return reason(module);
  };
  EXPECT_EQ(with([](auto& r, auto&) { r.extents = {0, INT64_MAX}; }), "") << "an empty region touches nothing";
  for (const auto& change :
       std::initializer_list<std::function<void(schema::RegionT&, schema::StridedCopyAttributesT&)>>{
           [](auto&r, auto&) { r.src_offset = 5; },
           [](auto&r, auto&) { r.src_offset = 3; },
           [](auto&r, auto&) { r.src_offset = INT64_MAX; },
           [](auto&r, auto&) { r.dst_offset = -1; },
           [](auto&r, auto&) {
             r.dst_strides = {1, INT64_MAX};
           },
           [](auto&r, auto&) {
             r.dst_strides = {INT64_MAX, INT64_MAX};
           },
           [](auto&r, auto&) {
             r.extents = {INT64_MAX, 2};
           },
           [](auto&r, auto&) {
             r.src_strides = {INT64_MIN, 1};
           },
           [](auto&r, auto&) {
             r.extents = {3, -1};
           },
           [](auto&r, auto&) { r.extents = {3}; },
           [](auto&r, auto&) { r.input = 1; },
           [](auto&r, auto&) { r.input = 9; },
           [](auto&r, auto&) { r.input = -1; },
           [](auto&, auto&a) { a.fill.pop_back(); },
       }) {
    EXPECT_NE(with(change).find("(StridedCopy)"), std::string::npos) << with(change);
  }
}

TEST(CheckModule, EveryOpHasAttributesAndAnArity) {
  for (Op op : schema::EnumValuesOp()) {
    EXPECT_NE(attributes_of(op), schema::Attributes::NONE) << schema::EnumNameOp(op);
    EXPECT_LE(arity_of(op).min_inputs, arity_of(op).max_inputs);
    EXPECT_GE(arity_of(op).max_outputs, 1u) << schema::EnumNameOp(op);
  }
  EXPECT_EQ(attributes_of(static_cast<Op>(999)), schema::Attributes::NONE);
}

}  // namespace
}  // namespace motley::model
