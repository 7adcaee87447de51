// An app as a user writes it: runs the network given by name on an empty picture, and checks that it answers.
#include <cmath>
#include <cstdio>
#include <motley/motley.hpp>
#include <numeric>
#include <vector>

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  motley::Runtime runtime;
  for (const motley::DeviceInfo& device : runtime.devices()) std::printf("device %s\n", device.name.c_str());
  const motley::Model model = motley::Model::load(argv[1]);
  motley::Session session = runtime.compile(model);
  motley::TensorRef input = session.input(session.input_names().front());
  input.copy_from(std::vector<float>(static_cast<size_t>(input.elements()), 0.5f));
  session.run();
  const std::span<const float> p = session.output(session.output_names().front()).as<float>();
  const float sum = std::accumulate(p.begin(), p.end(), 0.0f);
  std::printf("probabilities sum to %.4f\n", static_cast<double>(sum));
  return p.size() == 10 && std::fabs(sum - 1) < 1e-3f ? 0 : 1;
} catch (const motley::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
