// Ours against the published optimum, expert and greedy values on published device-placement workloads.
//
//     placement_bench FOLDER [--json [FILE]] [--only TEXT]
//
// With --json and no FILE, JSON is printed in place of the table.
//
// Looks through FOLDER for workloads of msr-fiddle/dnn-partitioning (JSON with maxFPGAs; the folder that a file is in
// says which objective it is for: a name that starts with "throughput" or "latency"), with published values from the
// expected.json that stands above them; and for task graphs of ANRGUSC/dagbench (JSON with task_graph and network),
// whose makespan is set against HEFT's, as no optimum is published. Every answer is checked and valued by its published
// definition, apart from the solver. Units are the files' own (ms for the former).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "answers.hpp"
#include "dagbench.hpp"
#include "place/parallel.hpp"
#include "place/validate.hpp"

namespace placement_bench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Row {
  std::string name, objective;
  double ours = -1, bound = 0, seconds = 0;
  json published = json::object();  // optimum, expert, greedy, best

  json to_json() const {
    json j = {{"name", name}, {"objective", objective}, {"ours", ours}, {"bound", bound}, {"seconds", seconds}};
    for (const char* key : {"optimum", "expert", "greedy", "published_best"})
      j[key] = published.contains(key) ? published[key] : json();
    return j;
  }
};

class Bench {
 public:
  explicit Bench(bool quiet) : quiet_(quiet) {}

