// Does tuning pay, and are predictions true? For models and a table that `motley tune` made of them:
//
//   live_bench --table TABLE.json [--seconds 10] [--blocks 8] [--seed 1] [--shape NAME=1,3,224,224]… [--json] MODEL…
//
// One process holds a session without a table, one per device without and with the table, and one with the table. They
// take turns in random order; of a turn the median run counts, after some that do not. Two sessions of the same plan
// differ by some per cent where a run is short, as their memory lies elsewhere: so all are made anew in each block. A
// block's ratio is the median of those of its rounds; the middle of the blocks and its 95 % interval are printed. What is
// more than twice as slow as the fastest runs in the first block only.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "convert/convert.hpp"
#include "measure/statistics.hpp"
#include "motley/motley.hpp"

namespace motley {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double kTurnNs = 4e6, kMostTurnRuns = 25;
constexpr double kWarmNs = 1e6, kMostWarmRuns = 10, kWarmBelowNs = 50e6;
constexpr size_t kLeastRounds = 5;
constexpr double kFarBehind = 2;

struct Options {
  std::vector<std::string> models;
  std::string table;
  InputShapes shapes;
  double seconds = 10;  // per model
  size_t blocks = 8;
  uint64_t seed = 1;
  bool as_json = false;
};

[[noreturn]] void usage() {
  std::fprintf(stderr, "live_bench --table TABLE.json [--seconds 10] [--blocks 8] [--seed 1] [--shape NAME=1,2]… "
                       "[--json] MODEL…\n");
  std::exit(2);
}

std::pair<std::string, std::vector<int64_t>> parse_shape(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) usage();
  std::vector<int64_t> shape;
  for (size_t at = equals + 1; at < text.size(); at = text.find(',', at) == std::string::npos ? text.size() : text.find(',', at) + 1)
    shape.push_back(std::atoll(text.c_str() + at));
  return {text.substr(0, equals), shape};
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : (usage(), std::string()); };
    if (word == "--table") o.table = value();
    else if (word == "--seconds") o.seconds = std::atof(value().c_str());
    else if (word == "--blocks") o.blocks = std::max<size_t>(static_cast<size_t>(std::atoll(value().c_str())), 1);
    else if (word == "--seed") o.seed = static_cast<uint64_t>(std::atoll(value().c_str()));
    else if (word == "--shape") o.shapes.insert(parse_shape(value()));
    else if (word == "--json") o.as_json = true;
    else if (word.starts_with("--")) usage();
    else o.models.push_back(word);
  }
  if (o.models.empty() || o.table.empty()) usage();
  return o;
}

// Numbers that no kernel stumbles over: floats from 0 to 1, indices 0 or 1.
void fill_inputs(Session& session) {
  std::mt19937 random(1);
  for (const std::string& name : session.input_names()) {
    TensorRef input = session.input(name);
    std::vector<std::byte> bytes(input.bytes());
    const size_t size = size_of(input.type());
    for (size_t i = 0; size > 0 && i + size <= bytes.size(); i += size) {
      const float value = std::uniform_real_distribution<float>(0, 1)(random);
      if (input.type() == DataType::float32) std::memcpy(bytes.data() + i, &value, 4);
      else if (input.type() >= DataType::int8) bytes[i] = value < 0.5f ? std::byte{0} : std::byte{1};
    }
    input.copy_from_bytes(bytes);
  }
}

struct Contestant {
  std::string name;
  std::vector<std::string> devices;
  bool has_table = false;
  std::optional<Session> session = {};
  std::vector<std::vector<double>> ns = {};  // per block, one per round
  double usual_ns = kTurnNs;

