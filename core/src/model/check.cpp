// The rules that a module keeps from reading to execution, checked.
#include "model/check.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "graph/nested.hpp"
#include "model/op_attributes.hpp"

namespace motley::model {
namespace {

using graph::Graph;
using graph::Node;
using graph::Tensor;
using graph::TensorId;

class GraphChecker {
 public:
  GraphChecker(const Graph& graph, bool is_main, const Limits& limits, const std::string& what)
      : graph_(graph), is_main_(is_main), limits_(limits), what_(what), written_(graph.tensors.size(), false) {}

  void check() {
    for (const Tensor& tensor : graph_.tensors) check_tensor(tensor);
    check_inputs();
    mark_captured();
    for (const Node& node : graph_.nodes) check_node(node);
    check_outputs();
  }
  // Names that a nested graph takes from those around it.
  const std::vector<std::string_view>& captured() const { return captured_; }

 private:
  [[noreturn]] void fail(const char* format, std::initializer_list<base::Piece> values = {}) const {
    base::fail(ErrorCode::invalid_model, "% %: convert it again", {what_, base::text(format, values)});
  }
  [[noreturn]] void fail_limit(const char* format, std::initializer_list<base::Piece> values = {}) const {
    base::fail(ErrorCode::limit, "% %: raise the limit if the file is trusted", {what_, base::text(format, values)});
  }
  bool in_range(TensorId id) const { return id >= 0 && static_cast<size_t>(id) < graph_.tensors.size(); }

  void check_tensor(const Tensor& tensor) const {
    const std::string object = base::text("has tensor \"%\" ", {tensor.name});
    if (tensor.type > schema::DataType::MAX)
      fail("%of an unknown type (%)", {object, static_cast<uint64_t>(tensor.type)});
    if (tensor.shape && tensor.shape->size() > limits_.max_rank) {
      fail_limit("%of rank % (at most %)", {object, tensor.shape->size(), limits_.max_rank});
    }
    check_size(tensor, object);
    check_quantization(tensor, object);
  }

  void check_size(const Tensor& tensor, const std::string& object) const {
    uint64_t bytes = graph::element_bytes(tensor.type);
    bool known = tensor.shape.has_value(), empty = false;
    for (size_t i = 0; tensor.shape && i < tensor.shape->size(); ++i) {
      const graph::Dim& dim = (*tensor.shape)[i];
      known = known && dim.known();
      empty = empty || dim.value == 0;
    }
    // Unknown dimensions count as 1 and a type that is not known yet as a byte: those are checked when they are known.
    bytes = std::max<uint64_t>(bytes, 1);
    for (size_t i = 0; tensor.shape && i < tensor.shape->size(); ++i) {
      const uint64_t extent = static_cast<uint64_t>(std::max<int64_t>((*tensor.shape)[i].value, 1));
      if (extent > limits_.max_tensor_bytes / bytes)
        fail_limit("%of more than % bytes", {object, limits_.max_tensor_bytes});
      bytes *= extent;
    }
    if (!tensor.constant) return;
    if (!known || tensor.type == schema::DataType::undefined)
      fail("%with data but without a known type and shape", {object});
    if (tensor.constant->bytes != (empty ? 0 : bytes)) {
      fail("%with % bytes of data where its shape needs %", {object, tensor.constant->bytes, empty ? 0 : bytes});
    }
  }

  void check_quantization(const Tensor& tensor, const std::string& object) const {
    const graph::Quantization& q = tensor.quantization;
    if (!q.zero_points.empty() && q.zero_points.size() != q.scales.size()) {
      fail("%with % scales and % zero points", {object, q.scales.size(), q.zero_points.size()});
    }
    if (q.scales.size() <= 1 || !tensor.shape) return;
    if (q.axis < 0 || static_cast<size_t>(q.axis) >= tensor.shape->size())
      fail("%quantized along an axis it lacks (%)", {object, q.axis});
    const graph::Dim& dim = (*tensor.shape)[static_cast<size_t>(q.axis)];
    if (dim.known() && static_cast<uint64_t>(dim.value) != q.scales.size()) {
      fail("%with % scales for % channels", {object, q.scales.size(), static_cast<uint64_t>(dim.value)});
    }
  }

  void check_inputs() {
    std::set<std::string_view> names;
    for (TensorId id : graph_.inputs) {
      if (!in_range(id)) fail("has an input that is no tensor (%)", {id});
      const Tensor& tensor = graph_.tensor(id);
      if (tensor.name.empty()) fail("has an input without a name");
      if (tensor.constant) fail("has input \"%\" that is also a constant", {tensor.name});
      if (!names.insert(tensor.name).second) fail("has two inputs of one name (%)", {tensor.name});
      written_[static_cast<size_t>(id)] = true;
    }
    for (size_t i = 0; i < graph_.tensors.size(); ++i) {
      if (graph_.tensors[i].constant) written_[i] = true;
    }
  }

  // In a nested graph, a tensor that nothing in it makes comes from outside.
  void mark_captured() {
    if (is_main_) return;
    std::vector<bool> made = written_;
    for (const Node& node : graph_.nodes) {
      for (TensorId id : node.outputs) {
        if (in_range(id)) made[static_cast<size_t>(id)] = true;
      }
    }
    for (size_t i = 0; i < made.size(); ++i) {
      if (made[i]) continue;
      written_[i] = true;
      captured_.push_back(graph_.tensors[i].name);
    }
  }

