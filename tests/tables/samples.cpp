// Tables for tests.
#include "samples.hpp"

#include <fstream>
#include <stdexcept>

#include "plugin/registry.hpp"
#include "table/document.hpp"
#include "table/fingerprint.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::test {

using nlohmann::json;
namespace fs = std::filesystem;

Folder::Folder() {
  std::string pattern = (fs::temp_directory_path() / "motley_tables_XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}
Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write");
}

json kernel_row(const std::string& problem, const std::string& device, const std::string& config, double ratio) {
  return {{"problem_key", problem},
          {"device", device},
          {"config", config},
          {"median_ns", static_cast<uint64_t>(1e6 * ratio)},
          {"mad_ns", 1000},
          {"runs", 10},
          {"ratio_vs_default", ratio},
          {"ratio_high", config.empty() ? 1 : ratio * 1.01},
          {"error", {{"max_abs", 0}, {"max_rel", 0}}},
          {"rigor", "measure"}};
}

namespace {

json cpu_here() {
  const plugin::Registry registry = plugin::discover({.files = {MOTLEY_PLUGINS "/cpu.json"}, .standard_places = false});
  return tuner::device_row("here", "cpu", table::fingerprint_of(*registry.devices.at(0)));
}

// The keys that the network's nodes have on the cpu.
std::vector<std::string> problems_of_small_cnn() {
  const Folder folder;
  write(folder / "empty.json", tuner::table_text(tuner::canonical(tuner::empty_document("test"))));
  const Session session = runtime_with().compile(
      small_cnn(), {.devices = {"cpu"}, .table = folder / "empty.json", .bad_table = BadTable::fail});
  std::vector<std::string> keys;
  for (const Placement& p : session.explain().nodes)
    if (!p.problem_key.empty()) keys.push_back(p.problem_key);
  return keys;
}

}  // namespace

json table_for_small_cnn() {
  json document = tuner::empty_document("test");
  document["devices"].push_back(cpu_here());
  size_t convolutions = 0;
  for (const std::string& key : problems_of_small_cnn()) {
    document["kernels"].push_back(kernel_row(key, "here", "", 1));
    if (key.starts_with("conv ") && convolutions++ % 2 == 0)
      document["kernels"].push_back(kernel_row(key, "here", "algorithm=im2col,kc=128,mc=48,nc=128", 0.8));
  }
  return document;
}

json random_document(std::mt19937& random) {
  const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  json document = tuner::empty_document(pick(2) ? "tool a" : "tool b");
  const int devices = 1 + pick(4);
  for (int d = 0; d < devices; ++d) {
    // Few different ones, so that tables share devices under other names.
    json hw = {{"cores", std::to_string(1 << pick(3))}}, driver = {{"version", std::to_string(pick(2))}};
    document["devices"].push_back({{"id", "dev" + std::to_string(d)},
                                   {"plugin", pick(3) ? "cpu" : "gpu"},
                                   {"fingerprint", {{"hw", hw}, {"driver", driver}, {"kernels", {{"build", "1"}}}}}});
  }
  const auto device = [&] { return "dev" + std::to_string(pick(devices)); };
  for (int k = pick(20); k > 0; --k) {
    const int config = pick(4);
    document["kernels"].push_back(kernel_row("n=" + std::to_string(8 << pick(4)), device(),
                                             config ? "c=" + std::to_string(config) : "",
                                             config ? 0.5 + 0.01 * pick(60) : 1));
  }
  for (int t = pick(4); t > 0; --t)
    document["transfers"].push_back({{"from", pick(2) ? "host" : device()},
                                     {"to", device()},
                                     {"kind", "copy"},
                                     {"alpha_ns", pick(3)},
                                     {"beta_ps_per_byte", pick(3)}});
  for (int p = pick(3); p > 0; --p)
    document["plans"].push_back({{"graph_hash", "g" + std::to_string(pick(3))},
                                 {"shapes", {{"x", {1, pick(3)}}}},
                                 {"devices", {device()}},
                                 {"objective", "latency"},
                                 {"segments", {{{"device", device()}, {"nodes", {"a", "b"}}}}},
                                 {"expected_ns", pick(5)},
                                 {"bound_ns", 0}});
  return document;
}

std::string sealed(const json& document) {
  if (!document.is_object()) return document.dump();
  std::string text = "{";
  for (const auto& [key, value] : document.items())
    if (key != "sha256") text += "\n " + json(key).dump() + ": " + value.dump() + ",";
  return resealed(text + "\n \"sha256\": \"" + std::string(64, '0') + "\"\n}\n");
}

std::string resealed(std::string text) {
  static const std::string kBegin = "\n \"sha256\": \"";
  const size_t at = text.find(kBegin);
  const std::string hash = table::hash_of(text);
  if (hash.empty() || at + kBegin.size() + hash.size() > text.size()) return text;
  return text.replace(at + kBegin.size(), hash.size(), hash);
}

}  // namespace motley::test
