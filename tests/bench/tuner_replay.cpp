// Replays searches on recorded tuning data: how close to the optimum after so many evaluations, and under noise.
//   bin/tuner_replay FILE... [--seeds N] [--strategy NAME] [--only cold|siblings|recorded|noise] [--json]
// FILE is T4 or a Kernel Tuner cache, also with .gz. Files of one kernel on several devices are each other's siblings.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "formats/read.hpp"
#include "replay/noise.hpp"
#include "replay/replay.hpp"

using namespace motley::tuner;

namespace {

constexpr size_t kBudgets[] = {10, 25, 50, 100, 200, 400};
constexpr size_t kMost = 400;
constexpr size_t kMostWithSiblings = 100;
constexpr size_t kNoiseEvaluations = 200;

struct Options {
  std::vector<std::string> files;
  size_t seeds = 20;
  std::string strategy = "motley";
  std::string only;  // "cold", "siblings", "recorded" (siblings of which all is known) or "noise"; "": all
  bool json = false;

  bool wants(const char* part) const { return only.empty() || only == part; }
};

// Calls work(i) for all i < count, on as many threads as there are cores.
void in_parallel(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t)
    threads.emplace_back([&] {
      for (size_t i = next++; i < count; i = next++) work(i);
    });
  for (std::thread& thread : threads) thread.join();
}

// Mean over seeds of the fraction at each budget, and the least of any seed at the same.
struct Row {
  std::string name;
  std::map<size_t, double> mean, least;
};

// Searches of all spaces, `seeds` of each, space by space.
using Results = std::vector<ReplayResult>;
Results search_all(size_t spaces, size_t seeds, const std::function<ReplayResult(size_t space, size_t seed)>& search) {
  Results results(spaces * seeds);
  in_parallel(results.size(), [&](size_t i) { results[i] = search(i / seeds, i % seeds); });
  return results;
}

// The row of one space, from results[first] on.
Row row_of(const std::string& name, const Results& results, size_t first, size_t seeds) {
  Row row{name, {}, {}};
  for (const size_t budget : kBudgets) {
    if (results[first].fractions.size() < budget) break;
    row.least[budget] = 1;
    for (size_t i = first; i < first + seeds; ++i) {
      const double fraction = results[i].fractions[budget - 1];
      row.mean[budget] += fraction / static_cast<double>(seeds);
      row.least[budget] = std::min(row.least[budget], fraction);
    }
  }
  return row;
}

std::map<size_t, double> mean_of(const std::vector<Row>& rows) {
  std::map<size_t, double> mean;
  for (const Row& row : rows)
    for (const auto& [budget, value] : row.mean) mean[budget] += value / static_cast<double>(rows.size());
  return mean;
}
std::map<size_t, double> worst_of(const std::vector<Row>& rows) {
  std::map<size_t, double> worst;
  for (const Row& row : rows)
    for (const auto& [budget, value] : row.mean)
      worst[budget] = worst.contains(budget) ? std::min(worst[budget], value) : value;
  return worst;
}

std::vector<size_t> siblings_of(const std::vector<RecordedSpace>& spaces, size_t space) {
  std::vector<size_t> siblings;
  for (size_t other = 0; other < spaces.size(); ++other)
    if (spaces[other].is_sibling_of(spaces[space])) siblings.push_back(other);
  return siblings;
}

// All of a recording.
std::vector<Observed> all_of(const RecordedSpace& space) {
  std::vector<Observed> all;
  for (size_t id = 0; id < space.candidates().size(); ++id) all.push_back({id, space.cost(id)});
  return all;
}

// Searches that know what the siblings' own searches measured, those in `cold`, or, where that is empty, all that is
// recorded of them; spaces without a sibling are left out.
std::vector<Row> sibling_rows(const std::vector<RecordedSpace>& spaces, const Results& cold, const Options& options) {
  std::vector<size_t> chosen;
  for (size_t s = 0; s < spaces.size(); ++s)
    if (!siblings_of(spaces, s).empty()) chosen.push_back(s);
  const Results results = search_all(chosen.size(), options.seeds, [&](size_t choice, size_t seed) {
    std::vector<Sibling> tables;
    for (const size_t other : siblings_of(spaces, chosen[choice]))
      tables.push_back(spaces[other].as_sibling_for(
          spaces[chosen[choice]], cold.empty() ? all_of(spaces[other]) : cold[other * options.seeds + seed].observed));
    return replay(spaces[chosen[choice]], options.strategy, kMostWithSiblings, seed + 1, std::move(tables));
  });
  std::vector<Row> rows;
  for (size_t i = 0; i < chosen.size(); ++i)
    rows.push_back(row_of(spaces[chosen[i]].name(), results, i * options.seeds, options.seeds));
  return rows;
}

struct NoiseRow {
  std::string name;
  double loss = 0, worst = 0, fraction = 0, runs = 0;
};

