// Kernels for tensors in nhwc: how the network is written down, plans, and results.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "campaign/workload.hpp"
#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "plan/layout.hpp"
#include "soc.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using graph::kNone;
using schema::Layout;

// Builds networks of convolutions and what stands between them.
class Builder {
 public:
  explicit Builder(Dims shape) {
    module_.graphs.emplace_back();
    graph().inputs = {tensor(graph(), "x", DataType::float32, shape)};
    channels_[x()] = shape[1].value;
  }
  Graph& graph() { return module_.main(); }
  TensorId x() { return graph().inputs[0]; }

  TensorId conv(const std::string& name, TensorId from, int64_t channels = 0, int64_t kernel = 3,
                TensorId residual = kNone) {
    const int64_t in = channels_.at(from), out = channels ? channels : in;
    schema::ConvAttributesT attributes;
    attributes.strides = attributes.dilations = {1, 1};
    attributes.pads = std::vector<int64_t>(4, kernel / 2);
    std::vector<TensorId> inputs = {from, weights(graph(), name + "_w", {out, in, kernel, kernel})};
    if (residual != kNone) inputs.insert(inputs.end(), {kNone, residual});
    return add(name, Op::Conv, inputs, attributes, out);
  }
  TensorId relu(const std::string& name, TensorId from) {
    return add(name, Op::Unary, {from}, unary(schema::UnaryFunction::relu), channels_.at(from));
  }
  TensorId sum(const std::string& name, TensorId a, TensorId b) {
    return add(name, Op::Binary, {a, b}, schema::BinaryAttributesT{}, channels_.at(a));
  }
  TensorId pool(const std::string& name, TensorId from) {
    schema::PoolAttributesT attributes;
    attributes.kernel_shape = {3, 3};
    attributes.strides = attributes.dilations = {1, 1};
    attributes.pads = {1, 1, 1, 1};
    return add(name, Op::Pool, {from}, attributes, channels_.at(from));
  }
  // Sums up channels: a network that is wrong anywhere before is wrong here. No device has it in nhwc.
  TensorId softmax(const std::string& name, TensorId from) {
    schema::SoftmaxAttributesT attributes;
    attributes.axis = 1;
    return add(name, Op::Softmax, {from}, attributes, channels_.at(from));
  }

  graph::Module module(std::vector<TensorId> outputs) {
    graph().outputs = std::move(outputs);
    graph::infer_shapes(module_);
    return std::move(module_);
  }
  Model model(std::vector<TensorId> outputs) { return Model::from_module(module(std::move(outputs))); }

 private:
  template <class Attributes>
  TensorId add(const std::string& name, Op op, std::vector<TensorId> inputs, Attributes attributes, int64_t channels) {
    const TensorId id = node(graph(), name, op, inputs, DataType::float32, attributes);
    channels_[id] = channels;
    return id;
  }

  graph::Module module_;
  std::map<TensorId, int64_t> channels_;
};

Dims image(int64_t channels, int64_t side, int64_t batch = 1) {
  return {Dim(batch), Dim(channels), Dim(side), Dim(side)};
}

Model chain(int length, int64_t channels, int64_t side) {
  Builder b(image(channels, side));
  TensorId at = b.x();
  for (int i = 0; i < length; ++i) at = b.conv(i + 1 == length ? "out" : "conv" + std::to_string(i), at);
  return b.model({at});
}

// ---- writing a network down

struct Written {
  plan::LaidOut laid;
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const graph::Node& n : laid.graph.nodes) names.push_back(n.name);
    return names;
  }
  const graph::Node& node(const std::string& name) const {
    for (const graph::Node& n : laid.graph.nodes)
      if (n.name == name) return n;
    throw std::runtime_error("there is no node " + name);
  }
  const graph::Tensor& read(const std::string& name, size_t i = 0) const {
    return laid.graph.tensor(node(name).inputs.at(i));
  }
  const graph::Tensor& made(const std::string& name) const { return laid.graph.tensor(node(name).outputs.at(0)); }
};

