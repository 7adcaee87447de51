// Candidates that devices offer: taken, judged, and known again.
#include <algorithm>
#include <cstring>

#include "plan/offers.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;
using schema::DataType;

namespace {

constexpr size_t kMostNodes = 64, kMostPerNode = 16, kLongestConfig = 1024;

// How precise a type of reals is; -1 for others.
int rank_of(DataType type) {
  switch (type) {
    case DataType::float64: return 4;
    case DataType::float32: return 3;
    case DataType::float16: return 2;
    case DataType::bfloat16: return 1;
    default: return -1;
  }
}

// Where nothing was measured, about a unit in the last place.
int64_t usual_error_ppb(DataType precision) {
  switch (precision) {
    case DataType::float32: return 100;  // of a model in float64
    case DataType::float16: return 500000;
    case DataType::bfloat16: return 4000000;
    default: return 8000000;
  }
}

// Whether a kernel in this precision computes less than the node asks for. Nodes that compute with integers ask for no
// reals.
bool is_lower(const Graph& graph, const Node& node, DataType precision) {
  const bool has_output = !node.outputs.empty() && node.outputs[0] != graph::kNone;
  const int asked = has_output ? rank_of(graph.tensor(node.outputs[0]).type) : -1;
  return precision != DataType::undefined && asked > rank_of(precision);
}

size_t count_offers(const SupportTable& table, uint32_t device, uint32_t node) {
  size_t count = 0;
  for (size_t i = table.offers.size(); i > 0 && table.offers[i - 1].device == device; --i)
    count += table.offers[i - 1].nodes[0] == node;
  return count;
}

}  // namespace

void add_offer(const Graph& graph, const motley_candidate& candidate, uint32_t device, SupportTable& table) {
  motley_candidate c{};
  std::memcpy(&c, &candidate, std::min<size_t>(candidate.struct_size, sizeof c));
  if (!c.nodes || c.node_count == 0 || c.node_count > kMostNodes || c.precision > 13) return;
  const auto layout = static_cast<schema::Layout>(c.layout);
  if (c.layout > 0xff || (layout != schema::Layout::row_major && layout != schema::Layout::nhwc)) return;
  Offer offer;
  offer.device = device;
  offer.layout = layout;
  offer.nodes.assign(c.nodes, c.nodes + c.node_count);
  for (size_t i = 0; i < offer.nodes.size(); ++i)
    if (offer.nodes[i] >= graph.nodes.size() || (i && offer.nodes[i] <= offer.nodes[i - 1])) return;
  if (c.config && std::strlen(c.config) > kLongestConfig) return;
  if (c.config) offer.config = c.config;
  if (c.cost_ns > 0) offer.prior_ns = c.cost_ns;
  const auto precision = static_cast<DataType>(c.precision);
  for (uint32_t n : offer.nodes)
    if (is_lower(graph, graph.nodes[n], precision)) offer.precision = precision;
  if (offer.precision != DataType::undefined) offer.error_ppb = usual_error_ppb(precision);
  // With nothing to tell it by it would be the node's verdict again.
  const bool is_known = offer.config.empty() && c.node_count == 1 && layout == schema::Layout::row_major;
  if (is_known || count_offers(table, device, offer.nodes[0]) >= kMostPerNode) return;
  table.offers.push_back(std::move(offer));
}

bool is_possible(const Offer& offer, const Request& request, const SupportTable& support) {
  // Nodes that are kept are run apart.
  if (offer.nodes.size() > 1 && (request.keep_all || !request.keep.empty())) return false;
  if (offer.layout != schema::Layout::row_major && (request.keep_all || !request.layouts)) return false;
  for (uint32_t n : offer.nodes)
    if (!support.allows(offer.device, n)) return false;
  return true;
}

bool has_choice(const SupportTable& support, size_t nodes) {
  for (size_t i = 0; i < nodes; ++i) {
    size_t able = 0;
    for (size_t d = 0; d < support.verdicts.size(); ++d) able += support.allows(d, i);
    if (able > 1) return true;
  }
  return false;
}

bool has_offers(const Request& request, const SupportTable& support) {
  const int64_t budget = request.error_budget_ppb;
  return std::any_of(support.offers.begin(), support.offers.end(), [&](const Offer& offer) {
    return (offer.error_ppb <= budget || (budget > 0 && request.advisor)) && is_possible(offer, request, support);
  });
}

table::Reserved reserved_for(const SupportTable& support, size_t device) {
  table::Reserved reserved;
  for (const Offer& offer : support.offers)
    if (offer.device == device && offer.precision != DataType::undefined && offer.nodes.size() == 1)
      reserved.emplace_back(offer.nodes[0], offer.config);
  return reserved;
}

}  // namespace motley::plan
