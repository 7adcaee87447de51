// A dispatch table as it stands in its file: read strictly, and either accepted as a whole or refused with one
// sentence.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "motley/error.hpp"
#include "table/facts.hpp"

namespace motley::table {

inline constexpr const char* kSchema = "motley.dispatch/1";
inline constexpr uint64_t kMostBytes = 64ull << 20;
inline constexpr uint32_t kMostDepth = 12;
inline constexpr size_t kMostDevices = 256;
inline constexpr size_t kLongestText = 4096;
inline constexpr size_t kLongestName = 65536;                 // of a node, as in models
inline constexpr uint64_t kLargestNumber = (1ull << 53) - 1;  // what every JSON reader keeps exactly

struct DeviceRow {
  std::string id, plugin;
  Fingerprint fingerprint;
};

// How fast a config was for a problem, on the device at `device` (an index into Table::devices).
struct KernelRow {
  std::string problem, config;  // config "": what the plugin does by itself
  std::string candidate;        // pairs of the config that make it a kernel of its own, which the device offers; or ""
  uint32_t device = 0;
  uint32_t runs = 0;
  uint64_t median_ns = 0, mad_ns = 0;
  double ratio = 1, ratio_high = 1;  // time over the default's, and the upper end of its 95 % interval
  double max_rel = 0;                // largest difference from the reference, over its largest value
};

// Moving bytes: alpha_ns + bytes * beta_ps_per_byte / 1000. An end is an index into Table::devices, or kHostMemory.
inline constexpr uint32_t kHostMemory = UINT32_MAX;
struct TransferRow {
  uint32_t from = kHostMemory, to = kHostMemory;
  std::string kind;  // "map", "copy", "import", ...
  uint64_t alpha_ns = 0, beta_ps_per_byte = 0;
};

// A whole plan that was run and won: which nodes, by name after optimization, ran on which device with which config.
struct PlanRow {
  std::string graph_hash, objective;
  std::vector<uint32_t> devices;  // that there were to choose from; indices into Table::devices
  struct Segment {
    uint32_t device = 0;
    std::vector<std::string> nodes;
    std::vector<std::string> configs;  // one per node; empty: the row says none
  };
  std::vector<Segment> segments;
  // Operators that two devices compute together: elements [0, first) of the output along an axis are one node of the
  // segments ("NODE#1"), the others another ("NODE#2").
  struct Cut {
    std::string node;
    uint64_t axis = 0, first = 0;
  };
  std::vector<Cut> cuts;
  double error = 0;  // relative, of its kernels of lower precision together
  uint64_t expected_ns = 0;
};

// What core uses of a table.
struct Table {
  std::vector<DeviceRow> devices;
  std::vector<KernelRow> kernels;
  std::vector<TransferRow> transfers;
  std::vector<PlanRow> plans;
};

// The rest is in libmotley_tables.

// All checks, the hash included, on a table's text: schema/dispatch_table.schema.json, and that every device that a row
// names is listed. `what` names the text ("the table \"x.json\""). Throws Error(invalid_argument), Error(limit).
nlohmann::json parse_document(const std::string& text, const std::string& what);

// Rows of a document that parse_document accepted.
Table table_of(const nlohmann::json& document);

// Also Error(not_found), Error(io).
nlohmann::json read_document(const std::filesystem::path& path);
Table read_table(const std::filesystem::path& path);

// SHA-256 of a table's text without its line "sha256", 64 hexadecimal digits; "" where it has no such line.
std::string hash_of(const std::string& text);

}  // namespace motley::table
