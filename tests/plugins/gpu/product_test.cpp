// MatMul and Conv against the reference, in every algorithm and with every parameter that the plugin offers.
#include "tested_plugin.hpp"

namespace motley::test {

namespace {

using schema::UnaryFunction;

NodeCase matmul(std::vector<int64_t> a, std::vector<int64_t> b, std::vector<int64_t> y, bool constant_a = false,
                bool constant_b = false, bool transpose_a = false, bool transpose_b = false, Value c = none(), float alpha = 1) {
  schema::MatMulAttributesT t;
  t.transpose_a = transpose_a;
  t.transpose_b = transpose_b;
  t.alpha = alpha;
  t.beta = 0.5f;
  Value left = random_value(std::move(a), 1), right = random_value(std::move(b), 2);
  left.constant = constant_a;
  right.constant = constant_b;
  return node_case(Op::MatMul, t, {left, right, std::move(c)}, {output_of<float>(std::move(y))});
}

struct ConvForm {
  std::vector<int64_t> x, w;
  std::vector<int64_t> strides, dilations, pads;
  int64_t group = 1;
};
// N, M and the outputs by ONNX's formula.
std::vector<int64_t> conv_output(const ConvForm& f) {
  std::vector<int64_t> y{f.x[0], f.w[0]};
  const size_t rank = f.x.size() - 2;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t d = f.dilations.empty() ? 1 : f.dilations[i], s = f.strides.empty() ? 1 : f.strides[i];
    const int64_t pads = f.pads.empty() ? 0 : f.pads[i] + f.pads[rank + i];
    y.push_back((f.x[2 + i] + pads - (f.w[2 + i] - 1) * d - 1) / s + 1);
  }
  return y;
}
NodeCase conv(const ConvForm& f, bool bias = true, bool residual = false, UnaryFunction activation = UnaryFunction::identity,
              bool constant_weights = true) {
  schema::ConvAttributesT a;
  a.strides = f.strides;
  a.dilations = f.dilations;
  a.pads = f.pads;
  a.group = f.group;
  a.activation = schema::Activation(-0.5f, 0.8f, activation);
  const std::vector<int64_t> y = conv_output(f);
  Value w = random_value(f.w, 2), b = bias ? random_value({f.w[0]}, 3) : none();
  w.constant = constant_weights;
  return node_case(Op::Conv, a, {random_value(f.x, 1), w, b, residual ? random_value(y, 4) : none()}, {output_of<float>(y)});
}

const std::vector<ConvForm>& forms() {
  static const std::vector<ConvForm> list{
      {{1, 3, 9, 9}, {5, 3, 3, 3}, {}, {}, {1, 1, 1, 1}, 1},         {{2, 17, 5, 19}, {3, 17, 1, 1}, {}, {}, {}, 1},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}, {}, {}, 1},                   {{1, 3, 11, 13}, {17, 3, 3, 5}, {2, 3}, {}, {1, 0, 2, 1}, 1},
      {{1, 4, 10, 10}, {6, 2, 3, 3}, {1, 1}, {2, 1}, {2, 1, 2, 1}, 2}, {{1, 2, 7, 8}, {3, 2, 2, 2}, {4, 5}, {}, {}, 1},
      {{1, 8, 6, 6}, {4, 8, 1, 1}, {2, 2}, {}, {}, 1},               {{3, 2, 40}, {5, 2, 7}, {2}, {}, {3, 3}, 1},
      {{1, 2, 4, 5, 6}, {3, 2, 2, 3, 2}, {1, 2, 1}, {}, {0, 1, 1, 0, 1, 0}, 1}, {{0, 3, 4, 4}, {2, 3, 3, 3}, {}, {}, {}, 1},
      {{1, 16, 33, 35}, {24, 16, 3, 3}, {}, {}, {1, 1, 1, 1}, 1}};
  return list;
}

}  // namespace

TEST(GpuProduct, MatMulShapes) {
  SKIP_WITHOUT_DEVICE();
  expect_like_reference(matmul({5, 7}, {7, 3}, {5, 3}));
  expect_like_reference(matmul({17, 33}, {33, 65}, {17, 65}, true));
  expect_like_reference(matmul({1, 64}, {64, 100}, {1, 100}, false, true));
  expect_like_reference(matmul({64}, {64, 5}, {5}));
  expect_like_reference(matmul({6, 64}, {64}, {6}));
  expect_like_reference(matmul({64}, {64}, {}));
  expect_like_reference(matmul({4, 0}, {0, 3}, {4, 3}));
  expect_like_reference(matmul({0, 4}, {4, 3}, {0, 3}));
  expect_like_reference(matmul({2, 3, 5, 7}, {7, 18}, {2, 3, 5, 18}));
  expect_like_reference(matmul({2, 1, 5, 7}, {3, 7, 20}, {2, 3, 5, 20}));
  expect_like_reference(matmul({3, 5, 7}, {3, 7, 20}, {3, 5, 20}));
}

