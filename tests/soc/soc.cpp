// Simulated phones for tests.
#include "soc.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "plugin/registry.hpp"
#include "table/fingerprint.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::test {

using nlohmann::json;
namespace fs = std::filesystem;

const Runtime& soc_runtime() {
  static const Runtime runtime = runtime_with({"soc"});
  return runtime;
}

std::vector<std::string> phones() { return {"budget", "flagship", "midrange"}; }

Model branching_network(int branches, int length, int channels, int side) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(channels), Dim(side), Dim(side)});
  g.inputs = {x};
  std::vector<TensorId> ends;
  for (int b = 0; b < branches; ++b) {
    TensorId at = x;
    for (int i = 0; i < length; ++i) {
      const std::string name = "b" + std::to_string(b) + "_" + std::to_string(i);
      const int64_t kernel = b % 2 ? 1 : 3;
      const TensorId weights = constant(g, name + "_w", DataType::float32, {channels, channels, kernel, kernel},
                                        noise(static_cast<size_t>(channels * channels * kernel * kernel), 7));
      schema::ConvAttributesT conv;
      conv.strides = {1, 1};
      conv.dilations = {1, 1};
      conv.pads = std::vector<int64_t>(4, kernel / 2);
      at = node(g, name, Op::Conv, {at, weights}, DataType::float32, conv);
      at = node(g, name + "_relu", Op::Unary, {at}, DataType::float32, unary(schema::UnaryFunction::relu));
    }
    ends.push_back(at);
  }
  TensorId sum = ends[0];
  for (size_t b = 1; b < ends.size(); ++b) {
    schema::BinaryAttributesT add;
    add.function = schema::BinaryFunction::add;
    sum = node(g, b + 1 == ends.size() ? "out" : "sum" + std::to_string(b), Op::Binary, {sum, ends[b]},
               DataType::float32, add);
  }
  g.outputs = {sum};
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "motley_soc_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

fs::path write(const std::string& name, const json& document) {
  static const Folder folder;
  const fs::path path = folder.path / name;
  std::ofstream(path) << tuner::table_text(tuner::canonical(document));
  return path;
}

json kernel_row(const std::string& problem, const std::string& device, double ns) {
  return {{"problem_key", problem},
          {"device", device},
          {"config", ""},
          {"median_ns", static_cast<uint64_t>(ns)},
          {"mad_ns", 0},
          {"runs", 10},
          {"ratio_vs_default", 1},
          {"ratio_high", 1},
          {"error", {{"max_abs", 0}, {"max_rel", 0}}},
          {"rigor", "measure"}};
}

std::vector<std::string> devices_of(const std::string& phone) {
  std::vector<std::string> names;
  for (const DeviceInfo& info : soc_runtime().devices())
    if (info.name.starts_with("soc:" + phone + ".")) names.push_back(info.name);
  return names;
}

}  // namespace

WithoutCandidates::WithoutCandidates() { setenv("MOTLEY_SOC_PLAIN", "1", 1); }
WithoutCandidates::~WithoutCandidates() { unsetenv("MOTLEY_SOC_PLAIN"); }

fs::path table_for(const std::string& phone, const Model& model, const std::vector<MeasuredKernel>& more,
                   double slower) {
  json document = tuner::empty_document("test");
  const fs::path empty = write("empty.json", document);
  const plugin::Registry registry =
      plugin::discover({.files = {MOTLEY_TEST_PLUGINS "/libmotley_soc.so"}, .standard_places = false});
  const json facts = json::parse(std::ifstream(fs::path(MOTLEY_SOC_PHONES) / (phone + ".json")));
  const WithoutCandidates plain;
  for (const auto& device : registry.devices) {
    const std::string name = device->name();
    if (!name.starts_with("soc:" + phone + ".")) continue;
    document["devices"].push_back(tuner::device_row(name, "soc", table::fingerprint_of(*device)));
    const Session session =
        soc_runtime().compile(model, {.devices = {name}, .table = empty, .bad_table = BadTable::fail});
    std::map<std::string, double> rows;
    for (const Placement& p : session.explain().nodes)
      if (p.device == name) rows[p.problem_key] = p.estimate_ns;
    for (const auto& [problem, ns] : rows) document["kernels"].push_back(kernel_row(problem, name, slower * ns));
  }
  for (const MeasuredKernel& m : more) {
    document["kernels"].push_back(kernel_row(m.problem, "soc:" + phone + "." + m.device, m.ns));
    document["kernels"].back()["config"] = m.config;
    document["kernels"].back()["error"] = {{"max_abs", m.error}, {"max_rel", m.error}};
  }
  const auto transfer = [&](const std::string& from, const std::string& to, const json& cost) {
    document["transfers"].push_back({{"from", from},
                                     {"to", to},
                                     {"kind", "map"},
                                     {"alpha_ns", cost.at("alpha_ns")},
                                     {"beta_ps_per_byte", cost.at("beta_ps_per_byte")}});
  };
  for (const auto& [id, cost] : facts.at("transfers").items()) {
    transfer("host", "soc:" + phone + "." + id, cost);
    transfer("soc:" + phone + "." + id, "host", cost);
  }
  return write(phone + std::to_string(more.size()) + ".json", document);
}

CompileOptions on(const std::string& phone, const Model& model, double slower) {
  CompileOptions options;
  options.devices = devices_of(phone);
  options.fallback = false;
  options.table = table_for(phone, model, {}, slower);
  options.bad_table = BadTable::fail;
  const json facts = json::parse(std::ifstream(fs::path(MOTLEY_SOC_PHONES) / (phone + ".json")));
  for (const json& d : facts.at("devices"))
    options.watts.emplace_back("soc:" + phone + "." + d.at("id").get<std::string>(), d.at("watts").get<double>());
  return options;
}

std::vector<float> run(Session& session) {
  session.input("x").copy_from(noise(static_cast<size_t>(session.input("x").elements()), 3));
  session.run();
  const auto values = session.output("out").as<float>();
  return {values.begin(), values.end()};
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3f * std::max(1.0f, std::abs(want[i]))) << i;
}

std::vector<float> by_reference(const Model& model) {
  Session session = soc_runtime().compile(model, {.devices = {"reference"}});
  return run(session);
}

TensorId weights(Graph& g, const std::string& name, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t d : shape) count *= d;
  std::vector<float> values = noise(static_cast<size_t>(count), static_cast<unsigned>(name.size() + 5));
  for (float& v : values) v *= 0.1f;
  return constant(g, name, DataType::float32, std::move(shape), values);
}

}  // namespace motley::test