// With the nodes of these names in nhwc.
Written lay_out(const graph::Module& module, const std::set<std::string>& names) {
  std::vector<bool> marks;
  for (const graph::Node& n : module.main().nodes) marks.push_back(names.count(n.name) > 0);
  Written written{plan::lay_out(module.main(), marks)};
  for (uint32_t c : written.laid.conversions)
    EXPECT_TRUE(plan::is_conversion(written.laid.graph, written.laid.graph.nodes[c]));
  std::set<TensorId> known(written.laid.graph.inputs.begin(), written.laid.graph.inputs.end());
  for (const graph::Node& n : written.laid.graph.nodes) {  // in order, each tensor made once
    for (const TensorId id : n.inputs)
      EXPECT_TRUE(id == kNone || written.laid.graph.tensor(id).is_constant() || known.count(id)) << n.name;
    for (const TensorId id : n.outputs) EXPECT_TRUE(known.insert(id).second) << n.name;
  }
  for (const TensorId id : written.laid.graph.outputs) {
    EXPECT_TRUE(known.count(id));
    EXPECT_EQ(written.laid.graph.tensor(id).layout, Layout::row_major);
  }
  for (size_t n = 0; n < marks.size(); ++n)
    EXPECT_EQ(written.laid.graph.nodes[written.laid.node[n]].name, module.main().nodes[n].name);
  return written;
}

using Names = std::vector<std::string>;

TEST(LayoutGraph, ChainsAreBroughtInAndOutOnce) {
  Builder b(image(17, 6, 2));
  const TensorId a = b.conv("a", b.x(), 5), c = b.relu("c", a), d = b.conv("d", c, 3);
  const Written w = lay_out(b.module({d}), {"a", "c", "d"});
  EXPECT_EQ(w.names(), (Names{"x#nhwc", "a", "c", "d", "d#row_major"}));
  EXPECT_EQ(w.read("a").extents(), (graph::Extents{2, 6, 6, 17}));
  EXPECT_EQ(w.read("a").layout, Layout::nhwc);
  EXPECT_EQ(w.read("a", 1).extents(), (graph::Extents{5, 17, 3, 3}));  // constants stay
  EXPECT_EQ(w.read("a", 1).layout, Layout::row_major);
  EXPECT_EQ(w.made("d").extents(), (graph::Extents{2, 6, 6, 3}));
  EXPECT_EQ(w.made("d#row_major").extents(), (graph::Extents{2, 3, 6, 6}));
  EXPECT_EQ(w.node("x#nhwc").origins, (Names{"a"}));
  EXPECT_EQ(w.node("d#row_major").origins, (Names{"d"}));
}

TEST(LayoutGraph, ConversionsAreShared) {
  Builder b(image(3, 6));
  const TensorId a = b.relu("a", b.x()), c = b.conv("c", a), d = b.conv("d", a), e = b.conv("e", a);
  const TensorId f = b.sum("f", c, d), g = b.sum("g", f, c), h = b.sum("h", g, e);
  // c and d read a in nhwc, e as it is; f reads both in row-major layout, and g another time.
  const Written w = lay_out(b.module({h}), {"c", "d"});
  EXPECT_EQ(w.names(), (Names{"a", "a#nhwc", "c", "d", "e", "c#row_major", "d#row_major", "f", "g", "h"}));
  EXPECT_EQ(w.read("c").name, w.read("d").name);
  EXPECT_EQ(w.read("e").layout, Layout::row_major);
  EXPECT_EQ(w.read("g", 1).layout, Layout::row_major);
}

TEST(LayoutGraph, MixedReadersGetEach) {
  Builder b(image(1, 6));
  const TensorId a = b.conv("a", b.x(), 4), c = b.conv("c", a), d = b.relu("d", a), e = b.sum("e", c, d);
  const Written w = lay_out(b.module({e}), {"a", "c"});
  EXPECT_EQ(w.names(), (Names{"x#nhwc", "a", "c", "a#row_major", "d", "c#row_major", "e"}));
  EXPECT_EQ(w.read("c").layout, Layout::nhwc);
  EXPECT_EQ(w.read("d").layout, Layout::row_major);
}

TEST(LayoutGraph, OutputsInTheMiddleAndOptionalInputs) {
  Builder b(image(4, 5));
  const TensorId a = b.conv("a", b.x()), c = b.conv("c", a, 0, 3, a);
  const Written w = lay_out(b.module({c, a}), {"a", "c"});
  EXPECT_EQ(w.names(), (Names{"x#nhwc", "a", "c", "c#row_major", "a#row_major"}));
  EXPECT_EQ(w.node("c").inputs[2], kNone);
  EXPECT_EQ(w.read("c", 3).layout, Layout::nhwc);
}

TEST(LayoutGraph, NothingMarkedStaysAsItIs) {
  Builder b(image(4, 5));
  const graph::Module module = b.module({b.conv("a", b.x())});
  const Written w = lay_out(module, {});
  EXPECT_EQ(w.names(), (Names{"a"}));
  EXPECT_TRUE(w.laid.conversions.empty());
}

