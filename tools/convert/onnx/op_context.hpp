// What a handler sees of one node: its inputs and attributes, and the IR it adds to.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph.hpp"
#include "onnx/rules.hpp"

namespace motley::convert {

using graph::DataType;
using graph::kNone;
using graph::Op;
using graph::TensorId;

class GraphImporter;

// Thrown by OpContext::unsupported(): the import goes on, and reports all of them at the end.
struct Unsupported {
  std::string reason;
};

class OpContext {
 public:
  OpContext(GraphImporter& importer, const onnx::NodeProto& proto, const OpRule& rule, int64_t version,
            std::string name, std::vector<TensorId> inputs, std::vector<TensorId> outputs);

  const OpRule& rule() const { return rule_; }
  int64_t version() const { return version_; }
  const std::string& name() const { return name_; }

  // ---- inputs and outputs; kNone where absent
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  TensorId in(size_t i) const { return i < inputs_.size() ? inputs_[i] : kNone; }
  TensorId out(size_t i) const { return i < outputs_.size() ? outputs_[i] : kNone; }
  // Input i, which must be there. Throws Error(invalid_model).
  TensorId required(size_t i) const;
  const std::vector<TensorId>& inputs() const { return inputs_; }
  const std::vector<TensorId>& outputs() const { return outputs_; }
  // Inputs `first` on, trailing absent ones dropped; a constant without elements counts as absent in those listed.
  std::vector<TensorId> inputs_without_empty(std::initializer_list<size_t> droppable) const;

  // What is known at this point. Types and ranks come from inference alongside the import.
  DataType type(TensorId id) const;
  std::optional<size_t> rank(TensorId id) const;
  // Of ONNX's type INT4 or UINT4: bytes here, whose values that type has.
  bool is_four_bit(TensorId id) const;
  void set_four_bit(TensorId id);
  bool is_float8(TensorId id) const;
  const std::optional<graph::Dims>& shape(TensorId id) const;
  // The values of an int32 or int64 constant; nothing for other tensors.
  std::optional<std::vector<int64_t>> constant_ints(TensorId id) const;
  // The value of a bool constant of one element.
  std::optional<bool> constant_bool(TensorId id) const;
  bool is_constant_false(TensorId id) const { return constant_bool(id) == false; }
  // The values of a floating-point constant.
  std::optional<std::vector<float>> constant_floats(TensorId id) const;
  // The bytes of a constant of any type.
  std::optional<std::vector<uint8_t>> constant_bytes(TensorId id) const;

  // ---- sequences and optionals, which exist while importing only
  // The tensors of a sequence; null for what is none.
  const std::vector<TensorId>* sequence(TensorId id) const;
  bool is_empty_optional(TensorId id) const;
  void set_sequence(TensorId id, std::vector<TensorId> items);
  void set_empty_optional(TensorId id);

  // ---- attributes. Throw Error(invalid_model) where the attribute has another kind, or a required one is missing.
  bool has(const char* name);
  int64_t integer(const char* name);
  int64_t integer(const char* name, int64_t otherwise);
  bool flag(const char* name, bool otherwise) { return integer(name, otherwise ? 1 : 0) != 0; }
  float number(const char* name, float otherwise);
  std::string text(const char* name, const char* otherwise);
  std::vector<int64_t> integers(const char* name);
  std::vector<float> numbers(const char* name);
  std::vector<std::string> texts(const char* name);
  const onnx::TensorProto* tensor(const char* name);
  const onnx::GraphProto& graph_attribute(const char* name);
  // An attribute that changes nothing here.
  void ignore(const char* name) { used_.insert(name); }
  // One of a list of words. Another word makes the node unsupported.
  template <class Value>
  Value choice(const char* name, const char* otherwise, std::initializer_list<std::pair<const char*, Value>> words) {
    const std::string word = text(name, otherwise);
    for (const auto& [known, value] : words)
      if (word == known) return value;
    unsupported("attribute " + std::string(name) + " = \"" + word + "\"");
  }

