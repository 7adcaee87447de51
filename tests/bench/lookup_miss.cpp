// What a problem costs that a table does not have, when the config of a near shape is used for it.
//   bin/lookup_miss [--device cpu] [--plugins FOLDER] [--kind conv3x3|conv1x1|depthwise|matmul] [--configs N]
//                   [--rounds N] [--seed N] [--json]
// Shapes of known networks and near ones are tuned on the device: every config of each (or the default and N others,
// drawn anew for each problem), and the best again. Each problem is then left out of the table, looked up by the core's
// own code, and run in turns with the config that it gets, its own best one, and the default. Ratios to the best below
// 1, which are noise, count as 1.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>

#include "device/bench.hpp"
#include "device/problem.hpp"
#include "table/fingerprint.hpp"
#include "table/lookup.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"
#include "table/tuning.hpp"

using namespace motley;
using namespace motley::tuner;

namespace {

struct Options {
  std::string device = "cpu", plugins = MOTLEY_PLUGINS, kind;
  size_t configs = 0;  // 0: all
  size_t rounds = 15;
  uint64_t seed = 1;
  bool json = false;
};

constexpr size_t kFirstRuns = 3, kFinalists = 10, kFinalRuns = 9;

// --- shapes ---

graph::TensorId add_input(graph::Graph& g, const std::string& name, std::vector<int64_t> shape) {
  graph::Tensor t;
  t.name = name;
  t.type = schema::DataType::float32;
  t.shape = graph::Dims();
  for (const int64_t d : shape) t.shape->push_back(graph::Dim(d));
  return g.add_tensor(std::move(t));
}

graph::TensorId add_weights(graph::Graph& g, const graph::Extents& shape) {
  size_t count = 1;
  for (const int64_t d : shape) count *= static_cast<size_t>(d);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 13) / 13 - 0.5F;
  return g.add_constant("w", schema::DataType::float32, shape, graph::Constant::of(values));
}

struct Layer {
  std::string kind;
  int64_t in = 0, out = 0, size = 0;  // channels and edge of the image; of a product: depth, columns, rows
};

graph::Graph convolution(const Layer& l, int64_t window, int64_t group) {
  graph::Graph g;
  const auto x = add_input(g, "x", {1, l.in, l.size, l.size}), y = add_input(g, "y", {1, l.out, l.size, l.size});
  const auto w = add_weights(g, {l.out, l.in / group, window, window});
  schema::ConvAttributesT conv;
  conv.strides = conv.dilations = {1, 1};
  conv.pads = {window / 2, window / 2, window / 2, window / 2};
  conv.group = group;
  g.add_node("conv", schema::Op::Conv, {x, w}, {y}, conv);
  g.inputs = {x}, g.outputs = {y};
  return g;
}

graph::Graph product(const Layer& l) {
  graph::Graph g;
  const auto a = add_input(g, "a", {l.size, l.in}), y = add_input(g, "y", {l.size, l.out});
  const auto b = add_weights(g, {l.in, l.out});
  g.add_node("product", schema::Op::MatMul, {a, b}, {y}, schema::MatMulAttributesT{});
  g.inputs = {a}, g.outputs = {y};
  return g;
}

graph::Graph graph_of(const Layer& l) {
  if (l.kind == "matmul") return product(l);
  return convolution(l, l.kind == "conv1x1" ? 1 : 3, l.kind == "depthwise" ? l.in : 1);
}

