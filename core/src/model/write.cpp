// Writing .motley files.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/crc32c.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "model/check.hpp"
#include "model/format.hpp"
#include "model/model_file.hpp"
#include "model/pack.hpp"

namespace motley::model {
namespace {

constexpr uint64_t kBytesBetweenProgress = 16 << 20;

// The constants of a module, each content once, and where they go in the segment.
class WeightLayout {
 public:
  // Index into Model.buffers.
  int32_t add(const graph::Constant& constant) {
    const uint64_t key = (constant.bytes << 32) ^ checksum(constant);
    const auto [begin, end] = by_content_.equal_range(key);
    for (auto it = begin; it != end; ++it) {
      const graph::Constant& other = *constants_[it->second];
      if (other.bytes != constant.bytes) continue;
      if (other.bytes == 0 || std::memcmp(other.data, constant.data, constant.bytes) == 0)
        return static_cast<int32_t>(it->second);
    }
    by_content_.emplace(key, constants_.size());
    constants_.push_back(&constant);
    buffers_.emplace_back(bytes_, constant.bytes);
    bytes_ = align_to(bytes_ + constant.bytes, kConstantAlignment);
    return static_cast<int32_t>(buffers_.size() - 1);
  }

  uint64_t bytes() const { return bytes_; }
  const std::vector<schema::Buffer>& buffers() const { return buffers_; }
  const std::vector<const graph::Constant*>& constants() const { return constants_; }

 private:
  uint32_t checksum(const graph::Constant& constant) {
    // A tensor that several nodes share comes with the same memory; its bytes are read once.
    const auto [it, is_new] = checksums_.try_emplace(constant.data, 0u, uint64_t{0});
    if (is_new || it->second.second != constant.bytes) {
      it->second = {base::crc32c(constant.data, constant.bytes), constant.bytes};
    }
    return it->second.first;
  }

  std::unordered_map<const void*, std::pair<uint32_t, uint64_t>> checksums_;
  std::unordered_multimap<uint64_t, size_t> by_content_;
  std::vector<const graph::Constant*> constants_;
  std::vector<schema::Buffer> buffers_;
  uint64_t bytes_ = 0;
};

flatbuffers::DetachedBuffer pack_module(const graph::Module& module, WeightLayout& weights) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::Graph>> graphs;
  for (const graph::Graph& graph : module.graphs) {
    GraphParts parts = whole(graph);
    for (const graph::Tensor& tensor : graph.tensors)
      parts.buffers.push_back(tensor.constant ? weights.add(*tensor.constant) : -1);
    graphs.push_back(pack(builder, parts));
  }
  std::vector<flatbuffers::Offset<schema::Metadata>> metadata;
  for (const auto& [key, value] : module.metadata) {
    const auto packed_key = builder.CreateString(key), packed_value = builder.CreateString(value);
    metadata.push_back(schema::CreateMetadata(builder, packed_key, packed_value));
  }
  const auto producer = builder.CreateString(module.producer);
  const auto packed_graphs = builder.CreateVector(graphs);
  const auto buffers = builder.CreateVectorOfStructs(weights.buffers());
  const auto packed_metadata = builder.CreateVector(metadata);
  schema::ModelBuilder model(builder);
  model.add_producer(producer);
  model.add_graphs(packed_graphs);
  model.add_buffers(buffers);
  model.add_metadata(packed_metadata);
  schema::FinishModelBuffer(builder, model.Finish());
  return builder.Release();
}

// Writes with a call to `progress` every so often.
class Writer {
 public:
  Writer(base::AtomicFile& file, uint64_t total, const std::function<void(uint64_t, uint64_t)>& progress)
      : file_(file), total_(total), progress_(progress) {}
  void write(const void* data, uint64_t size) {
    for (uint64_t done = 0; done < size;) {
      const uint64_t part = std::min(size - done, kBytesBetweenProgress);
      file_.write(static_cast<const uint8_t*>(data) + done, part);
      done += part;
      if (progress_ && (part == kBytesBetweenProgress || file_.written() == total_)) progress_(file_.written(), total_);
    }
  }
  void pad_to(uint64_t offset) { file_.write_zeros(offset - file_.written()); }

 private:
  base::AtomicFile& file_;
  uint64_t total_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
};

// Lists, names and numbers together; FlatBuffers ends the process where it runs over its 2 GiB.
void check_graph_size(const graph::Module& module, const std::string& what) {
  uint64_t bytes = 0;
  for (const graph::Graph& graph : module.graphs) {
    for (const graph::Tensor& t : graph.tensors) {
      bytes += 128 + t.name.size() + 32 * (t.shape ? t.shape->size() : 0) + 12 * t.quantization.scales.size();
    }
    for (const graph::Node& n : graph.nodes) bytes += 256 + n.name.size() + 4 * (n.inputs.size() + n.outputs.size());
  }
  for (const auto& [key, value] : module.metadata) bytes += 32 + key.size() + value.size();
  if (bytes > kMostGraphBytes) {
    base::fail(ErrorCode::limit, "% has too large a graph to be stored (% bytes without weights): split it",
               {what, bytes});
  }
}

}  // namespace

void write_model(const graph::Module& module, const std::filesystem::path& path,
                 const std::function<void(uint64_t, uint64_t)>& progress) {
  const std::string what = base::text("the model to be written to \"%\"", {path.string()});
  check_module(module, Limits{}, what);  // what is written can be read
  check_graph_size(module, what);
  WeightLayout weights;
  const flatbuffers::DetachedBuffer graph = pack_module(module, weights);
  const FileHeader header{graph.size(), weights.bytes(), base::crc32c(graph.data(), graph.size())};

  base::AtomicFile file(path);
  Writer writer(file, header.file_bytes(), progress);
  const HeaderBytes start = encode(header);
  writer.write(start.data(), start.size());
  writer.write(graph.data(), graph.size());
  for (size_t i = 0; i < weights.constants().size(); ++i) {
    writer.pad_to(header.weights_offset() + weights.buffers()[i].offset());
    writer.write(weights.constants()[i]->data, weights.constants()[i]->bytes);
  }
  writer.pad_to(header.file_bytes());
  file.commit();
  if (progress) progress(header.file_bytes(), header.file_bytes());
}

}  // namespace motley::model
