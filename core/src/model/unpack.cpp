// FlatBuffer tables as IR, from bytes that nobody vouches for.
#include "model/unpack.hpp"

#include <utility>

#include "base/text.hpp"
#include "model/format.hpp"
#include "model/op_attributes.hpp"

namespace motley::model {
namespace {

constexpr uint32_t kSchemaVersion = 1;  // schema::Model's default: major 0, minor 1
constexpr int kMostTableNesting = 16;   // model.fbs itself needs 6
constexpr uint32_t kLongestName = 64 << 10;
constexpr uint32_t kLongestText = 64 << 20;  // of metadata
constexpr uint32_t kLongestList = 4096;      // in a node's attributes: axes, pads, regions' strides

template <class T>
uint32_t length(const flatbuffers::Vector<T>* list) {
  return list ? list->size() : 0;
}

// The FlatBuffer verifier looks at the alignment of a list's length, not at that of its elements. Reading misaligned
// numbers is undefined, whatever most processors make of it.
template <class T>
bool is_aligned(const flatbuffers::Vector<T>* list) {
  return length(list) == 0 || reinterpret_cast<uintptr_t>(list->Data()) % alignof(T) == 0;
}

// Calls fn(list), which may be null, for each list in a node's attributes.
template <class Fn>
void for_each_list(const schema::Node& node, Fn&& fn) {
  const auto longs = [&](const auto*... lists) { (fn(lists), ...); };
  switch (node.attributes_type()) {
    case schema::Attributes::ConvAttributes: {
      const auto* a = node.attributes_as_ConvAttributes();
      return longs(a->strides(), a->dilations(), a->pads());
    }
    case schema::Attributes::ConvTransposeAttributes: {
      const auto* a = node.attributes_as_ConvTransposeAttributes();
      return longs(a->strides(), a->dilations(), a->pads(), a->output_padding(), a->output_shape());
    }
    case schema::Attributes::PoolAttributes: {
      const auto* a = node.attributes_as_PoolAttributes();
      return longs(a->kernel_shape(), a->strides(), a->dilations(), a->pads());
    }
    case schema::Attributes::DeformConvAttributes: {
      const auto* a = node.attributes_as_DeformConvAttributes();
      return longs(a->strides(), a->dilations(), a->pads());
    }
    case schema::Attributes::RecurrentAttributes: {
      const auto* a = node.attributes_as_RecurrentAttributes();
      return longs(a->activations(), a->activation_alpha(), a->activation_beta());
    }
    case schema::Attributes::ScanAttributes: {
      const auto* a = node.attributes_as_ScanAttributes();
      return longs(a->scan_input_directions(), a->scan_output_directions(), a->scan_input_axes(),
                   a->scan_output_axes());
    }
    case schema::Attributes::StridedCopyAttributes: {
      const auto* a = node.attributes_as_StridedCopyAttributes();
      longs(a->fill());
      for (uint32_t i = 0; i < length(a->regions()); ++i) {
        const schema::Region* region = a->regions()->Get(i);
        longs(region->extents(), region->src_strides(), region->dst_strides());
      }
      return;
    }
    case schema::Attributes::ReduceAttributes: return longs(node.attributes_as_ReduceAttributes()->axes());
    case schema::Attributes::ResizeAttributes: return longs(node.attributes_as_ResizeAttributes()->axes());
    case schema::Attributes::TransposeAttributes: return longs(node.attributes_as_TransposeAttributes()->perm());
    case schema::Attributes::CenterCropPadAttributes:
      return longs(node.attributes_as_CenterCropPadAttributes()->axes());
    case schema::Attributes::AxesAttributes: return longs(node.attributes_as_AxesAttributes()->axes());
    case schema::Attributes::FillAttributes: return longs(node.attributes_as_FillAttributes()->value());
    case schema::Attributes::EinsumAttributes: return longs(node.attributes_as_EinsumAttributes()->equation());
    default: return;  // numbers only
  }
}

class Unpacker {
 public:
  Unpacker(const schema::Model& model, const WeightSegment& weights, const Limits& limits, Budget& budget,
           const std::string& what)
      : model_(model), weights_(weights), limits_(limits), budget_(budget), what_(what) {}

  graph::Module module() {
    if (model_.schema_version() / 1000 != kSchemaVersion / 1000 || model_.schema_version() > kSchemaVersion) {
      fail("has another schema version (%, this reads %): convert it again with this version",
           {model_.schema_version(), kSchemaVersion});
    }
    if (length(model_.graphs()) == 0) fail("has no graph: convert it again");
    check_buffers();
    graph::Module module;
    module.producer = text(model_.producer(), kLongestName, "producer");
    for (uint32_t i = 0; i < length(model_.metadata()); ++i) {
      const schema::Metadata* entry = model_.metadata()->Get(i);
      budget_.charge(128);
      const std::string key = text(entry->key(), kLongestName, "metadata key");
      if (!module.metadata.emplace(key, text(entry->value(), kLongestText, "metadata")).second)
        fail("has a metadata key twice (%): convert it again", {key});
    }
    budget_.charge(model_.graphs()->size(), sizeof(graph::Graph));
    module.graphs.reserve(model_.graphs()->size());
    for (const schema::Graph* raw : *model_.graphs()) module.graphs.push_back(graph(*raw));
    return module;
  }