// Layers of ResNet, MobileNet and BERT, and what lies between them: widths of narrower and wider variants, images of
// other sizes, other lengths of sentences.
std::vector<Layer> layers() {
  std::vector<Layer> all;
  for (const auto& [in, size] : std::initializer_list<std::pair<int64_t, int64_t>>{{48, 56},
                                                                                   {64, 56},
                                                                                   {64, 48},
                                                                                   {80, 40},
                                                                                   {96, 28},
                                                                                   {128, 28},
                                                                                   {128, 32},
                                                                                   {160, 20},
                                                                                   {192, 14},
                                                                                   {256, 14},
                                                                                   {256, 16},
                                                                                   {384, 10}})
    all.push_back({"conv3x3", in, in, size});
  for (const auto& [in, out, size] : std::initializer_list<std::tuple<int64_t, int64_t, int64_t>>{{64, 256, 56},
                                                                                                  {96, 256, 48},
                                                                                                  {256, 64, 56},
                                                                                                  {192, 64, 48},
                                                                                                  {128, 512, 28},
                                                                                                  {160, 512, 28},
                                                                                                  {512, 128, 28},
                                                                                                  {384, 128, 24},
                                                                                                  {256, 1024, 14},
                                                                                                  {320, 768, 14},
                                                                                                  {1024, 256, 14},
                                                                                                  {144, 32, 28},
                                                                                                  {192, 32, 28},
                                                                                                  {96, 24, 56}})
    all.push_back({"conv1x1", in, out, size});
  for (const auto& [in, size] : std::initializer_list<std::pair<int64_t, int64_t>>{
           {32, 112}, {48, 96}, {96, 56}, {144, 56}, {144, 48}, {192, 28}, {240, 28}, {384, 14}, {576, 14}, {480, 20}})
    all.push_back({"depthwise", in, in, size});
  for (const auto& [rows, depth, columns] :
       std::initializer_list<std::tuple<int64_t, int64_t, int64_t>>{{128, 768, 768},
                                                                    {96, 768, 768},
                                                                    {197, 768, 768},
                                                                    {128, 512, 512},
                                                                    {128, 640, 640},
                                                                    {64, 768, 768},
                                                                    {128, 768, 3072},
                                                                    {96, 640, 2560},
                                                                    {128, 3072, 768},
                                                                    {96, 2560, 640},
                                                                    {64, 512, 2048},
                                                                    {77, 768, 768},
                                                                    {256, 384, 384},
                                                                    {197, 384, 384}})
    all.push_back({"matmul", depth, columns, rows});
  return all;
}

// --- measuring ---

class Problem {
 public:
  Problem(plugin::Device& device, const Layer& layer, const Options& options)
      : kind(layer.kind), graph_(graph_of(layer)), device_(device) {
    described_ = describe_problem(device, graph_);
    if (!described_ || described_->key.empty()) return;
    // What is right is not the question here, so the device stands in for the reference.
    bench_ = std::make_unique<Bench>(device, device, graph_);
    standard_ = described_->space.text(described_->space.default_config());
    choose_configs(options);
    measure();
  }

  bool usable() const { return standing_.size() > 1; }
  const std::string& key() const { return described_->key; }
  size_t configs() const { return standing_.size(); }
  // The best config that ran often enough to be sure.
  const std::string& best() const { return best_; }
  double ns(const std::string& config) { return bench_->run_ns(config.empty() ? standard_ : config); }

  // Median ratios of the configs' times to that of the best one, run in turns.
  std::vector<double> compare(const std::vector<std::string>& configs, size_t rounds) {
    std::vector<std::vector<double>> ratios(configs.size());
    for (size_t round = 0; round < rounds; ++round) {
      const double reference = ns(best_);
      for (size_t i = 0; i < configs.size(); ++i) ratios[i].push_back(std::log(ns(configs[i]) / reference));
    }
    std::vector<double> result;
    for (auto& r : ratios) result.push_back(std::max(1.0, std::exp(median(std::move(r)))));
    return result;
  }

  void add_rows(nlohmann::json& document, const std::string& device) const {
    for (const auto& [config, ratios] : standing_) {
      ObservedConfig row;
      row.problem = key(), row.device = device, row.config = config == standard_ ? "" : config;
      row.log_ratio = estimate(ratios);
      row.median_ns = default_ns_ * std::exp(row.log_ratio.middle);
      row.runs = ratios.size();
      document["kernels"].push_back(kernel_row(row));
    }
  }

  std::string canonical(const std::string& config) const { return config.empty() ? standard_ : config; }
  bool offered(const std::string& config) {
    const model::SerializedGraph one = model::serialize_node(graph_, 0);
    return table::offers(device_, one.view(), config);
  }

  std::string kind;

