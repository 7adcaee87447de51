// Makes samples; all is computed from indices, so that every run gives the same.
#include "samples.hpp"

#include <cmath>
#include <tuple>

#include "journal/journal.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using graph::TensorId;
using nlohmann::json;
using schema::Op;

namespace {

constexpr const char* kHardware = "cores=2\ncpu=Sample <b>CPU</b>\n";

table::Fingerprint print() { return {kHardware, "", "build=sample\n"}; }
// As a journal writes it.
std::string lines() { return "hw cores=2\nhw cpu=Sample <b>CPU</b>\nkernels build=sample\n"; }

std::string problem_name(size_t i) {
  return "matmul f32 b=1 m=" + std::to_string(16 << i % 8) + " n=128 k=" + std::to_string(64 + i);
}

json row(const std::string& problem, const std::string& config, double ns, double ratio) {
  ObservedConfig o;
  o.problem = problem;
  o.device = "device";
  o.config = config;
  o.median_ns = ns;
  o.mad_ns = ns / 50;
  o.runs = 12;
  o.log_ratio = {std::log(ratio), std::log(ratio) - 0.01, std::log(ratio) + 0.01, 12};
  return kernel_row(o);
}

// A number in [0, 1) from another.
double scatter(size_t i) {
  const double x = std::sin(static_cast<double>(i) * 12.9898) * 43758.5453;
  return x - std::floor(x);
}

Outcome measured(double ratio, double ns, size_t seed) {
  Outcome outcome;
  for (size_t run = 0; run < 6; ++run)
    outcome.log_ratios.push_back(std::log(ratio) + 0.02 * (scatter(seed * 7 + run) - 0.5));
  outcome.median_ns = static_cast<uint64_t>(ns);
  return outcome;
}

Outcome failed(Ending ending, const std::string& reason) {
  Outcome outcome;
  outcome.ending = ending;
  outcome.reason = reason;
  return outcome;
}

// kc explains most of the time, mc some, nc nothing.
void tune(Journal& journal, const std::string& problem, double default_ns) {
  const Subject standard{lines(), problem, "kc=256,mc=96,nc=384"};
  journal.begin(standard);
  journal.finish(standard, {Ending::measured, {}, 0, ""});
  size_t i = 0;
  for (const int kc : {64, 128, 192, 512, 1024})
    for (const int mc : {48, 96, 144, 192})
      for (const int nc : {192, 384, 768}) {
        const Subject subject{lines(), problem,
                              "kc=" + std::to_string(kc) + ",mc=" + std::to_string(mc) + ",nc=" + std::to_string(nc)};
        journal.begin(subject);
        const size_t turn = i++;
        if (turn == 7) journal.finish(subject, failed(Ending::crashed, "ended by signal 11 (segmentation fault)"));
        else if (turn == 13) journal.finish(subject, failed(Ending::hung, "gave no answer within 2000 ms"));
        else if (turn == 19) journal.finish(subject, failed(Ending::wrong, std::string("element 3 of ") + kHostile));
        else if (turn == 23) journal.finish(subject, failed(Ending::invalid, "kc * nc is over the cache"));
        else if (turn != 29) {  // the 30th was never finished
          const double ratio =
              std::abs(std::log2(kc / 500.0)) * 0.35 + 0.7 + std::abs(mc - 144) * 0.0008 + 0.03 * scatter(turn);
          journal.finish(subject, measured(ratio, ratio * default_ns, turn));
        }
      }
}

TensorId tensor(graph::Graph& g, const std::string& name) {
  graph::Tensor t;
  t.name = name;
  t.type = schema::DataType::float32;
  t.shape = graph::Dims();
  for (const int64_t d : {1, 16, 32, 32}) t.shape->push_back(graph::Dim(d));
  return g.add_tensor(t);
}

schema::UnaryAttributesT unary(schema::UnaryFunction function) {
  schema::UnaryAttributesT attributes;
  attributes.function = function;
  return attributes;
}
schema::BinaryAttributesT binary(schema::BinaryFunction function) {
  schema::BinaryAttributesT attributes;
  attributes.function = function;
  return attributes;
}

// Both branches from one tensor, joined again.
TensorId add_block(graph::Graph& g, size_t block, TensorId x) {
  const std::string n = std::to_string(block), odd = block % 4 == 1 ? std::string(kHostile) + n : n;
  const auto make = [&](const std::string& name) { return tensor(g, name + "_out"); };
  const TensorId a = make("a" + n), b = make("b" + n), c = make("c" + odd), d = make("d" + n), e = make("e" + n);
  std::vector<float> weights(16 * 16 * 9);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 13) / 300 - 0.02F;
  const TensorId w = g.add_constant("w" + n, schema::DataType::float32, {16, 16, 3, 3}, graph::Constant::of(weights));
  schema::ConvAttributesT conv;
  conv.strides = {1, 1};
  conv.dilations = {1, 1};
  conv.pads = {1, 1, 1, 1};
  g.add_node("near" + n + "_conv", Op::Conv, {x, w}, {a}, conv);
  g.add_node("near" + n + "_tanh", Op::Unary, {a}, {b}, unary(schema::UnaryFunction::tanh));
  const std::string far = block % 2 ? "far" : "near";
  g.add_node(far + odd + "_exp", Op::Unary, {x}, {c}, unary(schema::UnaryFunction::sigmoid));
  g.add_node(far + n + "_abs", Op::Unary, {c}, {d}, unary(schema::UnaryFunction::sqrt));
  g.add_node("join" + n, Op::Binary, {b, d}, {e}, binary(schema::BinaryFunction::mul));
  return e;
}

}  // namespace