TEST(LayoutGraph, NamesThatAreTakenGetAnother) {
  Builder b(image(4, 5));
  const TensorId a = b.relu("a", b.x()), c = b.relu("x#nhwc", a);
  const Written w = lay_out(b.module({c}), {"a"});
  EXPECT_EQ(w.names(), (Names{"x#nhwc_", "a", "a#row_major", "x#nhwc"}));
}

// Of any rank: a tensor that was brought into nhwc has each element where it belongs.
TEST(LayoutGraph, ConversionsMoveEveryElement) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {2, 3, 5}, {1, 17, 4}, {2, 3, 4, 5}, {3, 1, 4, 5}, {1, 17, 1, 1}, {2, 3, 2, 3, 4}, {1, 8, 2, 1, 3}}) {
    Dims dims;
    for (int64_t d : shape) dims.push_back(Dim(d));
    Builder b(dims);
    const graph::Module module = b.module({b.relu("a", b.x())});
    const Written w = lay_out(module, {"a"});
    const int64_t channels = shape[1], batch = shape[0];
    int64_t pixels = 1;
    for (size_t i = 2; i < shape.size(); ++i) pixels *= shape[i];
    for (const bool in : {true, false}) {
      const auto& copy = graph::attributes<schema::StridedCopyAttributesT>(w.node(in ? "x#nhwc" : "a#row_major"));
      std::vector<int64_t> to(static_cast<size_t>(batch * channels * pixels), -1);
      for (const auto& region : copy.regions) {
        std::vector<int64_t> at(region->extents.size(), 0);
        for (bool more = true; more;) {
          int64_t src = region->src_offset, dst = region->dst_offset;
          for (size_t i = 0; i < at.size(); ++i)
            src += at[i] * region->src_strides[i], dst += at[i] * region->dst_strides[i];
          to.at(static_cast<size_t>(dst)) = src;
          more = false;
          for (size_t i = at.size(); i-- > 0 && !more;) {
            if (++at[i] < region->extents[i]) more = true;
            else at[i] = 0;
          }
        }
      }
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t p = 0; p < pixels; ++p) {
            const int64_t row_major = (n * channels + c) * pixels + p, nhwc = (n * pixels + p) * channels + c;
            ASSERT_EQ(to[static_cast<size_t>(in ? nhwc : row_major)], in ? row_major : nhwc);
          }
    }
  }
}

// ---- plans on a phone whose chips work in nhwc

struct Variable {
  const char* name;
  Variable(const char* n, const std::string& value) : name(n) { setenv(n, value.c_str(), 1); }
  ~Variable() { unsetenv(name); }
};

CompileOptions camera(const Model& model) {
  CompileOptions options = on("camera", model);
  options.optimize = false;
  options.split = false;
  return options;
}
CompileOptions row_major(CompileOptions options) {
  options.layouts = false;
  return options;
}
Explanation explain(const Model& model, const CompileOptions& options) {
  return soc_runtime().compile(model, options).explain();
}

std::set<std::string> in_nhwc(const Explanation& e) {
  std::set<std::string> nodes;
  for (const Placement& p : e.nodes)
    if (p.layout == "nhwc" && p.op != "StridedCopy") nodes.insert(p.node);
  return nodes;
}
std::multiset<std::string> conversions(const Explanation& e) {
  std::multiset<std::string> nodes;
  for (const Placement& p : e.nodes)
    if (p.op == "StridedCopy") nodes.insert(p.node);
  return nodes;
}

TEST(SocLayout, ChainsOfConvolutionsNeedTwoConversions) {
  const Model model = chain(5, 64, 28);
  const CompileOptions options = camera(model);
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain(), without = explain(model, row_major(options));
  EXPECT_EQ(in_nhwc(e).size(), 5u) << e.to_string();
  EXPECT_EQ(conversions(e), (std::multiset<std::string>{"out#row_major", "x#nhwc"})) << e.to_string();
  EXPECT_TRUE(in_nhwc(without).empty());
  EXPECT_TRUE(conversions(without).empty());
  EXPECT_LT(e.cost.predicted_ns, without.cost.predicted_ns);
  EXPECT_GE(e.cost.predicted_ns, e.cost.bound);
  for (const Placement& p : e.nodes) {
    if (p.op == "StridedCopy") EXPECT_NE(p.reason.find("brings "), std::string::npos) << p.reason;
    else EXPECT_NE(p.reason.find("kernel: nhwc on soc:camera."), std::string::npos) << p.reason;
  }
  expect_near(run(session), by_reference(model));
}