  void check_node(const Node& node) {
    const std::string object = base::text("has node \"%\" (%) ", {node.name, schema::EnumNameOp(node.op)});
    const schema::Attributes kind = attributes_of(node.op);
    if (kind == schema::Attributes::NONE)
      fail("has node \"%\" with an unknown op (%)", {node.name, static_cast<uint64_t>(node.op)});
    if (node.attributes.type != kind || !node.attributes.value) {
      fail("%with attributes of another kind (%, needs %)",
           {object, schema::EnumNameAttributes(node.attributes.type), schema::EnumNameAttributes(kind)});
    }
    check_arity(node, object);
    for (TensorId id : node.inputs) {
      if (id != graph::kNone && !in_range(id)) fail("%with an input that is no tensor (%)", {object, id});
      if (id != graph::kNone && !written_[static_cast<size_t>(id)]) {
        fail("%that reads \"%\" before anything has written it", {object, graph_.tensor(id).name});
      }
    }
    for (TensorId id : node.outputs) {
      if (id == graph::kNone) continue;
      if (!in_range(id)) fail("%with an output that is no tensor (%)", {object, id});
      if (written_[static_cast<size_t>(id)])
        fail("%that writes \"%\", which is an input, a constant or written before", {object, graph_.tensor(id).name});
      written_[static_cast<size_t>(id)] = true;
    }
    if (const std::string reason = attributes_reason(graph_, node, limits_); !reason.empty())
      fail("%", {object + reason});
  }

  void check_arity(const Node& node, const std::string& object) const {
    const Arity arity = arity_of(node.op);
    const auto check = [&](const std::vector<TensorId>& ids, uint32_t least, uint32_t most, const char* kind) {
      bool there = ids.size() >= least && ids.size() <= most;
      for (uint32_t i = 0; there && i < least; ++i) there = ids[i] != graph::kNone;
      if (!there)
        fail("%with % %, or an absent one that it needs (at least %%)",
             {object, ids.size(), kind, least, (most == UINT32_MAX ? "" : base::text(", at most %", {most}))});
    };
    check(node.inputs, arity.min_inputs, arity.max_inputs, "inputs");
    check(node.outputs, arity.min_outputs, arity.max_outputs, "outputs");
  }

  void check_outputs() const {
    std::set<std::string_view> names;
    if (is_main_ && graph_.outputs.empty()) fail("has no output");
    for (TensorId id : graph_.outputs) {
      if (!in_range(id)) fail("has an output that is no tensor (%)", {id});
      const Tensor& tensor = graph_.tensor(id);
      if (tensor.name.empty()) fail("has an output without a name");
      if (!written_[static_cast<size_t>(id)]) fail("has output \"%\" that nothing writes", {tensor.name});
      // The body of a loop may give one tensor as two outputs.
      if (!names.insert(tensor.name).second && is_main_) fail("has two outputs of one name (%)", {tensor.name});
    }
  }

  const Graph& graph_;
  bool is_main_;
  const Limits& limits_;
  const std::string& what_;
  std::vector<bool> written_;
  std::vector<std::string_view> captured_;
};

// Nested graphs form a tree under graphs[0], so that walks over them end and visit each graph once.
class NestingChecker {
 public:
  NestingChecker(const graph::Module& module, const std::vector<std::vector<std::string_view>>& captured,
                 const Limits& limits, const std::string& what)
      : module_(module), captured_(captured), limits_(limits), what_(what), used_(module.graphs.size(), false) {}

  void visit(size_t index) {
    if (ancestors_.size() > limits_.max_nesting) {
      base::fail(ErrorCode::limit, "% has graphs nested more than % deep: raise the limit if the file is trusted",
                 {what_, limits_.max_nesting});
    }
    used_[index] = true;
    for (std::string_view name : captured_[index]) check_captured(name);
    std::set<std::string_view> names;
    bool named = false;
    for (const Node& node : module_.graphs[index].nodes) {
      for (int32_t child : graph::nested_graphs(node)) {
        check_reference(node, child);
        if (!named) {
          for (const Tensor& tensor : module_.graphs[index].tensors) names.insert(tensor.name);
          named = true;
        }
        ancestors_.push_back(&names);
        visit(static_cast<size_t>(child));
        ancestors_.pop_back();
      }
    }
  }

 private:
  void check_reference(const Node& node, int32_t child) const {
    const bool there = child > 0 && static_cast<size_t>(child) < module_.graphs.size();
    if (there && !used_[static_cast<size_t>(child)]) return;
    base::fail(ErrorCode::invalid_model, "% has node \"%\" with a nested graph that %%): convert it again",
               {what_, node.name, (there ? "another node uses too (" : "is not there ("), child});
  }
  void check_captured(std::string_view name) const {
    for (const auto* names : ancestors_) {
      if (!name.empty() && names->count(name) > 0) return;
    }
    base::fail(ErrorCode::invalid_model,
               "% has a nested graph that reads \"%\", which no graph around it has: convert it again", {what_, name});
  }

  const graph::Module& module_;
  const std::vector<std::vector<std::string_view>>& captured_;
  const Limits& limits_;
  const std::string& what_;
  std::vector<bool> used_;
  std::vector<const std::set<std::string_view>*> ancestors_;
};

}  // namespace

void check_module(const graph::Module& module, const Limits& limits, const std::string& what) {
  if (module.graphs.empty()) base::fail(ErrorCode::invalid_model, "% has no graph: convert it again", {what});
  std::vector<std::vector<std::string_view>> captured;
  for (size_t i = 0; i < module.graphs.size(); ++i) {
    GraphChecker checker(module.graphs[i], i == 0, limits, what);
    checker.check();
    captured.push_back(checker.captured());
  }
  NestingChecker(module, captured, limits, what).visit(0);
}

}  // namespace motley::model
