// How shapes, types and ops are written in messages and reports.
#include "base/text.hpp"
#include "graph/graph.hpp"

namespace motley::graph {

std::string to_string(const std::optional<Dims>& shape) {
  if (!shape) return "unknown rank";
  if (shape->empty()) return "scalar";
  std::string text;
  for (const Dim& dim : *shape) {
    if (!text.empty()) text += 'x';
    if (dim.known()) text += std::to_string(dim.value);
    else text += dim.symbol.empty() ? "?" : dim.symbol.text();
  }
  return text;
}

const char* to_string(DataType type) {
  switch (type) {
    case DataType::undefined: return "undefined";
    case DataType::float32: return "float32";
    case DataType::float16: return "float16";
    case DataType::bfloat16: return "bfloat16";
    case DataType::float64: return "float64";
    case DataType::int8: return "int8";
    case DataType::uint8: return "uint8";
    case DataType::int16: return "int16";
    case DataType::uint16: return "uint16";
    case DataType::int32: return "int32";
    case DataType::uint32: return "uint32";
    case DataType::int64: return "int64";
    case DataType::uint64: return "uint64";
    case DataType::bool_: return "bool";
  }
  return "unknown type";
}

namespace {

// The schema's name of a function, less the underscore that keeps it from being a C++ keyword.
std::string plain(const char* name) {
  std::string text = name;
  if (!text.empty() && text.back() == '_') text.pop_back();
  return text;
}

// The function of ops that have one; "" for others. A node with attributes of the wrong kind is described without.
std::string function_name(const Node& node) {
  const schema::AttributesUnion& a = node.attributes;
  if (const auto* unary = a.AsUnaryAttributes()) return plain(schema::EnumNameUnaryFunction(unary->function));
  if (const auto* binary = a.AsBinaryAttributes()) return plain(schema::EnumNameBinaryFunction(binary->function));
  if (const auto* compare = a.AsCompareAttributes()) return plain(schema::EnumNameCompareFunction(compare->function));
  if (const auto* logical = a.AsLogicalAttributes()) return plain(schema::EnumNameLogicalFunction(logical->function));
  if (const auto* reduce = a.AsReduceAttributes()) return plain(schema::EnumNameReduceFunction(reduce->function));
  if (const auto* pool = a.AsPoolAttributes()) return plain(schema::EnumNamePoolFunction(pool->function));
  if (const auto* pool = a.AsGlobalPoolAttributes()) return plain(schema::EnumNamePoolFunction(pool->function));
  if (const auto* softmax = a.AsSoftmaxAttributes()) return plain(schema::EnumNameSoftmaxFunction(softmax->function));
  if (const auto* variadic = a.AsVariadicAttributes())
    return plain(schema::EnumNameVariadicFunction(variadic->function));
  if (const auto* arg = a.AsArgReduceAttributes()) return arg->take_max ? "max" : "min";
  return {};
}

}  // namespace

std::string describe_op(const Node& node) {
  std::string text = schema::EnumNameOp(node.op);
  if (text.empty()) text = base::text("op %", {static_cast<unsigned>(node.op)});
  const std::string function = function_name(node);
  return function.empty() ? text : text + '(' + function + ')';
}

void throw_wrong_attributes(const Node& node) {
  base::fail(ErrorCode::internal, "node \"%\" (%) carries attributes of another op (%)",
             {node.name, describe_op(node), schema::EnumNameAttributes(node.attributes.type)});
}

}  // namespace motley::graph
