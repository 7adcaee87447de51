// Recurrent networks that PyTorch exported: one op each, what PyTorch wraps around it folded away, and its numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "convert/convert.hpp"
#include "io/npy.hpp"
#include "motley/motley.hpp"

namespace motley::test {
namespace {

struct Exported {
  const char* name;
  const char* op;
  size_t most_nodes;  // after optimization, without views
};

class TorchRecurrent : public testing::TestWithParam<Exported> {
 protected:
  std::string file(const std::string& suffix) const {
    return std::string(MOTLEY_SOURCE_DIR) + "/tests/convert/models/" + GetParam().name + suffix;
  }
};

Runtime built_plugins() {
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_folders = {MOTLEY_PLUGINS};
  return Runtime(options);
}

void expect_values(Session& session, const std::string& output, const io::Tensor& expected) {
  const auto got = session.output(output).as<float>();
  ASSERT_EQ(got.size() * sizeof(float), expected.bytes.size()) << output;
  const auto shape = session.output(output).shape();
  EXPECT_EQ(std::vector<int64_t>(shape.begin(), shape.end()), expected.shape) << output;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected.as<float>()[i], 1e-5) << output << "[" << i << "]";
}

TEST_P(TorchRecurrent, BecomesOneOpWithItsNumbers) {
  const graph::Module module = convert::import_onnx(file(".onnx"));
  const size_t imported = module.main().nodes.size();
  const Model model = Model::from_module(module);
  const io::Tensor x = io::read_npy(file("_x.npy")), y = io::read_npy(file("_y.npy")), h = io::read_npy(file("_h.npy"));
  const Runtime runtime = built_plugins();
  for (const char* device : {"reference", "cpu"})
    for (bool optimize : {false, true}) {
      SCOPED_TRACE(std::string(device) + (optimize ? ", optimized" : ""));
      Session session =
          runtime.compile(model, {.devices = {device}, .input_shapes = {{"x", x.shape}}, .optimize = optimize});
      session.input("x").copy_from(std::span(x.as<float>(), x.bytes.size() / sizeof(float)));
      session.run();
      expect_values(session, "y", y);
      expect_values(session, "h", h);
      if (!optimize) continue;
      const Explanation e = session.explain();
      const auto count = [&](auto matches) {
        return static_cast<size_t>(std::count_if(e.nodes.begin(), e.nodes.end(), matches));
      };
      EXPECT_EQ(count([&](const Placement& p) { return p.op == GetParam().op; }), 1u) << e.to_string();
      const size_t left = count([](const Placement& p) { return p.op != "Reshape"; });
      EXPECT_LE(left, GetParam().most_nodes) << e.to_string();
      std::cout << "  " << device << ": " << imported << " imported nodes became " << left << " and views\n";
    }
}

// Transposes of batch-first data stay on both sides; of the cells' network, stacking the results.
INSTANTIATE_TEST_SUITE_P(Networks, TorchRecurrent,
                         testing::Values(Exported{"torch_lstm", "LSTM", 4}, Exported{"torch_lstm_dynamic", "LSTM", 4},
                                         Exported{"torch_lstm_bidirectional", "LSTM", 4},
                                         Exported{"torch_gru", "GRU", 4}, Exported{"torch_gru_dynamic", "GRU", 4},
                                         Exported{"torch_lstm_cells", "LSTM", 3},
                                         Exported{"torch_gru_cells", "GRU", 3}),
                         [](const auto& i) { return std::string(i.param.name); });

}  // namespace
}  // namespace motley::test
