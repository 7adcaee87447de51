// The command line of onnx_conformance and model_conformance.
#include "runner.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "data_root.hpp"
#include "report.hpp"
#include "worker.hpp"

namespace motley::conformance {
namespace {

struct Arguments {
  std::vector<std::filesystem::path> folders;
  CompileOptions options;  // devices and fallback
  std::string filter = "*";
  PlacementMode placement;
  ReportOptions report;
  bool no_data = false;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return parts;
}

// "alternate" or "random:20".
PlacementMode parse_placement(const std::string& text) {
  if (text == "alternate") return {PlacementMode::Kind::alternate, 1};
  const int seeds = text.starts_with("random:") ? std::atoi(text.c_str() + 7) : 0;
  if (seeds < 1 || seeds > 100000)
    throw Error(ErrorCode::invalid_argument,
                "\"--placement " + text + "\" is neither \"alternate\" nor \"random:\" and a number of seeds");
  return {PlacementMode::Kind::random, static_cast<unsigned>(seeds)};
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) throw Error(ErrorCode::invalid_argument, "\"" + word + "\" needs a value");
      return argv[++i];
    };
    if (word == "--devices") arguments.options.devices = split(value());
    else if (word == "--no-fallback") arguments.options.fallback = false;
    else if (word == "--json") arguments.report.json = value();
    else if (word == "--filter") arguments.filter = value();
    else if (word == "--placement") arguments.placement = parse_placement(value());
    else if (word == "--list-skipped") arguments.report.list_skipped = true;
    else if (word.starts_with("--"))
      throw Error(ErrorCode::invalid_argument, "\"" + word +
                                                   "\" is no option; there are --devices, --no-fallback, --placement, "
                                                   "--json, --filter and --list-skipped");
    else if (const auto folder = resolve(word)) arguments.folders.push_back(*folder);
    else arguments.no_data = true;
  }
  if (arguments.folders.empty() && !arguments.no_data)
    throw Error(ErrorCode::invalid_argument,
                "usage: " + std::filesystem::path(argv[0]).filename().string() +
                    " FOLDER… [--devices D,… [--no-fallback]] [--placement alternate|random:SEEDS] [--json FILE] [--filter GLOB] "
                    "[--list-skipped]");
  return arguments;
}

std::vector<Result> run_all(const std::vector<Case>& cases, const Arguments& arguments, int seconds) {
  std::vector<Result> results;
  std::unique_ptr<Runtime> runtime;  // made in the child
  const bool terminal = ::isatty(STDERR_FILENO);
  run_in_workers(
      cases.size(), {.seconds = seconds},
      [&](size_t i) {
        if (!runtime) runtime = std::make_unique<Runtime>();
        return pack(run_case(*runtime, cases[i], arguments.options, arguments.placement));
      },
      [&](size_t i, const Outcome& outcome) {
        if (outcome.finished) results.push_back(unpack(outcome.text));
        else results.push_back({cases[i].name, cases[i].op, Status::failed, outcome.text, {}, false});
        if (terminal) std::fprintf(stderr, "\r%zu of %zu ", i + 1, cases.size());
      });
  if (terminal) std::fprintf(stderr, "\r                    \r");
  return results;
}

}  // namespace

int run_program(int argc, char** argv, bool per_op, int seconds) {
  try {
    Arguments arguments = parse(argc, argv);
    arguments.report.per_op = per_op;
    if (arguments.folders.empty()) {
      std::printf("test data not present: skipped\n");
      return kNoData;
    }
    std::vector<Case> cases;
    for (const auto& folder : arguments.folders)
      for (Case& c : find_cases(folder))
        if (::fnmatch(arguments.filter.c_str(), c.name.c_str(), 0) == 0) cases.push_back(std::move(c));
    return report(run_all(cases, arguments, seconds), arguments.report);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}

}  // namespace motley::conformance
