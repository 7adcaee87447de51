// A network in QDQ form: its convolutions run on integers, and its outputs are within one step of the expected ones.
// quantized_model FOLDER [--devices D]: a case with test data, on one device without another's help. Prints which
// convolution ran as what, and how far outputs are off, in steps. Code 77: the folder is not there.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "cases.hpp"
#include "convert/convert.hpp"
#include "data_root.hpp"
#include "motley/motley.hpp"
#include "quantization_step.hpp"

namespace {

using namespace motley;

// Of each convolution of the model: the op that stands for it now; "" where none does.
std::map<std::string, std::string> convolutions(const Model& model, const Explanation& explanation) {
  std::map<std::string, std::string> ops;
  for (const NodeInfo& node : model.nodes())
    if (node.op.starts_with("Conv")) ops[node.name];
  for (const Placement& row : explanation.nodes)
    for (const std::string& origin : row.origins)
      if (ops.count(origin) && row.op.find("Conv") != std::string::npos) ops[origin] = row.op;
  return ops;
}

bool all_on_integers(const Model& model, const Explanation& explanation) {
  const auto ops = convolutions(model, explanation);
  bool good = !ops.empty();
  for (const auto& [node, op] : ops) {
    std::printf("%-70s  %s\n", node.c_str(), op.c_str());
    good = good && op.starts_with("QLinearConv");
  }
  return good;
}

double largest_difference(const io::Tensor& expected, TensorRef actual) {
  const auto values = actual.as<float>();
  if (expected.type != DataType::float32 || expected.bytes.size() != actual.bytes()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    float want = 0;
    std::memcpy(&want, expected.bytes.data() + i * sizeof want, sizeof want);
    const double distance = std::fabs(static_cast<double>(values[i]) - static_cast<double>(want));
    worst = std::isnan(distance) ? INFINITY : std::max(worst, distance);
  }
  return worst;
}

int check(const conformance::Case& c, const std::string& device) {
  const Runtime runtime;
  const Model model = Model::from_module(convert::import_onnx(c.model));
  Session session = runtime.compile(model, {.devices = {device}, .fallback = false});
  int failed = all_on_integers(model, session.explain()) ? 0 : 1;
  for (const conformance::DataSet& set : c.sets) {
    for (const auto& file : set.inputs) session.input(file.name).copy_from_bytes(conformance::load(file).bytes);
    session.run();
    for (const auto& file : set.outputs) {
      const double step = conformance::quantization_step(c.model, file.name);
      const double steps = largest_difference(conformance::load(file), session.output(file.name)) / step;
      // A little more than one, for the rounding of reals that stand for integers.
      const bool good = step > 0 && steps <= 1.001;
      std::printf("%-70s  %.3f steps of %.4g off: %s\n", file.name.c_str(), steps, step, good ? "ok" : "FAILED");
      failed += good ? 0 : 1;
    }
  }
  return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2 && (argc != 4 || std::strcmp(argv[2], "--devices") != 0)) {
      std::fprintf(stderr, "usage: quantized_model FOLDER [--devices DEVICE]\n");
      return 2;
    }
    const auto folder = conformance::resolve(argv[1]);
    if (!folder) {
      std::printf("%s is not there: skipped\n", argv[1]);
      return conformance::kNoData;
    }
    const auto cases = conformance::find_cases(*folder);
    if (cases.size() != 1) throw Error(ErrorCode::invalid_argument, "the folder holds no single case");
    return check(cases[0], argc == 4 ? argv[3] : "cpu");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quantized_model: %s\n", e.what());
    return 1;
  }
}
