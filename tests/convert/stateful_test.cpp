// Ops that hand a state on, attention over a cache with lengths, and scans of batches, against loops.
#include <algorithm>

#include "network.hpp"

namespace motley::test {
namespace {

using Values = std::vector<float>;
using Doubles = std::vector<double>;

void expect_causal_conv(size_t length, size_t kernel, bool with_past, bool swish) {
  constexpr size_t B = 2, C = 3;
  const Values x = some_values(B * C * length, 1), w = some_values(C * kernel, 2), bias = some_values(C, 3),
               past = some_values(B * C * (kernel - 1), 4);
  Doubles y, state;
  for (size_t row = 0; row < B * C; ++row) {
    Doubles line;
    for (size_t i = 0; i + 1 < kernel; ++i)
      line.push_back(with_past ? static_cast<double>(past[row * (kernel - 1) + i]) : 0);
    for (size_t i = 0; i < length; ++i) line.push_back(static_cast<double>(x[row * length + i]));
    for (size_t i = 0; i < length; ++i) {
      double sum = static_cast<double>(bias[row % C]);
      for (size_t k = 0; k < kernel; ++k) sum += line[i + k] * static_cast<double>(w[row % C * kernel + k]);
      y.push_back(swish ? sum / (1 + std::exp(-sum)) : sum);
    }
    state.insert(state.end(), line.end() - static_cast<std::ptrdiff_t>(kernel - 1), line.end());
  }
  const auto L = static_cast<int64_t>(length), K = static_cast<int64_t>(kernel);
  Network network("CausalConvWithState", 27);
  network.input({B, C, L}, x).constant({C, 1, K}, w).constant({C}, bias);
  if (with_past) network.input({B, C, K - 1}, past);
  if (swish) network.with("activation", "silu");
  const Results results = network.outputs(kernel > 1 ? 2 : 1).run();
  expect_near(results.values[0], y);
  if (kernel > 1) expect_near(results.values[1], state);
}

TEST(Stateful, CausalConvolution) {
  expect_causal_conv(8, 4, false, false);
  expect_causal_conv(8, 4, true, true);
  expect_causal_conv(1, 4, true, false);
  expect_causal_conv(2, 5, false, false);
  expect_causal_conv(5, 1, false, true);
}

void expect_linear_attention(const char* rule, bool fades, bool corrects, bool per_key, bool with_past) {
  SCOPED_TRACE(rule);
  constexpr size_t B = 2, T = 4, N = 4, G = 2, K = 3, V = 5;
  const size_t decays = per_key ? K : 1;
  const Values q = some_values(B * T * N * K, 1), k = some_values(B * T * G * K, 2), v = some_values(B * T * G * V, 3),
               past = some_values(B * G * K * V, 4), decay = some_values(B * T * G * decays, 5),
               beta = some_values(B * T * G, 6);
  Doubles y(B * T * N * V), state(B * G * K * V, 0);
  if (with_past) state.assign(past.begin(), past.end());
  for (size_t b = 0; b < B; ++b)
    for (size_t t = 0; t < T; ++t)
      for (size_t g = 0; g < G; ++g) {
        const size_t row = (b * T + t) * G + g;
        double* s = &state[(b * G + g) * K * V];
        for (size_t i = 0; fades && i < K; ++i)
          for (size_t j = 0; j < V; ++j)
            s[i * V + j] *= std::exp(static_cast<double>(decay[row * decays + (per_key ? i : 0)]));
        Doubles written(V);
        for (size_t j = 0; j < V; ++j) {
          double known = 0;
          for (size_t i = 0; i < K; ++i) known += s[i * V + j] * static_cast<double>(k[row * K + i]);
          written[j] = static_cast<double>(v[row * V + j]);
          if (corrects) written[j] = static_cast<double>(beta[row]) * (written[j] - known);
        }
        for (size_t i = 0; i < K; ++i)
          for (size_t j = 0; j < V; ++j) s[i * V + j] += static_cast<double>(k[row * K + i]) * written[j];
        for (size_t n = g * N / G; n < (g + 1) * N / G; ++n)
          for (size_t j = 0; j < V; ++j)
            for (size_t i = 0; i < K; ++i)
              y[((b * T + t) * N + n) * V + j] += static_cast<double>(q[((b * T + t) * N + n) * K + i]) * s[i * V + j] /
                                                  std::sqrt(static_cast<double>(K));
      }
  Network network("LinearAttention", 27);
  network.input({B, T, N * K}, q).input({B, T, G * K}, k).input({B, T, G * V}, v);
  with_past ? network.input({B, G, K, V}, past) : network.absent();
  fades ? network.input({B, T, static_cast<int64_t>(G * decays)}, decay) : network.absent();
  if (corrects) network.input({B, T, G}, beta);
  network.with("update_rule", rule).with("q_num_heads", static_cast<int>(N)).with("kv_num_heads", static_cast<int>(G));
  const Results results = network.outputs(2).run();
  expect_near(results.values[0], y);
  expect_near(results.values[1], state);
}

TEST(Stateful, LinearAttentionByEveryRule) {
  expect_linear_attention("linear", false, false, false, false);
  expect_linear_attention("gated", true, false, true, true);
  expect_linear_attention("delta", false, true, false, true);
  expect_linear_attention("gated_delta", true, true, false, false);
}

TEST(Stateful, AttentionOverACacheWithLengths) {
  constexpr size_t B = 2, N = 2, S = 3, T = 6, H = 4;
  const Values q = some_values(B * N * S * H, 1), k = some_values(B * N * T * H, 2), v = some_values(B * N * T * H, 3),
               mask = some_values(S * T, 4);
  const std::vector<int64_t> lengths{6, 4};
  for (const bool causal : {false, true})
    for (const bool masked : {false, true}) {
      Doubles y;
      for (size_t b = 0; b < B; ++b)
        for (size_t n = 0; n < N; ++n)
          for (size_t s = 0; s < S; ++s) {
            const auto length = static_cast<size_t>(lengths[b]);
            const size_t seen = causal ? length - S + s + 1 : length;
            Doubles weights(seen);
            double sum = 0;
            for (size_t t = 0; t < seen; ++t) {
              double score = 0;
              for (size_t h = 0; h < H; ++h)
                score += static_cast<double>(q[((b * N + n) * S + s) * H + h]) *
                         static_cast<double>(k[((b * N + n) * T + t) * H + h]);
              weights[t] = std::exp(score / 2 + (masked ? static_cast<double>(mask[s * T + t]) : 0));
              sum += weights[t];
            }
            for (size_t h = 0; h < H; ++h) {
              y.push_back(0);
              for (size_t t = 0; t < seen; ++t)
                y.back() += weights[t] / sum * static_cast<double>(v[((b * N + n) * T + t) * H + h]);
            }
          }
      Network network("Attention", 24);
      network.input({B, N, S, H}, q).input({B, N, T, H}, k).input({B, N, T, H}, v);
      masked ? network.input({S, T}, mask) : network.absent();
      network.absent().absent().input({B}, lengths).with("is_causal", causal ? 1 : 0);
      expect_near(network.run().values[0], y);
    }
}

// Running sums of x, from a first value.
void add_body(onnx::NodeProto& node) {
  auto* attribute = node.add_attribute();
  attribute->set_name("body");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  auto& body = *attribute->mutable_g();
  for (const char* name : {"sum_in", "next"}) body.add_input()->set_name(name);
  add_node(body, "Add", {"sum_in", "next"}, {"sum_out"});
  add_node(body, "Identity", {"sum_out"}, {"result"});
  for (const char* name : {"sum_out", "result"}) body.add_output()->set_name(name);
}

TEST(Stateful, ScansOfBatches) {
  Network network("Scan", 8);
  network.absent().input({2, 1}, Values{10, 20}).input({2, 3, 1}, Values{1, 2, 3, 4, 5, 6}).with("num_scan_inputs", 1);
  add_body(network.node());
  network.outputs(2);
  const Results forwards = network.run();
  expect_near(forwards.values[0], Doubles{16, 35});
  expect_near(forwards.values[1], Doubles{11, 13, 16, 24, 29, 35});
  EXPECT_EQ(forwards.shapes[1], (std::vector<int64_t>{2, 3, 1}));
  network.with("directions", std::vector<int64_t>{1});
  expect_near(network.run().values[1], Doubles{13, 15, 16, 26, 31, 35});
}

TEST(Stateful, ScansBackwards) {
  Network network("Scan", 9);
  network.input({1}, Values{10}).input({1, 3}, Values{1, 2, 3}).with("num_scan_inputs", 1);
  network.with("scan_input_axes", std::vector<int64_t>{-1}).with("scan_output_axes", std::vector<int64_t>{1});
  network.with("scan_input_directions", std::vector<int64_t>{1})
      .with("scan_output_directions", std::vector<int64_t>{1});
  add_body(network.node());
  const Results results = network.outputs(2).run();
  expect_near(results.values[0], Doubles{16});
  expect_near(results.values[1], Doubles{16, 15, 13});
  EXPECT_EQ(results.shapes[1], (std::vector<int64_t>{1, 3}));
}

TEST(Stateful, DropoutThatDropsNothing) {
  OneNode training("Dropout", 13, {{3}});
  add_floats(training.graph(), "ratio", {}, {0});
  training.node().add_input("ratio");
  auto* on = training.graph().add_initializer();
  on->set_name("on");
  on->set_data_type(9);
  on->add_int32_data(1);
  training.node().add_input("on");
  EXPECT_EQ(output_shape(training.import()), "3");
  training.graph().mutable_initializer(0)->set_float_data(0, 0.5f);
  EXPECT_NE(error_of(training.model, ErrorCode::unsupported).find("training_mode"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