 private:
  void choose_configs(const Options& options) {
    std::mt19937_64 random(options.seed);
    auto all = described_->space.enumerate(100000);
    std::vector<Config> configs = all ? std::move(*all) : described_->space.sample(100000, random);
    std::shuffle(configs.begin(), configs.end(), random);
    if (options.configs && configs.size() > options.configs) configs.resize(options.configs);
    for (const Config& config : configs)
      if (described_->space.text(config) != standard_) texts_.push_back(described_->space.text(config));
  }

  // Pairs with the default.
  void run(const std::string& config, size_t times) {
    for (size_t i = 0; i < times; ++i) {
      const double reference = ns(standard_), own = ns(config);
      if (reference > 0 && own > 0) standing_[config].push_back(std::log(own / reference));
    }
  }

  void measure() {
    std::vector<double> times;
    for (size_t i = 0; i < kFirstRuns + kFinalRuns; ++i) times.push_back(ns(standard_));
    default_ns_ = median(std::move(times));
    standing_[standard_].assign(kFirstRuns + kFinalRuns, 0);
    for (const std::string& config : texts_) {
      try {
        run(config, kFirstRuns);
      } catch (const Error&) {
        standing_.erase(config);  // it does not compile, or fails
      }
    }
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [config, ratios] : standing_) order.emplace_back(median(ratios), config);
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), kFinalists));
    for (size_t round = 0; round < kFinalRuns; ++round)
      for (const auto& [ratio, config] : order)
        if (config != standard_) run(config, 1);
    best_ = standard_;
    double least = 0;
    for (const auto& [ratio, config] : order)
      if (const double middle = median(standing_[config]); middle < least) least = middle, best_ = config;
  }

  graph::Graph graph_;
  plugin::Device& device_;
  std::unique_ptr<DeviceProblem> described_;
  std::unique_ptr<Bench> bench_;
  std::string standard_, best_;
  std::vector<std::string> texts_;
  std::map<std::string, std::vector<double>> standing_;  // log ratios to the default
  double default_ns_ = 0;
};

// --- lookups ---

class OwnJudge final : public table::Judge {
 public:
  explicit OwnJudge(Problem& problem) : problem_(problem) {}
  bool accepts(const std::string& config) override { return problem_.offered(config); }

 private:
  Problem& problem_;
};

struct Miss {
  std::string problem, kind, from, source, config, best;
  double looked_up = 0, standard = 0;  // over the best
};

Miss look_up(Problem& problem, const table::Table& whole, const table::DeviceRow& device, size_t rounds) {
  table::Table table = whole;
  std::erase_if(table.kernels, [&](const table::KernelRow& row) { return row.problem == problem.key(); });
  OwnJudge judge(problem);
  const table::Answer answer = table::make_lookup(table, device.plugin, device.fingerprint)->find(problem.key(), judge);
  const std::vector<double> ratios = problem.compare({answer.config, ""}, rounds);
  // The same config is as fast as itself.
  const auto ratio = [&](const std::string& config, double measured) {
    return problem.canonical(config) == problem.canonical(problem.best()) ? 1 : measured;
  };
  return {problem.key(),
          problem.kind,
          answer.from,
          table::to_string(answer.source),
          answer.config,
          problem.best(),
          ratio(answer.config, ratios[0]),
          ratio("", ratios[1])};
}

struct Summary {
  size_t count = 0;
  double median = 0, mean = 0, worst = 0;
};
Summary summary_of(const std::vector<double>& ratios) {
  Summary s{ratios.size(), tuner::median(ratios), 0, 0};
  for (const double r : ratios) s.mean += r / static_cast<double>(ratios.size()), s.worst = std::max(s.worst, r);
  return s;
}

void print(const std::string& title, const std::vector<Miss>& misses) {
  if (misses.empty()) return;
  std::vector<double> looked_up, standard;
  std::map<std::string, size_t> sources;
  for (const Miss& m : misses) looked_up.push_back(m.looked_up), standard.push_back(m.standard), ++sources[m.source];
  const Summary a = summary_of(looked_up), b = summary_of(standard);
  std::printf("%-12s%9zu%9.3f%9.3f%9.3f%11.3f%9.3f%9.3f  ", title.c_str(), a.count, a.median, a.mean, a.worst, b.median,
              b.mean, b.worst);
  for (const auto& [source, count] : sources) std::printf(" %zu %s", count, source.c_str());
  std::printf("\n");
}

