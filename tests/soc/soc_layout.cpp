// Segments in nhwc for kernels that know row-major tensors alone.
#include "soc_layout.hpp"

#include <memory>

namespace motley::test {
namespace {

using schema::Layout;

class Rewriting {
 public:
  explicit Rewriting(const motley_graph& segment) {
    schema::GetModel(segment.model.data)->UnPackTo(&model_);
    graph_ = model_.graphs[0].get();
  }

  flatbuffers::DetachedBuffer run() {
    std::vector<std::unique_ptr<schema::NodeT>> nodes = std::move(graph_->nodes);
    graph_->nodes.clear();
    for (auto& node : nodes) {
      if (node->op == schema::Op::StridedCopy) {
        graph_->nodes.push_back(std::move(node));
        continue;
      }
      for (int32_t& id : node->inputs)
        if (is_nhwc(id)) {
          const int32_t read = add_row_major(id);
          add_copy(id, read, id, true);
          id = read;
        }
      std::vector<std::pair<int32_t, int32_t>> made;  // row-major, nhwc
      for (int32_t& id : node->outputs)
        if (is_nhwc(id)) {
          made.emplace_back(add_row_major(id), id);
          id = made.back().first;
        }
      graph_->nodes.push_back(std::move(node));
      for (const auto& [from, to] : made) add_copy(from, to, to, false);
    }
    for (auto& t : graph_->tensors) t->layout = Layout::row_major;
    flatbuffers::FlatBufferBuilder builder;
    schema::FinishModelBuffer(builder, schema::CreateModel(builder, &model_));
    return builder.Release();
  }

 private:
  bool is_nhwc(int32_t id) const { return id >= 0 && tensor(id).layout == Layout::nhwc; }
  schema::TensorT& tensor(int32_t id) const { return *graph_->tensors[static_cast<size_t>(id)]; }

  int32_t add_row_major(int32_t id) {
    auto logical = std::make_unique<schema::TensorT>(tensor(id));
    logical->layout = Layout::row_major;
    logical->name += "/row_major";
    auto& shape = logical->shape;
    shape.insert(shape.begin() + 1, std::move(shape.back()));
    shape.pop_back();
    graph_->tensors.push_back(std::move(logical));
    return static_cast<int32_t>(graph_->tensors.size()) - 1;
  }

  // `nhwc`: which of both is; with `out` it is read.
  void add_copy(int32_t from, int32_t to, int32_t nhwc, bool out) {
    std::vector<int64_t> lies;
    for (const auto& dim : tensor(nhwc).shape) lies.push_back(dim->value);
    int64_t pixels = 1;
    for (size_t i = 1; i + 1 < lies.size(); ++i) pixels *= lies[i];
    const int64_t channels = lies.back();
    auto region = std::make_unique<schema::RegionT>();
    region->extents = {lies[0], channels, pixels};
    region->src_strides = region->dst_strides = {pixels * channels, pixels, 1};
    (out ? region->src_strides : region->dst_strides) = {pixels * channels, 1, channels};
    schema::StridedCopyAttributesT attributes;
    attributes.regions.push_back(std::move(region));
    auto node = std::make_unique<schema::NodeT>();
    node->name = tensor(to).name;
    node->op = schema::Op::StridedCopy;
    node->inputs = {from};
    node->outputs = {to};
    node->attributes.Set(std::move(attributes));
    graph_->nodes.push_back(std::move(node));
  }

  schema::ModelT model_;
  schema::GraphT* graph_ = nullptr;
};

}  // namespace

flatbuffers::DetachedBuffer row_major_inside(const motley_graph& segment) { return Rewriting(segment).run(); }

}  // namespace motley::test
