// Typed, read-only views over the graph that a host passes: tensors with concrete shapes, nodes, attributes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "motley/plugin.h"
#include "motley/schema/model_generated.h"

namespace motley::sdk {

using schema::DataType;
using schema::Op;

inline constexpr int kMaxRank = 8;

// Bytes of one element; 0 for DataType::undefined.
constexpr size_t element_bytes(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::int32:
    case DataType::uint32: return 4;
    case DataType::float16:
    case DataType::bfloat16:
    case DataType::int16:
    case DataType::uint16: return 2;
    case DataType::float64:
    case DataType::int64:
    case DataType::uint64: return 8;
    case DataType::int8:
    case DataType::uint8:
    case DataType::bool_: return 1;
    default: return 0;
  }
}

// Up to kMaxRank dimensions by value, without allocation.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims) {
    if (dims.size() > kMaxRank)
      throw std::invalid_argument("tensor of rank " + std::to_string(dims.size()) + " (at most 8)");
    rank_ = static_cast<int>(dims.size());
    std::copy(dims.begin(), dims.end(), dims_.begin());
  }

  int rank() const { return rank_; }
  size_t size() const { return static_cast<size_t>(rank_); }
  int64_t operator[](size_t i) const { return dims_[i]; }
  int64_t& operator[](size_t i) { return dims_[i]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  void push_back(int64_t dim) {
    if (rank_ == kMaxRank) throw std::invalid_argument("tensor of more than 8 dimensions");
    dims_[static_cast<size_t>(rank_++)] = dim;
  }
  // Product of all dimensions; 1 for a scalar.
  int64_t elements() const { return elements(0, rank_); }
  // Product of dimensions first to last - 1.
  int64_t elements(int first, int last) const {
    int64_t n = 1;
    for (int i = first; i < last; ++i) n *= dims_[static_cast<size_t>(i)];
    return n;
  }
  bool operator==(const Shape& other) const {
    return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
  }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

struct TensorView {
  const schema::Tensor* raw = nullptr;  // name, quantization, layout
  DataType type = DataType::undefined;
  Shape shape;
  const void* constant = nullptr;  // row-major elements of a constant, valid as long as the executable; else null
  int32_t index = -1;              // in the graph

  int64_t elements() const { return shape.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * element_bytes(type); }
  bool is_constant() const { return constant != nullptr; }
  template <class T>
  std::span<const T> constant_as() const {
    return {static_cast<const T*>(constant), static_cast<size_t>(elements())};
  }
};

class GraphView;

// One node. Cheap to copy; lives as long as its GraphView.
class NodeView {
 public:
  NodeView(const GraphView& graph, uint32_t index);

  uint32_t index() const { return index_; }
  Op op() const { return raw_->op(); }
  std::string_view name() const { return raw_->name() ? raw_->name()->string_view() : std::string_view(); }
  size_t input_count() const { return raw_->inputs() ? raw_->inputs()->size() : 0; }
  size_t output_count() const { return raw_->outputs() ? raw_->outputs()->size() : 0; }
  // Null where the input or output is absent or i is past the end.
  const TensorView* input(size_t i) const;
  const TensorView* output(size_t i) const;
  // Throws std::invalid_argument where the node carries another kind of attributes.
  template <class Table>
  const Table& attributes() const {
    const Table* table = raw_->attributes_as<Table>();
    if (!table)
      throw std::invalid_argument("node " + std::string(name()) + " has no attributes of the kind its op needs");
    return *table;
  }
  const schema::Node& raw() const { return *raw_; }
  const GraphView& graph() const { return *graph_; }

 private:
  const GraphView* graph_;
  const schema::Node* raw_;
  uint32_t index_;
};

// A verified graph. Throws std::invalid_argument where the FlatBuffer or an index in it is bad, or a shape is unknown.
class GraphView {
 public:
  explicit GraphView(const motley_graph& graph) {
    const auto* data = static_cast<const uint8_t*>(graph.model.data);
    flatbuffers::Verifier verifier(data, graph.model.size, 64, 8'000'000);
    if (!schema::VerifyModelBuffer(verifier))
      throw std::invalid_argument("the graph is not a valid FlatBuffer of model.fbs");
    const schema::Model* model = schema::GetModel(data);
    if (!model->graphs() || model->graphs()->size() == 0) throw std::invalid_argument("the model has no graph");
    raw_ = model->graphs()->Get(0);
    read_tensors(graph);
    check_nodes();
  }
  GraphView(const GraphView&) = delete;
  GraphView& operator=(const GraphView&) = delete;

  uint32_t node_count() const { return raw_->nodes() ? raw_->nodes()->size() : 0; }
  NodeView node(uint32_t i) const { return NodeView(*this, i); }
  std::span<const TensorView> tensors() const { return tensors_; }
  const TensorView& tensor(int32_t i) const { return tensors_[static_cast<size_t>(i)]; }
  std::span<const int32_t> inputs() const { return list(raw_->inputs()); }
  std::span<const int32_t> outputs() const { return list(raw_->outputs()); }
  const schema::Graph& raw() const { return *raw_; }

  static std::span<const int32_t> list(const flatbuffers::Vector<int32_t>* v) {
    return v ? std::span<const int32_t>(v->data(), v->size()) : std::span<const int32_t>();
  }

 private:
  void read_tensors(const motley_graph& graph) {
    if (!raw_->tensors()) return;
    tensors_.reserve(raw_->tensors()->size());
    for (const schema::Tensor* tensor : *raw_->tensors()) {
      TensorView view;
      view.raw = tensor;
      view.type = tensor->type();
      view.index = static_cast<int32_t>(tensors_.size());
      if (tensor->shape()) {
        for (const schema::Dimension* dim : *tensor->shape()) {
          if (dim->value() < 0)
            throw std::invalid_argument("a dimension is unknown; graphs cross the ABI with concrete shapes");
          view.shape.push_back(dim->value());
        }
      }
      check_size(view);
      if (tensor->buffer() >= 0) {
        if (static_cast<uint32_t>(tensor->buffer()) >= graph.constant_count)
          throw std::invalid_argument("a constant's index is out of range");
        const motley_bytes& bytes = graph.constants[tensor->buffer()];
        if (bytes.size < view.bytes()) throw std::invalid_argument("a constant is shorter than its shape says");
        view.constant = bytes.data ? bytes.data : this;  // an empty tensor is constant too
      }
      tensors_.push_back(view);
    }
  }
  // Element and byte counts of every tensor fit 63 bits, so that kernels may multiply dimensions without care.
  static void check_size(const TensorView& view) {
    const size_t width = element_bytes(view.type);
    if (width == 0) throw std::invalid_argument("a tensor has no type");
    int64_t bytes = static_cast<int64_t>(width);
    for (int64_t dim : view.shape)
      if (__builtin_mul_overflow(bytes, std::max<int64_t>(dim, 1), &bytes))
        throw std::invalid_argument("a tensor's size overflows");
  }
  void check_nodes() const {
    const auto in_range = [this](const flatbuffers::Vector<int32_t>* list, int32_t lowest) {
      if (!list) return;
      for (int32_t i : *list)
        if (i < lowest || i >= static_cast<int32_t>(tensors_.size()))
          throw std::invalid_argument("a tensor index is out of range");
    };
    in_range(raw_->inputs(), 0);
    in_range(raw_->outputs(), 0);
    if (!raw_->nodes()) return;
    for (const schema::Node* node : *raw_->nodes()) {
      in_range(node->inputs(), -1);
      in_range(node->outputs(), -1);
    }
  }

  const schema::Graph* raw_ = nullptr;
  std::vector<TensorView> tensors_;
};

inline NodeView::NodeView(const GraphView& graph, uint32_t index)
    : graph_(&graph), raw_(graph.raw().nodes()->Get(index)), index_(index) {}
inline const TensorView* NodeView::input(size_t i) const {
  const auto list = GraphView::list(raw_->inputs());
  return i < list.size() && list[i] >= 0 ? &graph_->tensor(list[i]) : nullptr;
}
inline const TensorView* NodeView::output(size_t i) const {
  const auto list = GraphView::list(raw_->outputs());
  return i < list.size() && list[i] >= 0 ? &graph_->tensor(list[i]) : nullptr;
}

// The numbers of an attribute list; empty where the field is absent.
inline std::span<const int64_t> numbers(const flatbuffers::Vector<int64_t>* v) {
  return v ? std::span<const int64_t>(v->data(), v->size()) : std::span<const int64_t>();
}

}  // namespace motley::sdk
