// The public API: running, binding, resizing, keeping, cutting, callbacks, errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

std::vector<float> to_vector(std::span<const float> s) { return {s.begin(), s.end()}; }

void expect_near(std::span<const float> got, std::span<const float> expected, float tolerance = 1e-5f) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_FALSE(std::string(e.what()).empty());
    return e.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::internal;
}

TEST(Session, RunsOnEveryDeviceWithTheSameResult) {
  const Runtime rt = runtime_with();
  const Model model = small_cnn();
  const std::vector<float> image = noise(3 * 8 * 8, 5);
  std::vector<std::vector<float>> results;
  for (const char* device : {"reference", "cpu"}) {
    for (bool optimize : {false, true}) {
      Session session = rt.compile(model, {.devices = {device}, .optimize = optimize});
      session.input("image").copy_from(image);
      session.run();
      results.push_back(to_vector(session.output("prob").as<float>()));
    }
  }
  float sum = 0;
  for (float p : results[0]) sum += p;
  EXPECT_NEAR(sum, 1.0f, 1e-5f);
  for (const auto& r : results) expect_near(r, results[0]);
}

TEST(Session, ComputesWhatTheGraphSays) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(relu_add_relu(), {.devices = {"cpu"}});
  session.input("x").copy_from(std::vector<float>{-1, 2, -3, 4});
  session.input("y").copy_from(std::vector<float>{5, -6, -7, 0.5f});
  session.run();
  EXPECT_EQ(to_vector(session.output("z").as<float>()), (std::vector<float>{5, 0, 0, 4.5f}));
}

TEST(Session, FusesConvolutionNormalizationActivationAndResidual) {
  const Runtime rt = runtime_with();
  const Session fused = rt.compile(small_cnn(), {.devices = {"cpu"}});
  const Session plain = rt.compile(small_cnn(), {.devices = {"cpu"}, .optimize = false});
  const auto count = [](const Session& s, const std::string& op) {
    const Explanation explanation = s.explain();
    return std::count_if(explanation.nodes.begin(), explanation.nodes.end(),
                         [&](const Placement& p) { return p.op.rfind(op, 0) == 0; });
  };
  EXPECT_EQ(count(fused, "Conv"), 2);
  EXPECT_EQ(count(fused, "Binary"), 0) << fused.explain().to_string();
  EXPECT_EQ(count(fused, "Unary"), 0) << fused.explain().to_string();
  EXPECT_GT(count(plain, "Unary"), 0);
}

TEST(Session, ExplainsWhereAndWhy) {
  const Runtime rt = runtime_with({"template"});
  const Session session = rt.compile(small_cnn(), {.devices = {"template", "cpu"}, .optimize = false});
  const Explanation e = session.explain();
  std::set<std::string> devices;
  for (const Placement& p : e.nodes) {
    devices.insert(p.device);
    EXPECT_FALSE(p.reason.empty());
    EXPECT_FALSE(p.origins.empty());
  }
  EXPECT_EQ(devices, (std::set<std::string>{"cpu", "template"}));
  EXPECT_NE(e.to_string().find("template does not run it"), std::string::npos) << e.to_string();
}

TEST(Session, ANetworkWithoutNodesGivesItsInputBack) {
  graph::Module module;
  Graph& g = module.graphs.emplace_back();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(4)});
  g.inputs = g.outputs = {x};
  const Runtime rt = runtime_with();
  Session session = rt.compile(Model::from_module(std::move(module)));
  session.input("x").copy_from(std::vector<float>{1, 2, 3, 4});
  session.run();
  EXPECT_EQ(to_vector(session.output("x").as<float>()), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(session.explain().cost.predicted_ns, 0);
}

TEST(Session, BindsTheCallersMemory) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(relu_add_relu());
  alignas(64) float x[4] = {1, 2, 3, 4};
  alignas(64) float z[4] = {};
  session.input("x").bind(std::span<float>(x));
  session.output("z").bind(std::span<float>(z));
  session.input("y").copy_from(std::vector<float>{1, 1, 1, 1});
  session.run();
  EXPECT_EQ(z[3], 5.0f);
  x[3] = 10;
  session.run();
  EXPECT_EQ(z[3], 11.0f);
  EXPECT_EQ(session.output("z").as<float>().data(), z);
  session.output("z").bind(std::span<float>());
  x[3] = 20;
  session.run();
  EXPECT_EQ(z[3], 11.0f);
  EXPECT_EQ(session.output("z").as<float>()[3], 21.0f);
  EXPECT_EQ(code_of([&] { session.input("x").bind(std::span<float>(x, 3)); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.input("x").bind(std::as_writable_bytes(std::span<float>(x)).subspan(4)); }),
            ErrorCode::invalid_argument);
}

