// Chooses configs for nodes from a dispatch table: asks the device what its problem is, and offers only what the device
// takes.
#pragma once

#include <memory>
#include <optional>

#include "graph/graph.hpp"
#include "plugin/registry.hpp"
#include "table/entry.hpp"

namespace motley::table {

// What became of a table's rows for one device of the table.
struct Unused {
  std::string device, reason;
  size_t rows = 0;
  bool stale = false;  // a device here was measured and has changed since: to be tuned again
};

// What was looked up for one node.
struct NodeChoice {
  uint32_t node = 0;    // index into the graph's nodes
  std::string problem;  // the key that the device's plugin gives it, or else node_key's
  Answer answer;
};

// Configs of a node on a device that stand for kernels of their own: they are answers of find_with alone.
using Reserved = std::vector<std::pair<uint32_t, std::string>>;

// What names the problem of nodes on a device that supports them: what its plugin says, or else node_key; of several
// nodes, which it runs as one kernel, the names of all. All [any].
std::string problem_of(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device);

// Whether a config has the pairs that the device offers for the nodes, and no more than it takes: a table's word is not
// enough. [any]
bool takes(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device,
           const std::string& config, const std::string& pairs);

// A table with the devices of a session. Immutable, and [any] after construction.
class Advisor {
 public:
  Advisor(const TableReader& reader, std::shared_ptr<const Table> table,
          const std::vector<std::shared_ptr<plugin::Device>>& devices);
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  const Table& table() const { return *table_; }
  // Per device of the table whose rows were not all measured on a device here as it is now.
  const std::vector<Unused>& unused() const { return unused_; }

  // For each of the nodes, on a device that supports them. Nothing for a device that the advisor does not know. Where
  // `raced` has configs, one per node of the graph, those count and not the rows of kernels, which only say their
  // times.
  std::vector<NodeChoice> choose(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device,
                                 const std::vector<std::string>& raced = {}, const Reserved& reserved = {}) const;

  // What the table has of nodes (several: as one kernel) with a config that their device offers as a kernel of its own,
  // or with more than that. Source::none where that was not measured.
  Answer find_with(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device,
                   const std::string& config) const;

  // The fastest plan for this graph within a relative error that was measured on devices which are all here as they
  // were, of those that cut operators or of those that cut none; null where there is none. Devices of the result are
  // those of the constructor.
  struct Plan {
    struct Node {
      std::string name;
      const plugin::Device* device;
      std::string config;
    };
    std::vector<Node> nodes;
    bool has_configs = true;  // false: the row says none, and rows of kernels count
    uint64_t expected_ns = 0;
    const PlanRow* row = nullptr;  // of the table
  };
  std::optional<Plan> plan_for(const graph::Graph& graph, const std::string& objective, double error, bool cut) const;

  // What moving bytes from one device's memory to another's was measured to take, the fence included; null is the
  // host's memory. False where the table has no row for these two as they are now.
  bool find_transfer(const plugin::Device* from, const plugin::Device* to, TransferRow& cost) const;

 private:
  const Lookup* lookup_for(const plugin::Device& device) const;
  // The device here that the table's one is, with nothing changed; null where there is none.
  const plugin::Device* same_device(uint32_t of_table) const;

  std::shared_ptr<const Table> table_;
  std::vector<std::pair<const plugin::Device*, std::unique_ptr<Lookup>>> lookups_;
  std::vector<Unused> unused_;
};

}  // namespace motley::table