// What is simulated is what was predicted.
TEST(SocLayout, KernelsTakeWhatWasPredicted) {
  const Model model = chain(5, 64, 28);
  Session session = soc_runtime().compile(model, camera(model));
  std::map<std::string, double> predicted;
  const Explanation e = session.explain();
  ASSERT_FALSE(in_nhwc(e).empty());
  for (const Placement& p : e.nodes) predicted[p.node] = p.estimate_ns;
  session.set_profiling(true);
  run(session);
  for (const NodeTime& t : session.node_times())
    EXPECT_NEAR(double(t.end_ns - t.begin_ns), predicted.at(t.node), 2) << t.node;
}

// A network that branches: an nhwc tensor with readers of either kind, residuals, pools, and softmaxes that no chip
// has.
Model mixed(int64_t channels, int64_t side) {
  Builder b(image(channels, side));
  const TensorId a = b.conv("a", b.x()), c = b.conv("c", a), d = b.relu("d", c), e = b.conv("e", d, 0, 3, a);
  const TensorId f = b.softmax("f", c), g = b.conv("g", f, 0, 1), h = b.pool("h", e), i = b.sum("i", h, g);
  return b.model({b.conv("out", i)});
}

TEST(SocLayout, BranchesShareConversionsAndAreRight) {
  for (const int64_t channels : {16, 17, 64}) {
    const Model model = mixed(channels, 28);
    const std::vector<float> want = by_reference(model);
    for (const Policy policy : {Policy::latency, Policy::throughput, Policy::power, Policy::memory}) {
      CompileOptions options = camera(model);
      options.policy = policy;
      Session session = soc_runtime().compile(model, options);
      const Explanation e = session.explain(), without = explain(model, row_major(options));
      EXPECT_LE(e.cost.cost, without.cost.cost * (1 + 1e-9)) << to_string(policy) << e.to_string();
      if (policy == Policy::latency && channels == 64) {
        EXPECT_GE(in_nhwc(e).size(), 4u) << e.to_string();
      }
      const std::multiset<std::string> names = conversions(e);
      for (const std::string& name : names) EXPECT_EQ(names.count(name), 1u) << name;
      // Convolutions of 64 channels take the reference's kernels a while.
      if (channels == 17 || policy == Policy::latency) expect_near(run(session), want);
    }
  }
}

// The device's own figures decide without a table too, by a margin; the order of devices stays.
TEST(SocLayout, WithoutATableEstimatesDecide) {
  const Model model = chain(6, 64, 28);
  CompileOptions options = camera(model);
  options.table.clear();
  options.devices = {"soc:camera.npu", "soc:camera.big"};
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain(), without = explain(model, row_major(options));
  EXPECT_EQ(in_nhwc(e).size(), 6u) << e.to_string();
  EXPECT_LE(e.cost.predicted_ns, 0.8 * without.cost.predicted_ns);
  for (const Placement& p : e.nodes) EXPECT_TRUE(p.op != "Conv" || p.device == "soc:camera.npu") << e.to_string();
  expect_near(run(session), by_reference(model));
}

TEST(SocLayout, FusedKernelsComeInNhwcToo) {
  Builder b(image(32, 28));
  TensorId at = b.x();
  for (const char* name : {"a", "b", "c", "d"}) at = b.relu(std::string(name) + "_relu", b.conv(name, at));
  const Model model = b.model({b.conv("out", at)});
  CompileOptions options = camera(model);
  options.devices = {"soc:camera.npu"};
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  size_t fused = 0;
  for (const Placement& p : e.nodes) {
    fused += p.layout == "nhwc" && !p.fused_with.empty();
    if (p.node != "a") continue;
    EXPECT_NE(p.reason.find("kernel: nhwc, fused with a_relu on soc:camera.npu"), std::string::npos) << p.reason;
  }
  EXPECT_EQ(fused, 8u) << e.to_string();
  EXPECT_EQ(conversions(e).size(), 2u) << e.to_string();
  expect_near(run(session), by_reference(model));
}

