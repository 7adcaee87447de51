// Feeds broken models to the importer and the runtime: bin/malformed_conformance FOLDER [--verbose]
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "convert/convert.hpp"
#include "data_root.hpp"
#include "motley/motley.hpp"
#include "worker.hpp"

namespace motley::conformance {
namespace {
namespace fs = std::filesystem;

constexpr size_t kGiB = size_t{1} << 30;
constexpr int kSeconds = 10;

// File name → whether it must be refused. From manifest.json in the folder or its parent.
std::map<std::string, bool> read_manifest(const fs::path& folder) {
  std::map<std::string, bool> must_reject;
  for (const fs::path& place : {folder / "manifest.json", folder.parent_path() / "manifest.json"}) {
    if (!fs::exists(place)) continue;
    std::ifstream file(place);
    for (const auto& entry : nlohmann::json::parse(file)) {
      const std::string format = entry.value("format", folder.filename().string());
      if (format == folder.filename().string() || place.parent_path() == folder)
        must_reject[fs::path(entry.at("file").get<std::string>()).filename().string()] =
            entry.value("expect", "") == "reject";
    }
    break;
  }
  return must_reject;
}

std::string import_and_run(const fs::path& path) {
  Limits limits;
  limits.max_tensor_bytes = kGiB / 8;
  limits.max_run_bytes = kGiB / 4;
  try {
    set_thread_count(1);
    const Model model = Model::from_module(convert::import_onnx(path, {.limits = limits}));
    // Drivers of GPUs need more address space than a case may have, and what they do without is theirs.
    RuntimeOptions without_gpus;
    without_gpus.disable = {"opencl", "vulkan"};
    const Runtime runtime(without_gpus);
    Session session = runtime.compile(model, {.limits = limits});
    session.run();  // inputs are zero
    return "accepted";
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) return std::string("failed: internal error: ") + e.what();
    return std::string("refused: ") + e.what();
  } catch (const std::exception& e) {
    return std::string("failed: an error that is not Motley's: ") + e.what();
  }
}

struct Totals {
  size_t passed = 0, failed = 0;
};

void judge(const std::string& name, const Outcome& outcome, bool must_reject, bool verbose, Totals& totals) {
  std::string problem;
  if (!outcome.finished) problem = outcome.text;
  else if (outcome.text.starts_with("failed: ")) problem = outcome.text.substr(8);
  else if (must_reject && outcome.text == "accepted") problem = "was accepted, and must be refused";
  ++(problem.empty() ? totals.passed : totals.failed);
  if (!problem.empty()) std::printf("failed %s: %s\n", name.c_str(), problem.c_str());
  else if (verbose) std::printf("%s: %s\n", name.c_str(), outcome.text.c_str());
}

int run(const fs::path& given, bool verbose) {
  const fs::path folder = fs::path(given / "").parent_path();
  if (!fs::is_directory(folder)) throw Error(ErrorCode::io, "\"" + folder.string() + "\" is no folder");
  const std::map<std::string, bool> must_reject = read_manifest(folder);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "manifest.json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Totals totals;
  run_in_workers(
      files.size(), {.seconds = kSeconds, .memory_bytes = kGiB, .process_each = true},
      [&](size_t i) { return import_and_run(files[i]); },
      [&](size_t i, const Outcome& outcome) {
        const std::string name = files[i].filename().string();
        const auto expected = must_reject.find(name);
        judge(name, outcome, expected != must_reject.end() && expected->second, verbose, totals);
      });
  std::printf("%zu passed, %zu failed, 0 skipped\n", totals.passed, totals.failed);
  return totals.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace motley::conformance

int main(int argc, char** argv) {
  using namespace motley;
  const bool verbose = argc == 3 && std::string(argv[2]) == "--verbose";
  if (argc != 2 && !verbose) {
    std::fprintf(stderr, "usage: malformed_conformance FOLDER [--verbose]\n");
    return 2;
  }
  try {
    const auto folder = conformance::resolve(argv[1]);
    if (folder) return conformance::run(*folder, verbose);
    std::printf("test data not present: skipped\n");
    return conformance::kNoData;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
