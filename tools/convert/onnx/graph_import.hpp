// From a checked message to the IR: names, order, nested graphs, local functions, and one handler call per node.
#pragma once

#include <onnx/onnx_pb.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "convert.hpp"
#include "onnx/constants.hpp"
#include "onnx/order.hpp"

namespace motley::convert {

// Where names are looked up: a graph, or one call of a local function. Function bodies see nothing outside.
struct Scope {
  Scope* outer = nullptr;  // the graph around a nested graph
  graph::Graph* graph = nullptr;
  std::map<std::string, int64_t, std::less<>> opsets;              // by domain
  std::unordered_map<std::string, graph::TensorId> names;          // kNone: an absent optional input of a function
  std::unordered_map<std::string, graph::TensorId> bound_outputs;  // of a function: tensors of the caller
  std::string prefix;                                              // of node and tensor names: "call/"
};

// What a sequence or an optional without a value is while importing. A tensor that no node writes stands for it; an
// optional that has a value is that value.
struct ListValue {
  std::vector<graph::TensorId> items;
  bool empty_optional = false;
};

class GraphImporter {
 public:
  GraphImporter(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                const ImportOptions& options);

  // The module before shape inference. Throws UnsupportedOps or Error.
  graph::Module run();

  // ---- for OpContext
  graph::Graph& graph() { return *scope_->graph; }
  graph::Graph& graph_at(int32_t index) { return graphs_[static_cast<size_t>(index)]; }
  ConstantReader& constants() { return constants_; }
  int32_t add_graph(graph::Graph graph) {
    graphs_.push_back(std::move(graph));
    return static_cast<int32_t>(graphs_.size() - 1);
  }
  std::string unique_tensor_name(const std::string& wanted);
  std::string unique_node_name(const std::string& wanted);
  void add_node(graph::Node node);
  // `what` names the node that the graph belongs to.
  int32_t import_nested(const onnx::GraphProto& proto, const std::string& what);
  // The nodes of a nested graph as part of the graph around it, its inputs bound to `inputs`; gives its outputs.
  std::vector<graph::TensorId> inline_graph(const onnx::GraphProto& proto, const std::vector<graph::TensorId>& inputs,
                                            const std::string& name, const std::string& what);
  // An Identity from `from` to `to`, unless they are the same.
  void connect(graph::TensorId from, graph::TensorId to, const std::string& name);
  // Tensors of the graph that is being imported whose ONNX type is INT4 or UINT4; moving elements keeps that.
  bool is_four_bit(graph::TensorId id) const { return four_bit_.contains({scope_->graph, id}); }
  void set_four_bit(graph::TensorId id) { four_bit_.insert({scope_->graph, id}); }
  // Constants, and what is the same elements in other places, whose ONNX type is an 8-bit floating-point one.
  bool is_float8(graph::TensorId id) const { return float8_.contains({scope_->graph, id}); }
  void set_float8(graph::TensorId id) { float8_.insert({scope_->graph, id}); }
  // Of the graph being imported; null for a tensor.
  const ListValue* list_value(graph::TensorId id) const;
  void set_list_value(graph::TensorId id, ListValue value);
  // The tensor as a constant, where it follows from constants and shapes alone.
  std::optional<graph::Tensor> fold(graph::TensorId id);

 private:
  // What borrowed constants point into.
  struct Storage {
    std::shared_ptr<const onnx::ModelProto> model;
    std::deque<onnx::NodeProto> nodes;  // of function bodies, their attribute references filled in
  };

  void import_graph(const onnx::GraphProto& proto, Scope& scope);
  void import_inputs(const onnx::GraphProto& proto, Scope& scope);
  void import_initializers(const onnx::GraphProto& proto, Scope& scope);
  void import_outputs(const onnx::GraphProto& proto, Scope& scope);
  void import_nodes(const NodeList& nodes, Scope& scope);
  void import_node(const onnx::NodeProto& proto, int index, Scope& scope);
  void call_function(const onnx::FunctionProto& function, const onnx::NodeProto& call, const std::string& name,
                     const std::vector<graph::TensorId>& inputs, const std::vector<graph::TensorId>& outputs);
  void apply_rule(const onnx::NodeProto& proto, const std::string& name, int64_t version,
                  std::vector<graph::TensorId> inputs, std::vector<graph::TensorId> outputs);
  void apply_input_options(graph::Tensor& tensor);

  std::optional<graph::TensorId> look_up(const std::string& name, Scope& scope);
  graph::TensorId captured(graph::TensorId outer, const graph::Graph& from, graph::Graph& to);
  graph::TensorId declare(const std::string& name, Scope& scope, const std::string& what);
  graph::Tensor read_value_info(const onnx::ValueInfoProto& proto, bool must_have_type);
  void report(const onnx::NodeProto& proto, int64_t version, const std::string& name, const std::string& reason);
  void count_node();

  std::shared_ptr<Storage> storage_;
  const ImportOptions& options_;
  ConstantReader constants_;
  std::deque<graph::Graph> graphs_;  // a deque: references stay valid while nested graphs are added
  Scope* scope_ = nullptr;           // the one being imported
  // By domain, name and overload.
  std::map<std::tuple<std::string, std::string, std::string>, const onnx::FunctionProto*> functions_;
  std::unordered_set<std::string> tensor_names_, node_names_, reserved_names_;
  std::unordered_map<std::string, uint64_t> next_suffix_;
  std::unordered_map<const graph::Graph*, std::unordered_map<graph::TensorId, size_t>> producers_;  // tensor → node
  std::set<std::pair<const graph::Graph*, graph::TensorId>> four_bit_, float8_;
  std::map<std::pair<const graph::Graph*, graph::TensorId>, ListValue> lists_;
  std::vector<UnsupportedOp> unsupported_;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> reported_;  // domain, op, reason → entry
  static constexpr uint64_t kMaxInlinedNodes = 100'000;
  uint64_t node_count_ = 0, inlined_nodes_ = 0, fold_work_ = 0, copied_bytes_ = 0, list_items_ = 0;
  uint32_t inlining_ = 0;
  uint32_t depth_ = 0;
};

// The nodes of a function's body as one call makes them: attribute references filled from the call's attributes.
onnx::NodeProto bind_attributes(const onnx::NodeProto& node, const onnx::FunctionProto& function,
                                const onnx::NodeProto& call);

}  // namespace motley::convert