json sample_table(size_t problems, double pace) {
  json document = empty_document("sample <i>tool</i>");
  document["devices"].push_back(device_row("device", "cpu", print()));
  for (size_t i = 0; i < problems; ++i) {
    const double ns = 20000 * std::pow(1.3, static_cast<double>(i));
    document["kernels"].push_back(row(problem_name(i), "", ns, 1));
    const double best = (0.55 + 0.4 * scatter(i)) * (1 + (pace - 1) * scatter(i + 50));
    document["kernels"].push_back(row(
        problem_name(i), pace != 1 && i % 3 == 0 ? "kc=128,mc=48,nc=768" : "kc=512,mc=144,nc=384", ns * best, best));
  }
  document["transfers"].push_back(
      {{"from", "host"}, {"to", "device"}, {"kind", "copy"}, {"alpha_ns", 900}, {"beta_ps_per_byte", 80}});
  return canonical(document);
}

void write_sample_journal(const std::filesystem::path& path) {
  Journal journal(path);
  journal.note("session", {{"models", {"net.motley"}}, {"rigor", "measure"}, {"seed", 1}});
  tune(journal, problem_name(0), 20000);
  tune(journal, std::string("conv ") + kHostile, 480000);
  json candidates = json::array();
  for (const auto& [name, measured] :
       {std::pair{"untuned", 1400000}, std::pair{"cpu", 900000}, std::pair{"cpu,gpu", 760000}})
    candidates.push_back({{"name", name},
                          {"devices", {"cpu"}},
                          {"tuned", true},
                          {"predicted_ns", measured * 95 / 100},
                          {"measured_ns", measured},
                          {"runs", 40},
                          {"winner_ratio", 760000.0 / measured},
                          {"winner_ratio_low", 750000.0 / measured},
                          {"winner_ratio_high", 770000.0 / measured}});
  json nodes = json::array();
  for (const auto& [name, reads, device] :
       {std::tuple{"first", "image", "cpu"}, std::tuple{"left", "first_out", "cpu"},
        std::tuple{"right", "first_out", "gpu"}, std::tuple{kHostile, "right_out", "gpu"}})
    nodes.push_back({{"node", name},
                     {"op", "Conv"},
                     {"device", device},
                     {"segment", nodes.size()},
                     {"problem", problem_name(0)},
                     {"config", ""},
                     {"source", "exact"},
                     {"estimate_ns", 20000},
                     {"measured_ns", 21000 + 1000 * nodes.size()},
                     {"inputs", {reads}},
                     {"outputs", {std::string(name) + "_out"}}});
  journal.note("plan", {{"model", "net.motley"},
                        {"winner", "cpu,gpu"},
                        {"candidates", candidates},
                        {"nodes", nodes},
                        {"predicted_ns", 722000},
                        {"measured_ns", 760000},
                        {"transfers", json::array()}});
  journal.note("left_out", {{"device", "cpu"}, {"problem", "topk"}, {"reason", kHostile}});
}

graph::Module sample_network(size_t blocks) {
  graph::Module module;
  module.graphs.emplace_back();
  graph::Graph& g = module.main();
  TensorId x = tensor(g, "image");
  g.inputs = {x};
  for (size_t block = 0; block < blocks; ++block) x = add_block(g, block, x);
  g.outputs = {x};
  return module;
}

}  // namespace motley::tuner