  // ---- what goes out
  // A node that writes this node's outputs.
  template <class Attributes>
  void emit(Op op, std::vector<TensorId> in, std::vector<TensorId> out, Attributes attributes) {
    add(name_, op, std::move(in), std::move(out), wrap(std::move(attributes)));
  }
  template <class Attributes>
  void emit(Op op, std::vector<TensorId> in, Attributes attributes) {
    emit(op, std::move(in), {out(0)}, std::move(attributes));
  }
  // A node in between; its name and its output's end in `suffix`.
  template <class Attributes>
  TensorId temp(const std::string& suffix, Op op, std::vector<TensorId> in, Attributes attributes) {
    const TensorId result = new_tensor(suffix);
    add(name_ + "/" + suffix, op, std::move(in), {result}, wrap(std::move(attributes)));
    return result;
  }
  // The same with several outputs; the tensors' names end in numbers.
  template <class Attributes>
  std::vector<TensorId> temps(const std::string& suffix, size_t count, Op op, std::vector<TensorId> in,
                              Attributes attributes) {
    std::vector<TensorId> results;
    for (size_t i = 0; i < count; ++i) results.push_back(new_tensor(suffix + std::to_string(i)));
    add(name_ + "/" + suffix, op, std::move(in), results, wrap(std::move(attributes)));
    return results;
  }
  TensorId ints(const std::string& suffix, const std::vector<int64_t>& values);
  TensorId floats(const std::string& suffix, const std::vector<float>& values);
  TensorId scalar(const std::string& suffix, DataType type, double value);
  // Numbers as a constant of a floating-point type.
  TensorId table(const std::string& suffix, DataType type, const std::vector<int64_t>& extents,
                 const std::vector<float>& values);
  // A tensor that a node of several outputs is to write.
  TensorId declare(const std::string& suffix) { return new_tensor(suffix); }
  // The tensor in another type; itself where it has it.
  TensorId cast(const std::string& suffix, TensorId id, DataType to);
  // Makes an output a constant.
  void set_constant(TensorId id, DataType type, std::vector<int64_t> extents, graph::Constant value);
  void set_constant(TensorId id, const onnx::TensorProto& proto);
  // Imports a nested graph; its index in the module.
  int32_t nested(const char* attribute);
  // A graph of one node that has graph `body` as its own, with inputs and outputs of the same types; its index.
  template <class Attributes>
  int32_t graph_around(int32_t body, const std::string& suffix, Op op, Attributes attributes) {
    return add_graph_around(body, suffix, op, wrap(std::move(attributes)));
  }
  // The nodes of a nested graph in the place of this node, named with `suffix`; gives the graph's outputs.
  std::vector<TensorId> inline_graph(const char* attribute, const std::vector<TensorId>& inputs,
                                     const std::string& suffix = "");
  // Makes an output a copy of a tensor.
  void connect(TensorId from, TensorId to);
  // Values of a tensor that follows from constants and shapes alone.
  std::optional<std::vector<int64_t>> folded_ints(TensorId id);
  std::optional<bool> folded_bool(TensorId id);
  std::optional<std::vector<float>> folded_floats(TensorId id);

  [[noreturn]] void unsupported(std::string reason) const { throw Unsupported{std::move(reason)}; }
  // Error(invalid_model): "node "x" (Op) " + why.
  [[noreturn]] void invalid(const std::string& why) const;
  // Unsupported, where the node has an attribute that no call above asked for.
  void check_attributes_used() const;
  std::string describe() const;

 private:
  template <class Attributes>
  static graph::AttributesUnion wrap(Attributes attributes) {
    graph::AttributesUnion result;
    result.Set(std::move(attributes));
    return result;
  }
  void add(const std::string& name, Op op, std::vector<TensorId> in, std::vector<TensorId> out,
           graph::AttributesUnion attributes);
  int32_t add_graph_around(int32_t body, const std::string& suffix, Op op, graph::AttributesUnion attributes);
  TensorId new_tensor(const std::string& suffix);
  const onnx::AttributeProto* find(const char* name, onnx::AttributeProto::AttributeType type);
  const graph::Tensor& tensor_of(TensorId id) const;

  GraphImporter& importer_;
  const onnx::NodeProto& proto_;
  const OpRule& rule_;
  int64_t version_;
  std::string name_;
  std::vector<TensorId> inputs_, outputs_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace motley::convert