// Rows of a dispatch table for the kernel in nhwc count for that alone, and no others do.
TEST(SocLayout, MeasuredKernelsCount) {
  const Model model = chain(4, 32, 28);
  CompileOptions options = camera(model);
  const Explanation before = explain(model, options);
  std::string problem;
  for (const Placement& p : before.nodes)
    if (p.node == "conv1") problem = p.problem_key;
  const Explanation plain = explain(model, row_major(options));
  for (const Placement& p : plain.nodes) EXPECT_NE(p.problem_key, problem);
  ASSERT_NE(problem.find(" in nhwc"), std::string::npos) << problem << before.to_string();
  options.table = table_for("camera", model, {{problem, "npu", "", 3210}});
  const Explanation e = explain(model, options);
  for (const Placement& p : e.nodes) {
    if (p.op != "Conv") continue;
    EXPECT_EQ(p.layout, "nhwc");
    EXPECT_EQ(p.estimate_ns, 3210);
    EXPECT_EQ(p.cost_source, "measured");
  }
  options.table = table_for("camera", model, {{problem, "npu", "", 1e9}});
  EXPECT_TRUE(in_nhwc(explain(model, options)).empty());
}

TEST(SocLayout, KeptTensorsAndOutputsStayRowMajor) {
  const Model model = chain(9, 64, 28);
  Session plain = soc_runtime().compile(model, {.devices = {"reference"}, .keep = {"conv2"}});
  run(plain);
  CompileOptions options = camera(model);
  options.keep = {"conv2"};
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  EXPECT_FALSE(in_nhwc(e).empty()) << e.to_string();
  EXPECT_EQ(in_nhwc(e).count("conv2"), 0u) << e.to_string();
  expect_near(run(session), by_reference(model));
  const auto want = plain.tensor("conv2").as<float>(), got = session.tensor("conv2").as<float>();
  expect_near({got.begin(), got.end()}, {want.begin(), want.end()});
  options.keep_all = true;
  EXPECT_TRUE(in_nhwc(explain(model, options)).empty());
}

// A device that offered what it does not compile: the same nodes run by plain kernels.
TEST(SocLayout, RefusedLayoutsFallBackToPlainKernels) {
  const Model model = chain(5, 64, 28);
  const CompileOptions options = camera(model);
  ASSERT_FALSE(in_nhwc(explain(model, options)).empty());
  const Variable refuse("MOTLEY_SOC_REFUSE_NHWC", "1");
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  EXPECT_TRUE(in_nhwc(e).empty()) << e.to_string();
  EXPECT_EQ(e.cost.predicted_ns, explain(model, row_major(options)).cost.predicted_ns) << e.to_string();
  for (const Placement& p : e.nodes) EXPECT_EQ(p.device, "soc:camera.npu");
  expect_near(run(session), by_reference(model));
}

TEST(SocLayout, LostDevicesArePlannedWithout) {
  const Model model = chain(5, 64, 28);
  Session session = soc_runtime().compile(model, camera(model));
  ASSERT_FALSE(in_nhwc(session.explain()).empty());
  const Variable lost("MOTLEY_SOC_LOST", "camera.npu");
  expect_near(run(session), by_reference(model));
  for (const Placement& p : session.explain().nodes) EXPECT_NE(p.device, "soc:camera.npu");
}

// A plan that was raced is followed as it was, and that was in row-major layout.
TEST(SocLayout, RacedPlansAreFollowedAsTheyAre) {
  using nlohmann::json;
  const Model model = chain(5, 64, 28);
  CompileOptions options = camera(model);
  ASSERT_FALSE(in_nhwc(explain(model, options)).empty());
  std::ifstream file(options.table);
  json document = json::parse(file);
  document.erase("sha256");
  const plugin::Registry registry =
      plugin::discover({.files = {MOTLEY_TEST_PLUGINS "/libmotley_soc.so"}, .standard_places = false});
  plan::Request request;
  std::string npu;
  for (const auto& device : registry.devices) {
    if (!device->name().starts_with("soc:camera.")) continue;
    request.devices.push_back(device);
    if (device->name() == "soc:camera.npu") npu = tuner::describe_device(device).id();
  }
  request.split = request.layouts = request.optimize = false;
  const std::vector<std::string> nodes = {"conv0", "conv1", "conv2", "conv3", "out"};
  document["plans"].push_back({{"graph_hash", tuner::plan_model(model.module(), request).stages.at(0).hash},
                               {"shapes", {{"x", {1, 64, 28, 28}}}},
                               {"devices", {npu}},
                               {"objective", "latency"},
                               {"segments", {{{"device", npu}, {"nodes", nodes}, {"configs", {"", "", "", "", ""}}}}},
                               {"expected_ns", 1000},
                               {"bound_ns", 0}});
  options.table = options.table.parent_path() / "camera_raced.json";
  std::ofstream(options.table) << tuner::table_text(tuner::canonical(document));
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  EXPECT_EQ(e.cost.decided_by, "race") << e.to_string();
  EXPECT_TRUE(in_nhwc(e).empty());
  EXPECT_TRUE(conversions(e).empty());
  EXPECT_EQ(e.nodes.size(), nodes.size());
  expect_near(run(session), by_reference(model));
}