 private:
  [[noreturn]] void fail(const char* format, std::initializer_list<base::Piece> values = {}) const {
    base::fail(ErrorCode::invalid_model, "% %", {what_, base::text(format, values)});
  }
  [[noreturn]] void fail_limit(const char* format, std::initializer_list<base::Piece> values = {}) const {
    base::fail(ErrorCode::limit, "% %: raise the limit if the file is trusted", {what_, base::text(format, values)});
  }

  std::string text(const flatbuffers::String* raw, uint32_t longest, const char* kind) {
    if (!raw) return {};
    if (raw->size() > longest) fail_limit("has a % of % bytes (at most %)", {kind, raw->size(), longest});
    budget_.charge(raw->size() < 16 ? 0 : raw->size() + 1);
    return raw->str();
  }
  template <class T>
  void check_alignment(const flatbuffers::Vector<T>* list) const {
    if (!is_aligned(list)) fail("has a list of misaligned numbers: convert it again");
  }
  std::string name(const flatbuffers::String* raw) { return text(raw, kLongestName, "name"); }

  std::vector<int32_t> indices(const flatbuffers::Vector<int32_t>* raw) {
    budget_.charge(length(raw), sizeof(int32_t));
    return raw ? std::vector<int32_t>(raw->begin(), raw->end()) : std::vector<int32_t>();
  }

  void check_buffers() const {
    if (length(model_.buffers()) > 0 &&
        reinterpret_cast<uintptr_t>(model_.buffers()->Data()) % alignof(schema::Buffer) != 0) {
      fail("has a misaligned list of constants: convert it again");
    }
    for (uint32_t i = 0; i < length(model_.buffers()); ++i) {
      const schema::Buffer& buffer = *model_.buffers()->Get(i);
      if (buffer.offset() % kConstantAlignment != 0 || buffer.offset() > weights_.bytes.size() ||
          buffer.size() > weights_.bytes.size() - buffer.offset()) {
        fail("has a constant outside its weights (buffer %, % bytes at % of %): convert it again",
             {i, buffer.size(), buffer.offset(), weights_.bytes.size()});
      }
    }
  }

  graph::Graph graph(const schema::Graph& raw) {
    graph::Graph graph;
    graph.name = name(raw.name());
    tensors_ += length(raw.tensors());
    nodes_ += length(raw.nodes());
    if (tensors_ > limits_.max_tensors) fail_limit("has more than % tensors", {limits_.max_tensors});
    if (nodes_ > limits_.max_nodes) fail_limit("has more than % nodes", {limits_.max_nodes});
    // Beside the objects: what check_module() keeps of each, and what small allocations cost.
    budget_.charge(length(raw.tensors()), sizeof(graph::Tensor) + 96);
    budget_.charge(length(raw.nodes()), sizeof(graph::Node) + 96);
    graph.tensors.reserve(length(raw.tensors()));
    graph.nodes.reserve(length(raw.nodes()));
    for (uint32_t i = 0; i < length(raw.tensors()); ++i) graph.tensors.push_back(tensor(*raw.tensors()->Get(i)));
    for (uint32_t i = 0; i < length(raw.nodes()); ++i) graph.nodes.push_back(node(*raw.nodes()->Get(i), i));
    graph.inputs = indices(raw.inputs());
    graph.outputs = indices(raw.outputs());
    return graph;
  }

  graph::Tensor tensor(const schema::Tensor& raw) {
    graph::Tensor tensor;
    tensor.name = name(raw.name());
    tensor.type = raw.type();
    if (raw.layout() != schema::Layout::row_major) {
      fail("stores tensor \"%\" in another layout than row-major (%): convert it again",
           {tensor.name, static_cast<int>(raw.layout())});
    }
    if (raw.has_rank()) tensor.shape = dims(raw, tensor.name);
    else if (length(raw.shape()) > 0)
      fail("gives tensor \"%\" dimensions but no rank: convert it again", {tensor.name});
    if (raw.buffer() >= 0) tensor.constant = constant(static_cast<uint32_t>(raw.buffer()), tensor.name);
    else if (raw.buffer() != -1)
      fail("gives tensor \"%\" a wrong buffer (%): convert it again", {tensor.name, raw.buffer()});
    if (const schema::Quantization* q = raw.quantization()) {
      budget_.charge(length(q->scales()), sizeof(float));
      budget_.charge(length(q->zero_points()), sizeof(int64_t));
      check_alignment(q->zero_points());
      if (q->scales()) tensor.quantization.scales.assign(q->scales()->begin(), q->scales()->end());
      if (q->zero_points()) tensor.quantization.zero_points.assign(q->zero_points()->begin(), q->zero_points()->end());
      tensor.quantization.axis = q->axis();
    }
    return tensor;
  }