TEST(GpuProduct, MatMulTransposedScaledAdded) {
  SKIP_WITHOUT_DEVICE();
  expect_like_reference(matmul({7, 5}, {7, 9}, {5, 9}, false, false, true, false, none(), 0.25f));
  expect_like_reference(matmul({5, 7}, {9, 7}, {5, 9}, false, true, false, true, random_value({9}, 3)));
  expect_like_reference(matmul({5, 7}, {9, 7}, {5, 9}, false, false, false, true, random_value({5, 1}, 3)));
  expect_like_reference(matmul({3, 5, 7}, {3, 21, 7}, {3, 5, 21}, false, false, false, true, random_value({3, 1, 21}, 3)));
  expect_like_reference(matmul({7, 40}, {70, 7}, {40, 70}, true, true, true, true, random_value({}, 3)));
}

// As large as large GPUs take them by tiles in local memory.
TEST(GpuProduct, MatMulOfManyTiles) {
  SKIP_WITHOUT_DEVICE();
  expect_like_reference(matmul({140, 70}, {70, 203}, {140, 203}));
  expect_like_reference(matmul({131, 65}, {65, 130}, {131, 130}, true, false, false, false, random_value({130}, 3)));
  expect_like_reference(matmul({2, 3, 70, 64}, {2, 3, 64, 69}, {2, 3, 70, 69}));
}

TEST(GpuProduct, MatMulInEveryConfig) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase packed = matmul({19, 37}, {37, 83}, {19, 83}, true), plain = matmul({19, 37}, {37, 83}, {19, 83}, false, false, false, false, random_value({83}, 3));
  const std::vector<std::string> configs = single_changes(packed);
  EXPECT_GE(configs.size(), 6u);
  for (const std::string& config : configs) {
    expect_like_reference(packed, {}, config);
    expect_like_reference(plain, {}, config);
  }
  const char* tiles = "local_k=8,lx=4,ly=4,mr=4,nv=2,vw=4";
  if (admits(plain, tiles)) expect_like_reference(plain, {}, tiles);
}

// Few outputs of many products, whose tiles a GPU's work items share, in vectors of any width.
TEST(GpuProduct, MatMulSharedAlongK) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase packed = matmul({19, 203}, {203, 83}, {19, 83}, true), plain = matmul({3, 203}, {203, 83}, {3, 83});
  for (const char* config : {"", "vw=1", "vw=8", "vw=16", "split=2,vw=16", "split=8,vw=8,nv=2", "split=4,vw=1"})
    for (const NodeCase* c : {&packed, &plain})
      if (!*config || admits(*c, config)) expect_like_reference(*c, {}, config);
}

TEST(GpuProduct, ConvFormsByDefault) {
  SKIP_WITHOUT_DEVICE();
  for (const ConvForm& f : forms()) {
    expect_like_reference(conv(f));
    expect_like_reference(conv(f, false, true, UnaryFunction::clip));
    expect_like_reference(conv(f, true, false, UnaryFunction::hard_swish, false));
  }
}

TEST(GpuProduct, ConvInEveryAlgorithm) {
  SKIP_WITHOUT_DEVICE();
  for (const ConvForm& f : forms())
    for (const std::string& config : single_changes(conv(f)))
      if (config.rfind("algorithm", 0) == 0)
        expect_like_reference(conv(f, true, true, UnaryFunction::relu), {config.find("winograd") != std::string::npos ? 5e-4 : 1e-5, 1e-4}, config);
}

TEST(GpuProduct, ConvInEveryConfig) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = conv({{1, 5, 12, 21}, {13, 5, 3, 3}, {}, {}, {1, 1, 1, 1}, 1}, true, true, UnaryFunction::relu);
  for (const std::string& config : single_changes(c)) expect_like_reference(c, {5e-4, 1e-4}, config);
}