void print(const std::vector<Miss>& misses) {
  for (const Miss& m : misses)
    std::printf("%-70s %6.3f %6.3f  %s: \"%s\", best \"%s\"\n", m.problem.c_str(), m.looked_up, m.standard,
                m.source.c_str(), m.config.c_str(), m.best.c_str());
  std::printf("\n%-12s%9s%9s%9s%9s%11s%9s%9s\n%-12s%9s%9s%9s%9s%11s%9s%9s\n", "", "", "looked", "up:", "",
              "default:", "", "", "over best", "problems", "median", "mean", "worst", "median", "mean", "worst");
  std::map<std::string, std::vector<Miss>> kinds;
  for (const Miss& m : misses) kinds[m.kind].push_back(m);
  for (const auto& [kind, some] : kinds) print(kind, some);
  print("all", misses);
}

void print_json(const std::vector<Miss>& misses) {
  nlohmann::json result = {{"problems", nlohmann::json::array()}};
  std::vector<double> looked_up, standard;
  for (const Miss& m : misses) {
    result["problems"].push_back({{"problem", m.problem},
                                  {"source", m.source},
                                  {"from", m.from},
                                  {"config", m.config},
                                  {"best", m.best},
                                  {"looked_up", m.looked_up},
                                  {"default", m.standard}});
    looked_up.push_back(m.looked_up), standard.push_back(m.standard);
  }
  for (const auto& [name, ratios] : {std::pair{"looked_up", looked_up}, std::pair{"default", standard}}) {
    const Summary s = summary_of(ratios);
    result[name] = {{"median", s.median}, {"mean", s.mean}, {"worst", s.worst}};
  }
  std::printf("%s\n", result.dump(1).c_str());
}

Options options_of(int count, char** arguments) {
  Options o;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    const auto value = [&] {
      if (i + 1 == count) throw std::runtime_error("the option " + word + " lacks its value");
      return std::string(arguments[++i]);
    };
    if (word == "--device") o.device = value();
    else if (word == "--plugins") o.plugins = value();
    else if (word == "--kind") o.kind = value();
    else if (word == "--configs") o.configs = std::strtoul(value().c_str(), nullptr, 10);
    else if (word == "--rounds") o.rounds = std::max(1ul, std::strtoul(value().c_str(), nullptr, 10));
    else if (word == "--seed") o.seed = std::strtoull(value().c_str(), nullptr, 10);
    else if (word == "--json") o.json = true;
    else throw std::runtime_error("there is no option " + word + "; see the head of lookup_miss.cpp");
  }
  return o;
}

plugin::Device& device_named(const plugin::Registry& registry, const std::string& name) {
  for (const auto& device : registry.devices)
    if (device->name() == name || device->plugin().id == name) return *device;
  throw std::runtime_error("there is no device \"" + name + "\"");
}

void run(Options options) {
  const plugin::Registry registry = plugin::discover({.folders = {options.plugins}, .standard_places = false});
  plugin::Device& device = device_named(registry, options.device);
  std::vector<std::unique_ptr<Problem>> problems;
  nlohmann::json document = empty_document("lookup_miss");
  document["devices"].push_back(device_row("here", device.plugin().id, table::fingerprint_of(device)));
  for (const Layer& layer : layers()) {
    if (!options.kind.empty() && layer.kind != options.kind) continue;
    ++options.seed;  // other configs for each
    auto problem = std::make_unique<Problem>(device, layer, options);
    if (!problem->usable()) continue;
    std::fprintf(stderr, "%s: %zu configs\n", problem->key().c_str(), problem->configs());
    problem->add_rows(document, "here");
    problems.push_back(std::move(problem));
  }
  if (problems.empty()) throw std::runtime_error("the device has nothing to choose for these problems");
  const table::Table table = table::table_of(document);
  std::vector<Miss> misses;
  for (const auto& problem : problems) misses.push_back(look_up(*problem, table, table.devices[0], options.rounds));
  if (options.json) print_json(misses);
  else print(misses);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(options_of(count, arguments));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lookup_miss: %s\n", error.what());
    return 1;
  }
}
