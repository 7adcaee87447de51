// Asking a plugin about the checker's cases, and about further ones for ops that the checker has none for.
#include <set>
#include <stdexcept>

#include "cases.hpp"
#include "graph/infer.hpp"
#include "library.hpp"
#include "probes.hpp"
#include "runner.hpp"
#include "table.hpp"

namespace motley::op_table {

std::map<std::string, Claim> ask(const std::string& library) {
  const motley_plugin api = check::copy_api(check::load(library));
  check::ErrorBuffer message;
  if (api.init && api.init(&message.error) != MOTLEY_OK)
    throw std::runtime_error(library + " does not start: " + message.text);
  const auto devices = check::enumerate(api);
  if (devices.empty()) throw std::runtime_error(library + " offers no device");
  check::OpenDevice device(api, devices.front());

  std::map<std::string, Claim> claims;
  const auto put = [&](const graph::Graph& graph) {
    const graph::Node& node = graph.nodes.front();
    const model::SerializedGraph serialized = model::serialize(graph);
    const bool taken = check::query(device, serialized.view()).front().empty();
    for (const std::string& label : std::set<std::string>{graph::describe_op(node), schema::EnumNameOp(node.op)}) {
      ++claims[label].asked;
      claims[label].taken += taken;
    }
  };
  std::set<schema::Op> covered;
  for (const check::Case& c : check::all_cases()) {
    put(c.graph);
    covered.insert(c.graph.nodes.front().op);
  }
  for (const graph::Graph& graph : probes())
    if (!covered.contains(graph.nodes.front().op)) put(graph);
  return claims;
}

}  // namespace motley::op_table
