// Local functions: bodies as one call makes them.
#include <algorithm>

#include "onnx/graph_import.hpp"
#include "onnx/rules.hpp"

namespace motley::convert {
namespace {

// FunctionProto.attribute_proto: defaults of attributes. The field is younger than the installed onnx.proto, so it
// arrives among the unknown ones.
constexpr int kAttributeProtoField = 11;

std::vector<onnx::AttributeProto> defaults_of(const onnx::FunctionProto& function) {
  std::vector<onnx::AttributeProto> defaults;
  const google::protobuf::UnknownFieldSet& unknown = function.unknown_fields();
  for (int i = 0; i < unknown.field_count(); ++i) {
    const google::protobuf::UnknownField& field = unknown.field(i);
    if (field.number() != kAttributeProtoField || field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      continue;
    onnx::AttributeProto attribute;
    if (attribute.ParseFromString(field.length_delimited())) defaults.push_back(std::move(attribute));
  }
  return defaults;
}

struct Bindings {
  const onnx::NodeProto& call;
  std::vector<onnx::AttributeProto> defaults;

  const onnx::AttributeProto* find(const std::string& name) const {
    for (const auto& attribute : call.attribute())
      if (attribute.name() == name) return &attribute;
    for (const auto& attribute : defaults)
      if (attribute.name() == name) return &attribute;
    return nullptr;
  }
};

void bind(onnx::NodeProto& node, const Bindings& bindings);

void bind(onnx::GraphProto& graph, const Bindings& bindings) {
  for (auto& node : *graph.mutable_node()) bind(node, bindings);
}

// A reference to an attribute that the call does not give makes the attribute absent.
void bind(onnx::NodeProto& node, const Bindings& bindings) {
  google::protobuf::RepeatedPtrField<onnx::AttributeProto> bound;
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.ref_attr_name().empty()) {
      if (attribute.has_g()) bind(*attribute.mutable_g(), bindings);
      for (auto& graph : *attribute.mutable_graphs()) bind(graph, bindings);
      *bound.Add() = std::move(attribute);
    } else if (const onnx::AttributeProto* value = bindings.find(attribute.ref_attr_name())) {
      onnx::AttributeProto* copy = bound.Add();
      *copy = *value;
      copy->set_name(attribute.name());
    }
  }
  node.mutable_attribute()->Swap(&bound);
}

bool has_references(const onnx::NodeProto& node) {
  const auto in_graph = [](const onnx::GraphProto& graph) {
    return std::any_of(graph.node().begin(), graph.node().end(), has_references);
  };
  return std::any_of(node.attribute().begin(), node.attribute().end(), [&](const onnx::AttributeProto& a) {
    return !a.ref_attr_name().empty() || (a.has_g() && in_graph(a.g())) ||
           std::any_of(a.graphs().begin(), a.graphs().end(), in_graph);
  });
}

}  // namespace

onnx::NodeProto bind_attributes(const onnx::NodeProto& node, const onnx::FunctionProto& function,
                                const onnx::NodeProto& call) {
  onnx::NodeProto copy = node;
  bind(copy, Bindings{call, defaults_of(function)});
  return copy;
}

void GraphImporter::call_function(const onnx::FunctionProto& function, const onnx::NodeProto& call,
                                  const std::string& name, const std::vector<graph::TensorId>& inputs,
                                  const std::vector<graph::TensorId>& outputs) {
  const auto invalid = [&](const std::string& why) {
    throw Error(ErrorCode::invalid_model, "node \"" + name + "\" (" + call.op_type() + ") " + why);
  };
  if (inputs.size() > static_cast<size_t>(function.input_size()) ||
      outputs.size() > static_cast<size_t>(function.output_size()))
    invalid("has more inputs or outputs than the model's function of that name");
  if (++depth_ > options_.limits.max_nesting)
    throw Error(ErrorCode::limit, "node \"" + name + "\" (" + call.op_type() +
                                      ") calls functions nested deeper than the limit (" +
                                      std::to_string(options_.limits.max_nesting) + ")");

  Scope scope;
  scope.graph = scope_->graph;
  scope.prefix = name + "/";
  scope.opsets = scope_->opsets;
  for (const auto& opset : function.opset_import())
    scope.opsets[std::string(plain_domain(opset.domain()))] = opset.version();
  for (int i = 0; i < function.input_size(); ++i)
    scope.names[function.input(i)] =
        static_cast<size_t>(i) < inputs.size() ? inputs[static_cast<size_t>(i)] : graph::kNone;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] != graph::kNone) scope.bound_outputs[function.output(static_cast<int>(i))] = outputs[i];

  Scope* const caller = scope_;
  scope_ = &scope;
  for (int i : topological_order(function.node())) {
    const onnx::NodeProto& node = function.node(i);
    if (!has_references(node)) {
      import_node(node, i, scope);
      continue;
    }
    // Kept as long as constants may point into it. A file must not grow without end by copies of its bodies.
    constexpr uint64_t kMaxCopied = 64u << 20;
    storage_->nodes.push_back(bind_attributes(node, function, call));
    if ((copied_bytes_ += storage_->nodes.back().ByteSizeLong()) > kMaxCopied)
      throw Error(ErrorCode::limit,
                  "the model's functions, expanded, come to more than " + std::to_string(kMaxCopied) + " bytes");
    import_node(storage_->nodes.back(), i, scope);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == graph::kNone) continue;
    const std::string& inner = function.output(static_cast<int>(i));
    const auto produced = scope.names.find(inner);
    if (produced == scope.names.end() || produced->second == graph::kNone)
      invalid("calls a function that never produces its output \"" + inner + "\"");
    connect(produced->second, outputs[i], name);
  }
  scope_ = caller;
  --depth_;
}

}  // namespace motley::convert