TEST(GpuProduct, DepthwiseConv) {
  SKIP_WITHOUT_DEVICE();
  const std::vector<ConvForm> list{{{1, 5, 9, 9}, {5, 1, 3, 3}, {}, {}, {1, 1, 1, 1}, 5},
                                   {{2, 3, 20, 41}, {3, 1, 3, 3}, {2, 2}, {}, {1, 1, 1, 1}, 3},
                                   {{1, 4, 7, 39}, {8, 1, 5, 3}, {1, 1}, {1, 2}, {2, 2, 2, 2}, 4},
                                   {{1, 2, 6, 64}, {2, 1, 1, 7}, {1, 3}, {}, {0, 3, 0, 3}, 2},
                                   {{1, 3, 2, 2}, {3, 1, 3, 3}, {}, {}, {1, 1, 1, 1}, 3}};
  for (const ConvForm& f : list) {
    expect_like_reference(conv(f));
    expect_like_reference(conv(f, false, true, UnaryFunction::tanh));
    expect_like_reference(conv(f), {}, "algorithm=direct");
    expect_like_reference(conv(f), {}, "algorithm=gemm");
  }
}

// ---- weights kept as float16 ----

namespace {

constexpr Tolerance kHalf{0.02, 0.01};

struct Offered {
  uint32_t node, precision;
  std::string config;
};
std::vector<Offered> offers_of(const NodeCase& c) {
  const NodeGraph node(c);
  std::vector<Offered> list;
  motley_support_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &list;
  sink.node = [](void*, uint32_t, motley_status, const char*) {};
  sink.candidate = [](void* to, const motley_candidate* o) {
    EXPECT_EQ(o->node_count, 1u);
    static_cast<std::vector<Offered>*>(to)->push_back({o->nodes[0], o->precision, o->config});
  };
  EXPECT_EQ(tested_plugin()->query_support(tested_device(), &node.graph(), &sink, nullptr), MOTLEY_OK);
  return list;
}

uint64_t resident_bytes(const NodeCase& c, const char* config) {
  const NodeGraph node(c);
  const motley_node_config chosen{0, config};
  motley_compile_options options{};
  options.struct_size = sizeof options;
  options.config_count = *config ? 1 : 0;
  options.configs = &chosen;
  motley_executable* executable = nullptr;
  if (tested_plugin()->compile(tested_device(), &node.graph(), &options, &executable, nullptr) != MOTLEY_OK) return 0;
  motley_exec_requirements need{};
  need.struct_size = sizeof need;
  tested_plugin()->exec_requirements(executable, &need);
  tested_plugin()->exec_release(executable);
  return need.resident_bytes;
}

bool has_half() { return !offers_of(matmul({5, 7}, {7, 3}, {5, 3}, false, true)).empty(); }

}  // namespace

TEST(GpuHalf, IsOfferedWhereWeightsAreConstant) {
  SKIP_WITHOUT_DEVICE();
  if (!has_half()) GTEST_SKIP() << "the device does not store float16";
  for (const NodeCase& c : {matmul({5, 7}, {7, 3}, {5, 3}, true), matmul({2, 5, 7}, {7, 3}, {2, 5, 3}, false, true), conv(forms()[0])}) {
    const std::vector<Offered> offers = offers_of(c);
    ASSERT_EQ(offers.size(), 1u);
    EXPECT_EQ(offers[0].node, 0u);
    EXPECT_EQ(offers[0].precision, static_cast<uint32_t>(schema::DataType::float16));
    EXPECT_EQ(offers[0].config, "precision=f16");
    EXPECT_TRUE(admits(c, "precision=f16"));
    EXPECT_FALSE(admits(c, "precision=f8"));
    for (const std::string& config : single_changes(c)) EXPECT_EQ(config.find("precision"), std::string::npos) << "no tuner's choice";
  }
  for (const NodeCase& c : {matmul({5, 7}, {7, 3}, {5, 3}), conv(forms()[0], true, false, UnaryFunction::identity, false)}) {
    EXPECT_TRUE(offers_of(c).empty());
    EXPECT_FALSE(admits(c, "precision=f16"));
  }
}

TEST(GpuHalf, TakesHalfTheMemory) {
  SKIP_WITHOUT_DEVICE();
  if (!has_half()) GTEST_SKIP() << "the device does not store float16";
  for (const NodeCase& c : {matmul({50, 128}, {128, 256}, {50, 256}, true), matmul({5, 128}, {128, 256}, {5, 256}, false, true),
                            matmul({5, 128}, {256, 128}, {5, 256}, false, true, false, true), conv({{1, 64, 9, 9}, {64, 64, 3, 3}, {}, {}, {}, 1}, false)}) {
    const auto full = static_cast<double>(resident_bytes(c, "")), half = static_cast<double>(resident_bytes(c, "precision=f16"));
    ASSERT_GT(full, 20000);
    EXPECT_NEAR(half / full, 0.5, 0.05);
  }
}

