// Asking devices what they can run.
#include "plan/support.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "model/serialize.hpp"

namespace motley::plan {

using graph::Graph;

namespace {

struct Answers {
  const Graph* graph;
  SupportTable* table;
};

void query_one(const Graph& graph, const motley_graph& view, plugin::Device& device, SupportTable& table) {
  const size_t nodes = graph.nodes.size(), offers = table.offers.size();
  table.failed.push_back(false);
  table.verdicts.emplace_back(nodes, Verdict{false, "the device gave no answer"});
  const auto fail = [&](const std::string& why) {
    table.verdicts.back().assign(nodes, Verdict{false, why});
    table.failed.back() = true;
    table.offers.resize(offers);
  };
  std::array<char, 512> text{};
  motley_error error{sizeof error, static_cast<uint32_t>(text.size()), text.data()};
  Answers answers{&graph, &table};
  motley_support_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &answers;
  sink.node = [](void* context, uint32_t node, motley_status status, const char* reason) {
    auto& list = static_cast<Answers*>(context)->table->verdicts.back();
    if (node >= list.size()) return;  // a lie about the graph's size is harmless
    list[node].supported = status == MOTLEY_OK;
    list[node].reason = status == MOTLEY_OK ? "" : (reason && *reason ? reason : "not supported");
  };
  sink.candidate = [](void* context, const motley_candidate* candidate) {
    const Answers& a = *static_cast<Answers*>(context);
    if (candidate)
      add_offer(*a.graph, *candidate, static_cast<uint32_t>(a.table->verdicts.size()) - 1, *a.table);
  };
  try {
    motley_device* handle = device.handle();
    const motley_status status = device.api().query_support(handle, &view, &sink, &error);
    if (status == MOTLEY_DEVICE_LOST) device.forget(handle);
    if (status != MOTLEY_OK) fail(base::text("its query failed: %", {(text[0] ? text.data() : "no message")}));
  } catch (const Error& e) {
    fail(e.what());
  }
}

}  // namespace

SupportTable query_support(const Graph& graph, const DeviceList& devices) {
  const model::SerializedGraph serialized = model::serialize(graph);
  const motley_graph view = serialized.view();
  SupportTable table;
  for (const auto& device : devices) query_one(graph, view, *device, table);
  return table;
}

}  // namespace motley::plan