  void open(const Runtime& runtime, const Model& model, const Options& o) {
    CompileOptions options;
    options.devices = devices;
    options.input_shapes = o.shapes;
    if (has_table) options.table = o.table, options.bad_table = BadTable::fail;
    session.emplace(runtime.compile(model, options));
    fill_inputs(*session);
    session->run();
  }
  double turn() {
    const int runs = static_cast<int>(std::clamp(std::ceil(kTurnNs / usual_ns), 1.0, kMostTurnRuns));
    const int warm = static_cast<int>(std::clamp(std::ceil(kWarmNs / usual_ns), 1.0, kMostWarmRuns));
    for (int i = 0; i < warm && usual_ns < kWarmBelowNs; ++i) session->run();
    std::vector<double> times;
    for (int i = 0; i < runs; ++i) {
      const auto begin = Clock::now();
      session->run();
      times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    }
    return usual_ns = tuner::median(times);
  }
  // The middle of the blocks' medians.
  double median_ns() const {
    std::vector<double> medians;
    for (const std::vector<double>& block : ns) medians.push_back(tuner::median(block));
    return tuner::median(medians);
  }
};

bool same_plan(const Session& a, const Session& b) {
  const Explanation x = a.explain(), y = b.explain();
  return std::equal(x.nodes.begin(), x.nodes.end(), y.nodes.begin(), y.nodes.end(),
                    [](const Placement& p, const Placement& q) {
                      return p.node == q.node && p.device == q.device && p.config == q.config;
                    });
}

tuner::Estimate ratio(const Contestant& a, const Contestant& b) {
  std::vector<double> blocks;
  for (size_t block = 0; block < std::min(a.ns.size(), b.ns.size()); ++block) {
    std::vector<double> logs;
    for (size_t i = 0; i < std::min(a.ns[block].size(), b.ns[block].size()); ++i)
      logs.push_back(std::log(a.ns[block][i] / b.ns[block][i]));
    blocks.push_back(tuner::median(logs));
  }
  tuner::Estimate e = tuner::estimate(blocks);
  e.middle = std::exp(e.middle), e.low = std::exp(e.low), e.high = std::exp(e.high);
  return e;
}

const char* verdict(const tuner::Estimate& e) { return e.high < 1 ? "faster" : e.low > 1 ? "slower" : "same"; }

// Untuned, tuned, and the devices alone as far as these are different plans.
std::vector<Contestant> list(const Runtime& runtime, const Model& model, const Options& o) {
  std::vector<Contestant> all;
  all.push_back({"untuned", {}, false});
  all.push_back({"tuned", {}, true});
  for (Contestant& c : all) c.open(runtime, model, o);
  for (const DeviceInfo& device : runtime.devices())
    for (const bool has_table : {false, true}) {
      if (device.name == "reference") continue;
      Contestant c{device.name + (has_table ? " tuned" : ""), {device.name}, has_table};
      c.open(runtime, model, o);
      if (!has_table || !same_plan(*all.back().session, *c.session)) all.push_back(std::move(c));
    }
  return all;
}

void run_block(std::vector<Contestant>& all, double seconds, std::mt19937_64& random) {
  std::vector<Contestant*> order;
  for (Contestant& c : all)
    if (c.session) order.push_back(&c), c.ns.emplace_back();
  const auto begin = Clock::now();
  for (size_t round = 0;; ++round) {
    if (round >= kLeastRounds && std::chrono::duration<double>(Clock::now() - begin).count() > seconds) break;
    std::shuffle(order.begin(), order.end(), random);
    for (Contestant* c : order) c->ns.back().push_back(c->turn());
  }
}

void race(std::vector<Contestant>& all, const Runtime& runtime, const Model& model, const Options& o) {
  std::mt19937_64 random(o.seed);
  double best = HUGE_VAL;
  for (size_t block = 0; block < o.blocks; ++block) {
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    for (Contestant& c : all) c.session.reset();
    for (const size_t i : order)
      if (block == 0 || i < 2 || all[i].median_ns() < kFarBehind * best) all[i].open(runtime, model, o);
    run_block(all, o.seconds / static_cast<double>(o.blocks), random);
    for (const Contestant& c : all) best = std::min(best, c.median_ns());
  }
}