std::vector<NoiseRow> noise_rows(const std::vector<RecordedSpace>& spaces, const Options& options) {
  using Pick = NoiseResult (*)(const RecordedSpace&, size_t, const NoiseModel&, uint64_t);
  const std::pair<const char*, Pick> ways[] = {
      {"one_run", pick_by_one_run}, {"best_of_two", pick_by_best_of_two}, {"racing", pick_by_racing}};
  std::vector<NoiseRow> rows;
  for (const auto& [name, pick] : ways) {
    std::vector<NoiseResult> results(spaces.size() * options.seeds);
    in_parallel(results.size(), [&, pick = pick](size_t i) {
      results[i] = pick(spaces[i / options.seeds], kNoiseEvaluations, {}, i % options.seeds + 1);
    });
    NoiseRow row{name, 0, 0, 0, 0};
    for (const NoiseResult& result : results) {
      const double share = 1 / static_cast<double>(results.size());
      row.loss += result.loss * share;
      row.fraction += result.fraction * share;
      row.runs += result.runs_per_candidate * share;
      row.worst = std::max(row.worst, result.loss);
    }
    rows.push_back(row);
  }
  return rows;
}

void print(const char* title, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  std::printf("\n%-44s", title);
  for (const auto& [budget, value] : rows[0].mean) std::printf("%8zu", budget);
  std::printf("\n");
  auto line = [](const std::string& name, const std::map<size_t, double>& values) {
    std::printf("%-44s", name.c_str());
    for (const auto& [budget, value] : values) std::printf("%8.3f", value);
    std::printf("\n");
  };
  for (const Row& row : rows) {
    line(row.name, row.mean);
    line("  least of all seeds", row.least);
  }
  line("mean", mean_of(rows));
  line("worst space", worst_of(rows));
}

nlohmann::json json_of(const std::map<size_t, double>& values) {
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [budget, value] : values) result[std::to_string(budget)] = value;
  return result;
}
nlohmann::json json_of(const std::vector<Row>& rows) {
  nlohmann::json result = {
      {"spaces", nlohmann::json::array()}, {"mean", json_of(mean_of(rows))}, {"worst", json_of(worst_of(rows))}};
  for (const Row& row : rows) {
    result["spaces"].push_back(json_of(row.mean));
    result["spaces"].back()["name"] = row.name;
  }
  return result;
}

void print_json(const std::vector<Row>& cold, const std::vector<Row>& seeded, const std::vector<Row>& known,
                const std::vector<NoiseRow>& noise) {
  nlohmann::json result = json_of(cold);
  if (!seeded.empty()) result["siblings"] = json_of(seeded);
  if (!known.empty()) result["siblings_recorded"] = json_of(known);
  result["noise"] = nlohmann::json::object();
  for (const NoiseRow& row : noise)
    result["noise"][row.name] = {
        {"loss", row.loss}, {"worst", row.worst}, {"fraction", row.fraction}, {"runs_per_config", row.runs}};
  std::printf("%s\n", result.dump(1).c_str());
}

Options options_of(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--json") options.json = true;
    else if (argument == "--only" && i + 1 < count) options.only = arguments[++i];
    else if (argument == "--seeds" && i + 1 < count) options.seeds = std::strtoul(arguments[++i], nullptr, 10);
    else if (argument == "--strategy" && i + 1 < count) options.strategy = arguments[++i];
    else if (argument.starts_with("--"))
      throw std::runtime_error("there is no option " + argument + ", or it lacks its value");
    else options.files.push_back(argument);
  }
  if (options.files.empty() || options.seeds == 0)
    throw std::runtime_error(
        "usage: tuner_replay FILE... [--seeds N] [--strategy NAME] [--only cold|siblings|recorded|noise] [--json]");
  return options;
}

std::string name_of(const std::string& file) {
  const size_t slash = file.rfind('/');
  const std::string base = file.substr(slash == std::string::npos ? 0 : slash + 1);
  return base.substr(0, base.find('.'));
}

void run(const Options& options) {
  std::vector<RecordedSpace> spaces;
  for (const std::string& file : options.files) {
    Recording recording = read_recording(file);
    if (recording.damaged)
      std::fprintf(stderr, "tuner_replay: %s: %zu rows are damaged and count as failed\n", file.c_str(),
                   recording.damaged);
    spaces.emplace_back(name_of(file), std::move(recording));
  }
  std::vector<Row> cold, seeded, known;
  std::vector<NoiseRow> noise;
  Results results;
  if (options.wants("cold") || options.wants("siblings"))
    results = search_all(spaces.size(), options.seeds, [&](size_t space, size_t seed) {
      return replay(spaces[space], options.strategy, kMost, seed + 1);
    });
  if (options.wants("cold"))
    for (size_t s = 0; s < spaces.size(); ++s)
      cold.push_back(row_of(spaces[s].name(), results, s * options.seeds, options.seeds));
  if (!options.json) print("fraction of the optimum after evaluations", cold);
  if (options.wants("siblings")) seeded = sibling_rows(spaces, results, options);
  if (!options.json) print("the same, with siblings' searches of 400", seeded);
  if (options.wants("siblings") || options.wants("recorded")) known = sibling_rows(spaces, {}, options);
  if (!options.json) print("the same, with all of siblings' recordings", known);
  if (options.wants("noise")) noise = noise_rows(spaces, options);
  if (options.json) return print_json(cold, seeded, known, noise);
  if (!noise.empty())
    std::printf("\n%-44s%8s%8s%10s%8s\n", "10 % noise and throttling, 200 configs", "loss", "worst", "fraction",
                "runs");
  for (const NoiseRow& row : noise)
    std::printf("%-44s%8.3f%8.3f%10.3f%8.2f\n", row.name.c_str(), row.loss, row.worst, row.fraction, row.runs);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(options_of(count, arguments));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tuner_replay: %s\n", error.what());
    return 1;
  }
}
