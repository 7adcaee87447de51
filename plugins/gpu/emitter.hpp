// What ops/ write into: the launches of one node, with symbolic buffers that segment.cpp places later.
#pragma once

#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "backend.hpp"

namespace motley::gpu {

using sdk::Config;
using sdk::NodeView;
using sdk::Shape;
using sdk::TensorView;

// A stretch of memory whose place is not known yet.
struct Operand {
  enum class Kind : uint8_t { none, tensor, constant, scratch };
  Kind kind = Kind::none;
  int32_t index = -1;   // tensor, or number of the scratch block
  uint64_t offset = 0;  // bytes into it; for constants: into the segment's constants
  uint64_t bytes = 0;
  bool half = false;    // elements are f16, as weights may be kept

  Operand at(uint64_t more) const {
    Operand o = *this;
    o.offset += more;
    o.bytes = more < bytes ? bytes - more : 0;
    return o;
  }
};

struct Use {
  Operand operand;
  bool write;
};
inline Use in(const Operand& o) { return {o, false}; }
inline Use out(const Operand& o) { return {o, true}; }

// A kernel's PARAMS: 32-bit fields in order.
class Params {
 public:
  Params() = default;
  template <class... Ts>
  explicit Params(Ts... values) {
    (add(values), ...);
  }
  template <class T>
  Params& add(T value) {
    static_assert(std::is_arithmetic_v<T>);
    if constexpr (std::is_floating_point_v<T>) append(static_cast<float>(value));
    else append(checked(static_cast<int64_t>(value)));
    return *this;
  }
  template <class Range>
  Params& add_all(const Range& values, size_t count, int64_t fill) {
    for (size_t i = 0; i < count; ++i) add(i < values.size() ? static_cast<int64_t>(values[i]) : fill);
    return *this;
  }
  std::vector<std::byte> bytes;

 private:
  static int32_t checked(int64_t value) {
    if (value < INT32_MIN || value > INT32_MAX)
      throw sdk::StatusError(MOTLEY_UNSUPPORTED, "a tensor has more elements than kernels can count (2^31)");
    return static_cast<int32_t>(value);
  }
  template <class T>
  void append(T value) {
    const size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
};

struct Call {
  std::string variant;
  std::vector<int32_t> constants;
  std::array<uint32_t, 3> group{1, 1, 1}, groups{1, 1, 1};
  std::vector<Use> uses;
  Params params;
  double operations = 0;  // a guess of the arithmetic, for slices
};

// Collects the calls of one node. Constants are shared by the segment.
class Emitter {
 public:
  Emitter(const NodeView& n, const Capabilities& d, Config c, std::vector<std::byte>& constants)
      : node(n), device(d), config(std::move(c)), constants_(constants) {}

  const NodeView& node;
  const Capabilities& device;
  const Config config;

  Operand input(size_t i) const { return tensor(node.input(i)); }
  Operand output(size_t i) const { return tensor(node.output(i)); }
  bool has_input(size_t i) const { return node.input(i) != nullptr; }
  bool has_output(size_t i) const { return node.output(i) != nullptr; }
  // Whether input i was computed where the output's element `first` and those after it are, so that it need not be
  // copied there.
  bool stands_at(size_t i, int64_t first) const { return standing_.size() > i && standing_[i] == first; }
  void set_standing(std::vector<int64_t> first_elements) { standing_ = std::move(first_elements); }

  // Bytes that are uploaded once, when the segment is compiled.
  Operand constant(const void* data, uint64_t bytes) {
    const uint64_t at = (constants_.size() + kAlign - 1) / kAlign * kAlign;
    constants_.resize(at + bytes);
    if (bytes) std::memcpy(constants_.data() + at, data, bytes);
    return {Operand::Kind::constant, -1, at, bytes};
  }
  template <class T>
  Operand constant(const std::vector<T>& items) {
    return constant(items.data(), items.size() * sizeof(T));
  }
  // Weights: as they are, or kept as f16 where the config says "precision=f16".
  Operand weights(const std::vector<float>& items) { return weights(items.data(), items.size()); }
  Operand weights(const float* items, size_t count);
  bool keeps_half() const { return config.get("precision", std::string()) == "f16"; }
  // Memory for this node alone.
  Operand scratch(uint64_t bytes) {
    scratch_bytes.push_back(bytes);
    return {Operand::Kind::scratch, static_cast<int32_t>(scratch_bytes.size() - 1), 0, bytes};
  }
  void launch(Call call) {
    if (call.groups[0] && call.groups[1] && call.groups[2]) calls.push_back(std::move(call));
  }

  std::vector<Call> calls;
  std::vector<uint64_t> scratch_bytes;
  static constexpr uint64_t kAlign = 256;

 private:
  static Operand tensor(const TensorView* t) {
    return t ? Operand{Operand::Kind::tensor, t->index, 0, t->bytes()} : Operand{};
  }
  std::vector<std::byte>& constants_;
  std::vector<int64_t> standing_;  // per input: the output's element where it stands; -1: elsewhere
};

inline uint32_t groups_for(int64_t items, uint32_t group) {
  return static_cast<uint32_t>((items + group - 1) / group);
}

}  // namespace motley::gpu