// The devices of a plan with the number of their nodes: "cpu 30, opencl 10".
std::string devices_of(const Explanation& e) {
  std::map<std::string, size_t> counts;
  for (const Placement& p : e.nodes) ++counts[p.device];
  std::string text;
  for (const auto& [device, count] : counts) text += (text.empty() ? "" : ", ") + device + " " + std::to_string(count);
  return text;
}

// Medians of the blocks: how much the time of one plan differs from session to session.
json blocks_of(const Contestant& c) {
  json medians = json::array();
  for (const std::vector<double>& block : c.ns) medians.push_back(tuner::median(block));
  return medians;
}

json interval(const tuner::Estimate& e) {
  return {{"middle", e.middle}, {"low", e.low}, {"high", e.high}, {"verdict", verdict(e)}};
}

json measure(const Runtime& runtime, const std::string& path, const Options& o) {
  const bool is_onnx = path.ends_with(".onnx");
  const Model model = is_onnx ? Model::from_module(convert::import_onnx(path, {})) : Model::load(path);
  std::vector<Contestant> all = list(runtime, model, o);
  const Explanation e = all[1].session->explain();
  race(all, runtime, model, o);
  const Contestant &untuned = all[0], &tuned = all[1];
  const Contestant* single = nullptr;
  json times = json::object();
  for (const Contestant& c : all) {
    times[c.name] = c.median_ns();
    if (!c.devices.empty() && (!single || c.median_ns() < single->median_ns())) single = &c;
  }
  const double measured = tuned.median_ns();
  json row = {{"model", path},
              {"plan", devices_of(e)},
              {"decided_by", e.cost.decided_by},
              {"blocks", tuned.ns.size()},
              {"median_ns", times},
              {"tuned_block_ns", blocks_of(tuned)},
              {"to_untuned", interval(ratio(tuned, untuned))},
              {"same_as_untuned", same_plan(*tuned.session, *untuned.session)},
              {"predicted_ns", e.cost.predicted_ns},
              {"predicted_to_measured", measured > 0 ? e.cost.predicted_ns / measured : 0}};
  if (single) {
    row["single"] = single->name;
    row["to_single"] = interval(ratio(tuned, *single));
    row["same_as_single"] = same_plan(*tuned.session, *single->session);
  }
  return row;
}

void print(const json& row) {
  std::printf("%s: %s, by %s, %zu blocks\n", row["model"].get<std::string>().c_str(),
              row["plan"].get<std::string>().c_str(), row["decided_by"].get<std::string>().c_str(),
              row["blocks"].get<size_t>());
  for (const auto& [name, ns] : row["median_ns"].items())
    std::printf("  %-16s %10.1f us\n", name.c_str(), ns.get<double>() / 1e3);
  const auto line = [&](const char* key, const std::string& what, const char* same) {
    const json& e = row[key];
    std::printf("  tuned / %-16s %.3f (%.3f to %.3f) %s%s\n", what.c_str(), e["middle"].get<double>(),
                e["low"].get<double>(), e["high"].get<double>(), e["verdict"].get<std::string>().c_str(),
                row[same].get<bool>() ? ", the same plan" : "");
  };
  line("to_untuned", "untuned", "same_as_untuned");
  if (row.contains("single")) line("to_single", row["single"], "same_as_single");
  std::printf("  predicted %.1f us, %.3f of what was measured\n", row["predicted_ns"].get<double>() / 1e3,
              row["predicted_to_measured"].get<double>());
}

}  // namespace

int live_bench(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Runtime runtime;
  json rows = json::array();
  for (const std::string& path : options.models) {
    try {
      rows.push_back(measure(runtime, path, options));
      if (!options.as_json) print(rows.back());
    } catch (const Error& error) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), error.what());
    }
  }
  if (options.as_json) std::printf("%s\n", rows.dump(1).c_str());
  return rows.size() == options.models.size() ? 0 : 1;
}

}  // namespace motley

int main(int argc, char** argv) { return motley::live_bench(argc, argv); }
