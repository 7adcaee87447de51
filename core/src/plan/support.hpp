// Asking devices what they can run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "plugin/registry.hpp"

namespace motley::plan {

using DeviceList = std::vector<std::shared_ptr<plugin::Device>>;

// One device's answer for one node: empty means yes.
struct Verdict {
  bool supported = false;
  std::string reason;
  bool spare = false;  // it does, but a device that the caller asked for does too
};

// A candidate of a device beyond its verdicts: another kernel for a node, or one for several.
struct Offer {
  uint32_t device = 0;
  std::vector<uint32_t> nodes;  // ascending; the device supports each of them
  schema::DataType precision{};  // that it computes in; undefined where that is not lower than the nodes' own
  int64_t error_ppb = 0;         // relative, parts per billion; 0 where the precision is not lower
  double prior_ns = 0;           // what the plugin thinks it costs; 0: it does not say
  std::string config;            // that its nodes get to have it compiled
  // Of the computed tensors of three dimensions and more that it reads and writes.
  schema::Layout layout = schema::Layout::row_major;
};

// verdicts[device][node].
struct SupportTable {
  std::vector<std::vector<Verdict>> verdicts;
  std::vector<bool> failed;  // per device: it gave no answer at all, and why is in every verdict
  std::vector<Offer> offers;  // by device, in the order in which it made them
  const Verdict& at(size_t device, size_t node) const { return verdicts[device][node]; }
  // Whether a plan may use it.
  bool allows(size_t device, size_t node) const { return at(device, node).supported && !at(device, node).spare; }
};

// Every device is asked about every node. A device whose query fails supports nothing, with its error as the reason.
SupportTable query_support(const graph::Graph& graph, const DeviceList& devices);

// Takes what a device offers, if it makes sense for the graph: there are at most 16 for each node, in layouts that
// plans know: row-major and nhwc.
void add_offer(const graph::Graph& graph, const motley_candidate& candidate, uint32_t device, SupportTable& table);

}  // namespace motley::plan