// The best of all choices of nodes in nhwc, each tried alone: of these the planner's must be, or be within the margin
// of having none.
TEST(SocLayout, PlansAreAsGoodAsBruteForce) {
  std::mt19937 random(5);
  size_t with_layouts = 0, equal = 0, tried = 0;
  for (int i = 0; i < 12; ++i) {
    Builder b(image(32 << (random() % 2), 56));
    std::vector<TensorId> made = {b.x()};
    std::vector<std::string> names;
    for (int n = 0; n < 6; ++n) {
      const std::string name = n == 5 ? "out" : "n" + std::to_string(n);
      const TensorId from = made[made.size() - 1 - (made.size() > 1 ? random() % 2 : 0)],
                     other = made[random() % made.size()];
      const unsigned kind = random() % 8;
      if (kind < 5) made.push_back(b.conv(name, from, 0, random() % 2 ? 3 : 1));
      else if (kind == 5) made.push_back(b.softmax(name, from));
      else if (kind == 6) made.push_back(b.relu(name, from));
      else made.push_back(b.sum(name, from, other));
      names.push_back(name);
    }
    const Model model = b.model({made.back()});
    CompileOptions options = camera(model);
    options.devices = {"soc:camera.npu", "soc:camera.big"};
    const Explanation e = explain(model, options);
    double best = explain(model, row_major(options)).cost.predicted_ns;
    for (unsigned set = 1; set < 64; ++set) {
      std::string list;
      for (size_t n = 0; n < names.size(); ++n)
        if (set >> n & 1) list += (list.empty() ? "" : ",") + names[n];
      const Variable only("MOTLEY_SOC_NHWC", list);
      best = std::min(best, explain(model, options).cost.predicted_ns);
    }
    EXPECT_LE(e.cost.predicted_ns, best * 1.03) << i << e.to_string();
    equal += e.cost.predicted_ns <= best * (1 + 1e-9);
    with_layouts += !in_nhwc(e).empty();
    ++tried;
  }
  EXPECT_GE(with_layouts, 5u);
  EXPECT_GE(equal + 1, tried);
}

TEST(SocLayout, RandomNetworksAreRight) {
  std::mt19937 random(11);
  size_t with_layouts = 0;
  for (int i = 0; i < 40; ++i) {
    static constexpr int64_t kChannels[] = {1, 3, 17, 32};
    const int64_t channels = kChannels[random() % 4];
    Builder b(image(channels, 9, 1 + random() % 2));
    std::vector<TensorId> made = {b.x()};
    for (int n = 0; n < 12; ++n) {
      const std::string name = n == 11 ? "out" : "n" + std::to_string(n);
      const TensorId from = made[made.size() - 1 - random() % std::min<size_t>(made.size(), 3)],
                     other = made[random() % made.size()];
      switch (random() % 8) {
        case 0: made.push_back(b.relu(name, from)); break;
        case 1: made.push_back(b.softmax(name, from)); break;
        case 2: made.push_back(b.pool(name, from)); break;
        case 3: made.push_back(b.sum(name, from, other)); break;
        case 4: made.push_back(b.conv(name, from, 0, 3, other)); break;
        default: made.push_back(b.conv(name, from, 0, random() % 2 ? 3 : 1)); break;
      }
    }
    const Model model = b.model({made.back()});
    // Kernels in nhwc and conversions cost next to nothing, so that as many as possible are used.
    CompileOptions options = camera(model);
    options.optimize = i % 2;
    options.policy = static_cast<Policy>(i % 4);
    const Variable cheap("MOTLEY_SOC_CHEAP_NHWC", "1");
    Session session = soc_runtime().compile(model, options);
    with_layouts += !in_nhwc(session.explain()).empty();
    SCOPED_TRACE(session.explain().to_string());
    expect_near(run(session), by_reference(model));
  }
  EXPECT_GE(with_layouts, 15u);
}

}  // namespace
}  // namespace motley::test
