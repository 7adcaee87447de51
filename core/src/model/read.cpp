// Reading .motley files.
#include <cstring>

#include "base/crc32c.hpp"
#include "base/file.hpp"
#include "base/mapped_file.hpp"
#include "base/text.hpp"
#include "model/check.hpp"
#include "model/format.hpp"
#include "model/model_file.hpp"
#include "model/unpack.hpp"

namespace motley::model {
namespace {

// A copy of the graph part: aligned for FlatBuffers, and out of reach of whoever writes to the file or the caller's
// memory between the checks and the use.
class GraphPart {
 public:
  explicit GraphPart(uint64_t bytes) : words_((bytes + 7) / 8), bytes_(bytes) {}
  uint8_t* data() { return reinterpret_cast<uint8_t*>(words_.data()); }
  std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(words_.data()), static_cast<size_t>(bytes_)};
  }

 private:
  std::vector<uint64_t> words_;
  uint64_t bytes_;
};

graph::Module module_of(const FileHeader& header, const GraphPart& graph, const WeightSegment& weights,
                        Checksums checksums, const Limits& limits, Budget& budget, const std::string& what) {
  if (checksums == Checksums::verify && base::crc32c(graph.bytes().data(), graph.bytes().size()) != header.graph_crc) {
    base::fail(ErrorCode::invalid_model, "% has a damaged graph (its checksum is wrong): fetch or convert it again",
               {what});
  }
  graph::Module module = unpack(graph.bytes(), weights, limits, budget, what);
  check_module(module, limits, what);
  return module;
}

void check_padding(const uint8_t* padding, uint64_t bytes, const std::string& what) {
  for (uint64_t i = 0; i < bytes; ++i) {
    if (padding[i] == 0) continue;
    base::fail(ErrorCode::invalid_model, "% is damaged between its graph and its weights: fetch or convert it again",
               {what});
  }
}

graph::Module read_bytes(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner, const Limits& limits,
                         Checksums checksums, const std::string& what) {
  check_has_header(bytes.size(), what);
  const FileHeader header = decode(bytes.data(), bytes.size(), checksums, what);
  Budget budget(bytes.size(), what);
  budget.charge(header.graph_bytes);
  GraphPart graph(header.graph_bytes);
  if (header.graph_bytes > 0) std::memcpy(graph.data(), bytes.data() + kHeaderBytes, header.graph_bytes);
  const uint64_t graph_end = kHeaderBytes + header.graph_bytes;
  check_padding(bytes.data() + graph_end, header.weights_offset() - graph_end, what);
  WeightSegment weights{bytes.subspan(header.weights_offset()), std::move(owner)};
  if (!weights.bytes.empty() && reinterpret_cast<uintptr_t>(weights.bytes.data()) % kConstantAlignment != 0) {
    // The caller's memory is not aligned as a mapping is; kernels rely on it.
    budget.charge(weights.bytes.size() + kConstantAlignment);
    std::shared_ptr<uint8_t> copy(
        static_cast<uint8_t*>(::operator new (weights.bytes.size(), std::align_val_t{kConstantAlignment})),
        [](uint8_t* p) { ::operator delete (p, std::align_val_t{kConstantAlignment}); });
    std::memcpy(copy.get(), weights.bytes.data(), weights.bytes.size());
    weights = {{copy.get(), weights.bytes.size()}, copy};
  }
  return module_of(header, graph, weights, checksums, limits, budget, what);
}

void read_exactly(int descriptor, uint64_t offset, uint8_t* data, uint64_t size, const std::string& path) {
  if (base::read_at(descriptor, offset, data, size, path) != size) {
    base::fail(ErrorCode::io, "the model \"%\" became shorter while it was read: leave it alone while it is loaded",
               {path});
  }
}

}  // namespace

graph::Module read_model(const std::filesystem::path& path, const Limits& limits) {
  const std::string what = base::text("the model \"%\"", {path.string()});
  const base::Descriptor file = base::open_for_reading(path);
  const uint64_t file_bytes = base::size_of_file(file.get(), path.string());
  check_has_header(file_bytes, what);
  HeaderBytes start;
  read_exactly(file.get(), 0, start.data(), start.size(), path.string());
  const FileHeader header = decode(start.data(), file_bytes, Checksums::verify, what);
  Budget budget(file_bytes, what);
  budget.charge(header.graph_bytes);
  GraphPart graph(header.graph_bytes);
  read_exactly(file.get(), kHeaderBytes, graph.data(), header.graph_bytes, path.string());
  const uint64_t graph_end = kHeaderBytes + header.graph_bytes;
  std::vector<uint8_t> padding(header.weights_offset() - graph_end);
  read_exactly(file.get(), graph_end, padding.data(), padding.size(), path.string());
  check_padding(padding.data(), padding.size(), what);

  WeightSegment weights;
  if (header.weights_bytes > 0) {
    base::Mapping mapping = base::map_file(file.get(), file_bytes, path.string());
    weights = {mapping.bytes.subspan(header.weights_offset()), std::move(mapping.owner)};
  }
  return module_of(header, graph, weights, Checksums::verify, limits, budget, what);
}

graph::Module read_model(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner, const Limits& limits,
                         const std::string& what) {
  return read_bytes(bytes, std::move(owner), limits, Checksums::verify, what);
}

graph::Module read_model_ignoring_checksums(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                                            const Limits& limits, const std::string& what) {
  return read_bytes(bytes, std::move(owner), limits, Checksums::ignore, what);
}

}  // namespace motley::model