  void run(const fs::path& folder, const std::string& only) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (!quiet_) print_head();
    for (const fs::path& file : files)
      if (only.empty() || file.string().find(only) != std::string::npos) run_file(file);
    if (!rows_.empty() || failed_) return;
    std::fprintf(stderr, "placement_bench: there is no workload in \"%s\"%s%s%s\n", folder.c_str(),
                 only.empty() ? "" : " whose path has \"", only.c_str(), only.empty() ? "" : "\"");
    failed_ = true;
  }
  const std::vector<Row>& rows() const { return rows_; }
  bool failed() const { return failed_; }

 private:
  // Nothing here needs more than eight levels, and deep ones would cost a stack.
  static json parse(const fs::path& file) {
    constexpr int kDeepest = 32;
    bool too_deep = false;
    const auto shallow = [&](int depth, json::parse_event_t, json&) {
      too_deep = too_deep || depth > kDeepest;
      return depth <= kDeepest;
    };
    std::ifstream stream(file);
    json j = json::parse(stream, shallow, false);
    if (too_deep) throw std::runtime_error("it is nested too deeply (more than 32 levels)");
    return j;
  }

  static std::string objective_of(const fs::path& file) {
    for (const fs::path& part : file.parent_path()) {
      if (part.string().rfind("throughput", 0) == 0) return "throughput";
      if (part.string().rfind("latency", 0) == 0) return "latency";
    }
    return "";
  }

  // What expected.json in a folder above says of the workload.
  static json expected(const fs::path& file, const std::string& objective, const std::string& name) {
    for (fs::path at = file.parent_path(); at.has_relative_path(); at = at.parent_path()) {
      if (!fs::exists(at / "expected.json")) continue;
      const json all = parse(at / "expected.json");
      if (all.is_object() && all.contains(objective)) return all[objective].value(name, json::object());
    }
    return json::object();
  }

  void run_file(const fs::path& file) {
    const std::string name = file.parent_path().filename().string() + "__" + file.stem().string();
    const std::string objective = objective_of(file);
    try {
      const json j = parse(file);
      if (j.is_discarded()) throw std::runtime_error("it is no valid JSON");
      if (is_dag(j)) return makespan(j, "dagbench__" + file.parent_path().filename().string());
      if (!is_workload(j)) return;
      const Workload workload = read_workload(j, name);
      if (objective != "latency") throughput(workload, expected(file, "throughput", name));
      if (objective != "throughput") latency(workload, expected(file, "latency", name));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", file.c_str(), error.what());
      failed_ = true;
    }
  }

  void makespan(const json& j, const std::string& name) {
    const auto begin = std::chrono::steady_clock::now();
    const motley::place::Problem problem = read_dag(j);
    const motley::place::Schedule schedule = solve_parallel(problem);
    const std::string wrong = validate(problem, schedule.plan);
    if (!wrong.empty()) throw std::runtime_error(name + ": " + wrong);
    add({name,
         "makespan",
         double(schedule.timeline.makespan_ns) / kDagUnit,
         double(schedule.bound_ns) / kDagUnit,
         since(begin),
         {{"greedy", double(schedule.heft_ns) / kDagUnit}}});
  }

  void throughput(const Workload& w, const json& known) {
    const Pipelines answer = solve_throughput(w);
    Row row{w.name,        "throughput", answer.contiguous.value, answer.contiguous.bound, answer.contiguous.seconds,
            json::object()};
    if (known.contains("optimal_max_load")) row.published["optimum"] = known["optimal_max_load"];
    if (known.contains("human_expert")) row.published["expert"] = known["human_expert"];
    add(row);
    add({w.name, "throughput_noncontiguous", answer.free.value, answer.free.bound, answer.free.seconds, row.published});
  }

  void latency(const Workload& w, const json& known) {
    if (std::any_of(w.nodes.begin(), w.nodes.end(), [](const Workload::Node& node) { return node.backward; })) return;
    const Answer answer = solve_latency(w);
    Row row{w.name, "latency", answer.value, answer.bound, answer.seconds, json::object()};
    if (known.contains("greedy_total_latency"))
      row.published["greedy"] = row.published["published_best"] = known["greedy_total_latency"];
    if (known.contains("latency_of_maxload_dp_split")) {
      const double split = known["latency_of_maxload_dp_split"].get<double>();
      if (!row.published.contains("published_best") || split < row.published["published_best"].get<double>())
        row.published["published_best"] = split;
    }
    add(row);
  }

  static double since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  static void print_head() {
    std::printf("%-36s %-26s %10s %10s %10s %10s %10s %10s %8s\n", "workload", "objective", "ours", "bound", "optimum",
                "expert", "greedy", "best known", "seconds");
  }
  void add(const Row& row) {
    rows_.push_back(row);
    if (quiet_) return;
    std::printf("%-36s %-26s %10.4f %10.4f", row.name.c_str(), row.objective.c_str(), row.ours, row.bound);
    for (const char* key : {"optimum", "expert", "greedy", "published_best"}) {
      if (row.published.contains(key) && row.published[key].is_number())
        std::printf(" %10.4f", row.published[key].get<double>());
      else std::printf(" %10s", "-");
    }
    std::printf(" %8.2f\n", row.seconds);
    std::fflush(stdout);
  }

  const bool quiet_;
  std::vector<Row> rows_;
  bool failed_ = false;
};

}  // namespace
}  // namespace placement_bench

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::string folder, json_file, only;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool is_followed_by_file = i + 1 < argc && argv[i + 1][0] != '-' && !fs::is_directory(argv[i + 1]);
    if (argument == "--json") {
      json = true;
      if (is_followed_by_file) json_file = argv[++i];
    } else if (argument == "--only" && i + 1 < argc) only = argv[++i];
    else folder = argument;
  }
  if (folder.empty() || !fs::is_directory(folder)) {
    std::fprintf(stderr, "usage: placement_bench FOLDER [--json [FILE]] [--only TEXT]; \"%s\" is no folder\n",
                 folder.c_str());
    return 2;
  }
  placement_bench::Bench bench(json && json_file.empty());
  bench.run(folder, only);
  if (!json) return bench.failed() ? 1 : 0;
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : bench.rows()) rows.push_back(row.to_json());
  const std::string text = nlohmann::json{{"workloads", rows}}.dump(1) + "\n";
  std::ofstream file(json_file);
  std::ostream& out = json_file.empty() ? std::cout : file;
  out << text << std::flush;
  if (!out) std::fprintf(stderr, "placement_bench: \"%s\" cannot be written\n", json_file.c_str());
  return bench.failed() || !out ? 1 : 0;
}
