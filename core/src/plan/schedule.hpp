// What a run does, step by step: segments handed to devices, tensors moved between memories, waits.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.hpp"
#include "plugin/registry.hpp"

namespace motley::plan {

// How a tensor comes from one memory to another, the cheapest first: both sides use the same bytes; two devices have
// one memory, which one of them lends by a handle; a device's buffer lies over the host's bytes, and only changes
// owner; the device copies; the host copies through a mapped buffer.
enum class Way : uint8_t { share, handle, import, copy, map };
const char* to_string(Way way);

// How a device's memory is reached from the host's. The device is opened.
Way way_to_host(const plugin::Device& device, motley_device* handle);
// Both work on each other's buffers as on their own.
bool share_memory(const plugin::Device& a, motley_device* handle_a, const plugin::Device& b, motley_device* handle_b);
// `to` works in place on memory that `from` allocates and gives as a file descriptor: both are the same hardware behind
// the same driver, whatever their plugins.
bool lends_memory(const plugin::Device& from, motley_device* from_handle, const plugin::Device& to,
                  motley_device* to_handle);
// `to` copies from the other's memory by itself.
bool copies_straight(const plugin::Device& from, motley_device* from_handle, const plugin::Device& to,
                     motley_device* to_handle);

// A device as a run sees it. What is submitted to one lane is done in that order.
struct Lane {
  std::shared_ptr<plugin::Device> device;
  motley_device* handle = nullptr;
  uint32_t place = 0;   // where its memory is
  bool queued = false;  // works in the background, until its timeline reaches a point
};

// How two devices' own memories are one: share or handle; map where they are not.
Way shared_way(const Lane& a, const Lane& b);

// A memory. Place 0 is the host's.
struct Place {
  uint32_t lane = 0;         // whose device allocates there; unused for the host
  Way to_host = Way::share;  // also from it: import, copy or map
};
inline constexpr uint32_t kHost = 0;

// Reached when a lane has done `value` pieces of work of this run. 0: always.
struct Point {
  uint32_t lane = 0, value = 0;
};

struct Step {
  enum class Kind : uint8_t {
    submit,   // hands a segment to its lane
    move,     // brings a tensor from one place to another
    wait,     // until the lane has reached the point
    reclaim,  // the host takes back a border that it writes in the next run
  } kind = Kind::submit;
  Way way = Way::share;  // of a move
  uint32_t segment = 0;  // submit: which; move: the one that it is for, or the number of segments: for the caller
  graph::TensorId tensor = graph::kNone;
  uint32_t from = kHost, to = kHost;  // places; of a reclaim: from
  Point point;                        // of submit and copy: where it is done (0: on return); of a wait: what for
  std::vector<Point> after;           // fences that the device itself waits for
};

struct Schedule {
  std::vector<Lane> lanes;
  std::vector<Place> places;  // [0]: the host
  std::vector<Step> steps;

  // A lane's device takes fences of the other's queue.
  bool waits_natively(uint32_t lane, uint32_t other) const;
};

}  // namespace motley::plan