TEST(Session, ResizesAndComesBack) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(relu_add_relu(), {.input_shapes = {{"x", {3, 4}}}});
  EXPECT_EQ(session.output("z").elements(), 12);
  EXPECT_EQ(session.input("y").shape()[0], 3) << "one symbol has one value";
  session.resize({{"x", {2, 4}}, {"y", {2, 4}}});
  const std::vector<float> x = noise(8, 1), y = noise(8, 2);
  session.input("x").copy_from(x);
  session.input("y").copy_from(y);
  session.run();
  for (size_t i = 0; i < 8; ++i)
    EXPECT_FLOAT_EQ(session.output("z").as<float>()[i], std::max(0.0f, std::max(0.0f, x[i]) + y[i]));
  session.resize({{"x", {0, 4}}, {"y", {0, 4}}});
  session.run();
  EXPECT_EQ(session.output("z").elements(), 0);
  session.resize({{"x", {2, 4}}, {"y", {2, 4}}});
  EXPECT_EQ(session.output("z").elements(), 8);
  // A bad resize leaves the session as it was.
  EXPECT_EQ(code_of([&] { session.resize({{"x", {2, 5}}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.resize({{"nobody", {2, 4}}}); }), ErrorCode::not_found);
  session.input("x").copy_from(x);
  session.input("y").copy_from(y);
  session.run();
  EXPECT_EQ(session.output("z").elements(), 8);
}

TEST(Session, PlansOncePerShape) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(small_cnn(), {.input_shapes = {{"image", {1, 3, 8, 8}}}});
  EXPECT_EQ(session.plans_made(), 1u);
  for (int round = 0; round < 2; ++round) {
    for (int64_t n = 1; n <= 10; ++n) {
      session.resize({{"image", {n, 3, 8, 8}}});
      session.input("image").copy_from(noise(static_cast<size_t>(n) * 192, 7));
      session.run();
      EXPECT_EQ(session.output("prob").shape()[0], n);
    }
    EXPECT_EQ(session.plans_made(), 10u) << "round " << round;
  }
}