TEST(GpuHalf, MatMul) {
  SKIP_WITHOUT_DEVICE();
  if (!has_half()) GTEST_SKIP() << "the device does not store float16";
  const std::vector<NodeCase> cases{matmul({17, 33}, {33, 65}, {17, 65}, true),
                                    matmul({1, 64}, {64, 100}, {1, 100}, false, true),
                                    matmul({6, 64}, {64}, {6}, false, true),
                                    matmul({2, 3, 5, 7}, {7, 18}, {2, 3, 5, 18}, false, true),
                                    matmul({3, 5, 7}, {3, 7, 20}, {3, 5, 20}, false, true),
                                    matmul({5, 7}, {9, 7}, {5, 9}, false, true, false, true, random_value({9}, 3)),
                                    matmul({7, 40}, {70, 7}, {40, 70}, true, true, true, true, random_value({}, 3))};
  for (const NodeCase& c : cases) {
    expect_like_reference(c, kHalf, "precision=f16");
    if (&c - cases.data() >= 2) continue;  // each config is a kernel to compile
    for (const std::string& config : single_changes(c))
      if (config.rfind("vw", 0) == 0 || config.rfind("local_k", 0) == 0) expect_like_reference(c, kHalf, "precision=f16," + config);
  }
}

TEST(GpuHalf, ConvInEveryAlgorithm) {
  SKIP_WITHOUT_DEVICE();
  if (!has_half()) GTEST_SKIP() << "the device does not store float16";
  std::vector<ConvForm> list = forms();
  list.push_back({{2, 3, 20, 41}, {3, 1, 3, 3}, {2, 2}, {}, {1, 1, 1, 1}, 3});
  list.push_back({{1, 4, 7, 39}, {8, 1, 5, 3}, {1, 1}, {1, 2}, {2, 2, 2, 2}, 4});
  list.push_back({{1, 5, 9, 9}, {5, 1, 3, 3}, {}, {}, {1, 1, 1, 1}, 5});
  for (const ConvForm& f : list) {
    const NodeCase c = conv(f, true, true, UnaryFunction::relu);
    expect_like_reference(c, kHalf, "precision=f16");
    if (&f != &list[0] && &f < &list[forms().size() - 1]) continue;
    for (const std::string& config : single_changes(c))
      if (config.rfind("algorithm", 0) == 0)
        expect_like_reference(c, config.find("winograd4") != std::string::npos ? Tolerance{0.1, 0.02} : kHalf, "precision=f16," + config);
  }
}

TEST(GpuHalf, RefusesWeightsBeyondItsRange) {
  SKIP_WITHOUT_DEVICE();
  if (!has_half()) GTEST_SKIP() << "the device does not store float16";
  NodeCase c = node_case(Op::MatMul, schema::MatMulAttributesT(),
                         {random_value({2, 2}, 1), constant(value<float>({2, 2}, {1, -70000, 0.5f, 65504}))}, {output_of<float>({2, 2})});
  c.config = "precision=f16";
  const NodeResult result = run_node(*tested_plugin(), tested_device(), c);
  EXPECT_EQ(result.status, MOTLEY_UNSUPPORTED);
  EXPECT_NE(result.text.find("-70000"), std::string::npos) << result.text;
}

TEST(GpuProduct, TransposedConv) {
  SKIP_WITHOUT_DEVICE();
  const auto run = [](std::vector<int64_t> x, std::vector<int64_t> w, std::vector<int64_t> y, std::vector<int64_t> strides,
                      std::vector<int64_t> pads, std::vector<int64_t> extra, int64_t group) {
    schema::ConvTransposeAttributesT a;
    a.strides = std::move(strides);
    a.pads = std::move(pads);
    a.output_padding = std::move(extra);
    a.group = group;
    const int64_t m = w[1] * group;
    expect_like_reference(node_case(Op::ConvTranspose, a, {random_value(std::move(x), 1), constant(random_value(std::move(w), 2)), random_value({m}, 3)},
                                    {output_of<float>(std::move(y))}));
  };
  run({1, 3, 4, 5}, {3, 2, 3, 3}, {1, 2, 9, 11}, {2, 2}, {0, 0, 0, 0}, {}, 1);
  run({2, 4, 3, 3}, {4, 3, 2, 2}, {2, 6, 6, 6}, {2, 2}, {0, 0, 0, 0}, {}, 2);
  run({1, 1, 3}, {1, 1, 3}, {1, 1, 6}, {2}, {1, 1}, {1}, 1);
}

}  // namespace motley::test
