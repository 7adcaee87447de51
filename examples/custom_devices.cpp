// Chooses devices, resizes a session to another batch, and runs a network in two parts.
//
//     custom_devices MODEL.motley [DEVICE]
//
// Made for the demo's network (tools/models/digits.onnx), whose tensor "features" lies between the convolutions and the
// classifier. DEVICE is a name or glob from `motley devices`; default: reference.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "motley/motley.hpp"

namespace {

// Some input; what it shows doesn't matter here.
std::vector<float> make_images(size_t count) {
  std::vector<float> pixels(count * 28 * 28);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = 0.5f + 0.5f * std::sin(static_cast<float>(i * i % 1009));
  return pixels;
}

std::vector<float> copy_of(std::span<const float> values) { return {values.begin(), values.end()}; }

// Relative to values above 1.
float largest_difference(const std::vector<float>& a, std::span<const float> b) {
  if (a.size() != b.size()) throw std::runtime_error("two results have different sizes");
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(b[i])) throw std::runtime_error("a result is not finite");
    largest = std::max(largest, std::fabs(a[i] - b[i]) / std::max(1.0f, std::fabs(a[i])));
  }
  return largest;
}

// Different kernels may round differently, and no more than that.
void check(const char* what, float difference) {
  std::printf("%s: largest difference %.1e\n", what, static_cast<double>(difference));
  if (!(difference <= 1e-5f)) throw std::runtime_error(std::string(what) + " differs too much");
}

void demonstrate(const std::string& path, const std::string& device) {
  const motley::Runtime runtime;
  for (const motley::PluginInfo& plugin : runtime.plugins())
    std::printf("plugin %s %s: %s\n", plugin.id.c_str(), plugin.version.c_str(),
                plugin.loaded ? "loaded" : plugin.reason.c_str());
  const motley::Model model = motley::Model::load(path);

  // The whole network, wherever it runs fastest, with one tensor kept for reading.
  motley::Session whole = runtime.compile(model, {.keep = {"features"}});
  const std::vector<float> one = make_images(1), four = make_images(4);
  whole.input("image").copy_from(one);
  whole.run();
  const std::vector<float> features = copy_of(whole.tensor("features").as<float>());
  const std::vector<float> probabilities = copy_of(whole.output("probabilities").as<float>());

  // The same on one device; without fallback, compile throws where that device lacks an op.
  motley::Session chosen = runtime.compile(model, {.devices = {device}, .fallback = false});
  chosen.input("image").copy_from(one);
  chosen.run();
  check(("whole network on " + device).c_str(),
        largest_difference(probabilities, chosen.output("probabilities").as<float>()));

  // A batch of four. The first image is the one from before.
  chosen.resize({{"image", {4, 1, 28, 28}}});
  chosen.input("image").copy_from(four);
  chosen.run();
  const motley::TensorRef batch = chosen.output("probabilities");
  std::printf("after resize: %lld x %lld\n", static_cast<long long>(batch.shape()[0]),
              static_cast<long long>(batch.shape()[1]));
  check("first of four", largest_difference(probabilities, batch.as<float>().first(probabilities.size())));

  // In two parts: up to "features", and on from there. The first writes into the second's input: no copy between them.
  motley::Session front = runtime.compile(model, {.outputs = {"features"}});
  motley::Session back = runtime.compile(model, {.input_shapes = {{"features", {1, 64}}}, .inputs = {"features"}});
  struct alignas(64) {
    float values[64];
  } between;
  front.output("features").bind(std::span<float>(between.values));
  back.input("features").bind(std::span<float>(between.values));
  front.input("image").copy_from(one);
  front.run();
  check("first part", largest_difference(features, between.values));
  back.run();
  check("second part", largest_difference(probabilities, back.output("probabilities").as<float>()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: custom_devices MODEL.motley [DEVICE]\n");
    return 2;
  }
  try {
    demonstrate(argv[1], argc > 2 ? argv[2] : "reference");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "custom_devices: %s\n", error.what());
    return 1;
  }
}