  graph::Dims dims(const schema::Tensor& raw, const std::string& name) {
    const uint32_t rank = length(raw.shape());
    const uint32_t highest = std::min<uint32_t>(limits_.max_rank, sdk::kMaxRank);
    if (rank > highest) fail_limit("has tensor \"%\" of rank % (at most %)", {name, rank, highest});
    budget_.charge(rank, sizeof(graph::Dim));
    graph::Dims dims(rank);
    for (uint32_t i = 0; i < rank; ++i) {
      const schema::Dimension* dim = raw.shape()->Get(i);
      if (dim->value() < -1) fail("gives tensor \"%\" a wrong dimension (%): convert it again", {name, dim->value()});
      dims[i].value = dim->value();
      dims[i].symbol = this->name(dim->symbol());
    }
    return dims;
  }

  graph::Constant constant(uint32_t index, const std::string& name) const {
    if (index >= length(model_.buffers()))
      fail("gives tensor \"%\" a buffer that is not there (%): convert it again", {name, index});
    const schema::Buffer& buffer = *model_.buffers()->Get(index);
    // Readers test `data` for null to see whether there is a constant at all.
    alignas(kConstantAlignment) static constexpr uint8_t kNothing[1] = {};
    if (buffer.size() == 0) return {kNothing, 0, nullptr};
    return {weights_.bytes.data() + buffer.offset(), buffer.size(), weights_.owner};
  }

  graph::Node node(const schema::Node& raw, uint32_t index) {
    graph::Node node;
    node.op = raw.op();
    node.name = name(raw.name());
    if (node.name.empty()) node.name = base::text("%_%", {schema::EnumNameOp(raw.op()), index});
    node.inputs = indices(raw.inputs());
    node.outputs = indices(raw.outputs());
    const schema::Attributes kind = attributes_of(raw.op());
    if (kind == schema::Attributes::NONE)
      fail("has an unknown op (%) in node \"%\": convert it again with this version",
           {static_cast<int>(raw.op()), node.name});
    if (raw.attributes_type() != kind || !raw.attributes()) {
      fail("has node \"%\" (%) with attributes of another kind (%): convert it again",
           {node.name, schema::EnumNameOp(raw.op()), schema::EnumNameAttributes(raw.attributes_type())});
    }
    charge_attributes(raw, node.name);
    node.attributes.type = kind;
    node.attributes.value = schema::AttributesUnion::UnPack(raw.attributes(), kind, nullptr);
    budget_.charge(sizeof(std::string) + node.name.size());
    node.origins = {node.name};
    return node;
  }

  void charge_attributes(const schema::Node& raw, const std::string& name) {
    uint64_t flat = 64;  // an object and its numbers
    if (raw.attributes_type() == schema::Attributes::StridedCopyAttributes) {
      budget_.charge(length(raw.attributes_as_StridedCopyAttributes()->regions()),
                     sizeof(schema::RegionT) + sizeof(void*));
    }
    for_each_list(raw, [&](const auto* list) {
      if (length(list) > kLongestList) {
        fail_limit("has node \"%\" with a list of % attribute values (at most %)", {name, length(list), kLongestList});
      }
      check_alignment(list);
      budget_.charge(length(list), sizeof(int64_t));
      flat += sizeof(std::vector<int64_t>);
    });
    budget_.charge(flat);
  }

  const schema::Model& model_;
  const WeightSegment& weights_;
  const Limits& limits_;
  Budget& budget_;
  const std::string& what_;
  uint64_t tensors_ = 0, nodes_ = 0;
};

}  // namespace

void Budget::charge(uint64_t bytes) {
  if (bytes > left_) {
    base::fail(ErrorCode::limit,
               "% would take more memory than its size justifies (over 8 times the file): it is damaged or hostile",
               {what_});
  }
  left_ -= bytes;
}

void Budget::charge(uint64_t count, uint64_t bytes_each) {
  if (count > UINT64_MAX / bytes_each) charge(UINT64_MAX);
  charge(count * bytes_each);
}

graph::Module unpack(std::span<const uint8_t> graph, const WeightSegment& weights, const Limits& limits, Budget& budget,
                     const std::string& what) {
  // Tables take at least 8 bytes each, an offset to it and one in it; with this limit shared tables cost no more time
  // than the file's size justifies.
  const auto most_tables = static_cast<flatbuffers::uoffset_t>(graph.size() / 8 + 64);
  flatbuffers::Verifier verifier(graph.data(), graph.size(), kMostTableNesting, most_tables);
  if (!schema::VerifyModelBuffer(verifier)) {
    base::fail(ErrorCode::invalid_model, "% has a damaged graph (it is no valid FlatBuffer): fetch or convert it again",
               {what});
  }
  return Unpacker(*schema::GetModel(graph.data()), weights, limits, budget, what).module();
}

}  // namespace motley::model