TEST(Session, KeepsAndReadsIntermediateTensors) {
  const Runtime rt = runtime_with();
  const std::vector<float> image = noise(3 * 8 * 8, 5);
  Session all = rt.compile(small_cnn(), {.devices = {"reference"}, .keep_all = true, .optimize = false});
  Session some = rt.compile(small_cnn(), {.devices = {"cpu"}, .keep = {"relu1", "res_out"}});
  for (Session* s : {&all, &some}) {
    s->input("image").copy_from(image);
    s->run();
  }
  expect_near(some.tensor("relu1_out").as<float>(), all.tensor("relu1_out").as<float>(), 1e-4f);
  expect_near(some.tensor("res_out").as<float>(), all.tensor("res_out").as<float>(), 1e-4f);
  expect_near(some.output("prob").as<float>(), all.output("prob").as<float>());
  EXPECT_EQ(code_of([&] { some.tensor("conv1_out"); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { some.output("relu1_out"); }), ErrorCode::not_found) << "kept is not an output";
  EXPECT_EQ(code_of([&] { rt.compile(small_cnn(), {.keep = {"nothing"}}); }), ErrorCode::not_found);
}

TEST(Session, CallsBackAroundNamedNodes) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(small_cnn(), {.keep = {"relu1", "pool"}});
  std::vector<std::string> calls;
  float before = -1, after = -1;
  session.before("relu1", [&](const NodeInfo& n) { calls.push_back("before " + n.name + " " + n.op); });
  session.after("relu1", [&](const NodeInfo& n) {
    calls.push_back("after " + n.name);
    after = *std::min_element(session.tensor("relu1_out").as<float>().begin(),
                              session.tensor("relu1_out").as<float>().end());
  });
  session.after("pool", [&](const NodeInfo& n) { calls.push_back("after " + n.name + " " + n.outputs.at(0)); });
  session.input("image").copy_from(noise(192, 3));
  session.run();
  EXPECT_EQ(calls, (std::vector<std::string>{"before relu1 Unary(relu)", "after relu1", "after pool pool_out"}));
  EXPECT_EQ(after, 0.0f);
  (void)before;
  EXPECT_EQ(code_of([&] { session.after("conv2", [](const NodeInfo&) {}); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { session.after("nobody", [](const NodeInfo&) {}); }), ErrorCode::not_found);
}

TEST(Session, RunsAPartOfTheNetwork) {
  const Runtime rt = runtime_with();
  Session whole = rt.compile(small_cnn(), {.keep = {"relu1_out", "pool_out"}});
  whole.input("image").copy_from(noise(192, 3));
  whole.run();
  Session part = rt.compile(small_cnn(), {.inputs = {"relu1_out"}, .outputs = {"pool_out"}});
  EXPECT_EQ(part.input_names(), std::vector<std::string>{"relu1_out"});
  part.input("relu1_out").copy_from(whole.tensor("relu1_out").as<float>());
  part.run();
  expect_near(part.output("pool_out").as<float>(), whole.tensor("pool_out").as<float>());
  EXPECT_EQ(code_of([&] { rt.compile(small_cnn(), {.outputs = {"nobody"}}); }), ErrorCode::not_found);
}

TEST(Session, SeveralRunAtOnce) {
  const Runtime rt = runtime_with();
  const Model model = small_cnn();
  std::vector<std::vector<float>> expected;
  for (unsigned i = 0; i < 4; ++i) {
    Session s = rt.compile(model);
    s.input("image").copy_from(noise(192, i));
    s.run();
    expected.push_back(to_vector(s.output("prob").as<float>()));
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Session s = rt.compile(model);
      s.input("image").copy_from(noise(192, i));
      for (int round = 0; round < 20; ++round) {
        s.run();
        expect_near(s.output("prob").as<float>(), expected[i], 0.0f);
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST(Session, RunsAsynchronously) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(relu_add_relu());
  session.input("x").copy_from(std::vector<float>{1, 2, 3, 4});
  session.input("y").copy_from(std::vector<float>{0, 0, 0, 0});
  session.run_async().get();
  EXPECT_EQ(session.output("z").as<float>()[2], 3.0f);
}

TEST(Session, CancelStopsARun) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(small_cnn(), {.keep = {"relu1"}});
  session.input("image").copy_from(noise(192, 3));
  bool first = true;
  session.after("relu1", [&](const NodeInfo&) {
    if (std::exchange(first, false)) session.cancel();
  });
  EXPECT_EQ(code_of([&] { session.run(); }), ErrorCode::cancelled);
  session.run();
  EXPECT_EQ(session.output("prob").elements(), 5);
}

TEST(Session, TimesNodes) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(small_cnn(), {.devices = {"cpu"}});
  session.set_profiling(true);
  session.run();
  const auto times = session.node_times();
  EXPECT_EQ(times.size(), static_cast<size_t>(std::count_if(times.begin(), times.end(), [](const NodeTime& t) {
              return t.end_ns >= t.begin_ns && t.device == "cpu" && !t.kernel.empty();
            })));
  EXPECT_GE(times.size(), 4u);
}

TEST(Session, SaysWhatIsWrongWithInputs) {
  const Runtime rt = runtime_with();
  Session session = rt.compile(relu_add_relu());
  EXPECT_EQ(code_of([&] { session.input("x").copy_from(std::vector<float>{1}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] {
              session.input("x").copy_from(std::vector<int32_t>{1, 2, 3, 4});
            }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.input("q"); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { session.output("z").as<double>(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] {
              session.output("z").copy_from(std::vector<float>{1, 2, 3, 4});
            }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { rt.compile(relu_add_relu(), {.devices = {"nonesuch"}}); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] {
              rt.compile(relu_add_relu(), {.input_shapes = {{"x", {1, 2, 3}}}});
            }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] {
              rt.compile(relu_add_relu(), {.input_shapes = {{"x", {1, 4}}, {"y", {2, 4}}}});
            }),
            ErrorCode::invalid_argument);
}

TEST(Session, NanInputsComeOutAsNan) {
  const Runtime rt = runtime_with();
  for (const char* device : {"reference", "cpu"}) {
    Session session = rt.compile(relu_add_relu(), {.devices = {device}});
    session.input("x").copy_from(std::vector<float>{NAN, 1, 1, 1});
    session.input("y").copy_from(std::vector<float>{0, 0, 0, 0});
    session.run();
    EXPECT_TRUE(std::isnan(session.output("z").as<float>()[0])) << device;
    EXPECT_EQ(session.output("z").as<float>()[1], 1.0f);
  }
}

// x (n) → Reshape to 2x3: with nobody to say n it counts as 1, and that is said.
TEST(Session, ADimensionThatNobodyGaveIsNamedWhereItGoesWrong) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "signal", DataType::float32, Dims{Dim(std::string("n"))});
  g.inputs = {x};
  g.outputs = {
      node(g, "y", Op::Reshape, {x, g.add_int64("shape", {2, 3})}, DataType::float32, schema::ReshapeAttributesT{})};
  const Model model = Model::from_module(std::move(module));
  const Runtime rt = runtime_with();
  try {
    rt.compile(model);
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("input \"signal\" leaves open count as 1"), std::string::npos) << e.what();
  }
  rt.compile(model, {.input_shapes = {{"signal", {6}}}});
  try {
    rt.compile(model, {.input_shapes = {{"signal", {5}}}});
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("leaves open"), std::string::npos) << e.what();
  }
}

TEST(Session, WithoutFallbackNamesWhatIsNotSupported) {
  const Runtime rt = runtime_with({"template"});
  try {
    rt.compile(small_cnn(), {.devices = {"template"}, .fallback = false});
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(e.what()).find("conv1"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("softmax"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace motley::test
