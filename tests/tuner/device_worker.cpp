// A worker on a real device: tuner_device_worker PROBLEM DEVICE. Plugins are those of the build.
#include <cstdio>
#include <cstring>

#include "device/bench.hpp"
#include "device/problem.hpp"
#include "motley/error.hpp"

using namespace motley;

int main(int count, char** arguments) {
  try {
    if (count != 3) throw Error(ErrorCode::invalid_argument, "usage: tuner_device_worker PROBLEM DEVICE");
    const plugin::Registry registry = plugin::discover({.folders = {MOTLEY_PLUGINS}, .standard_places = false});
    auto device_named = [&](const std::string& name) -> plugin::Device& {
      for (const auto& device : registry.devices)
        if (device->name() == name) return *device;
      throw Error(ErrorCode::not_found, "there is no device \"" + name + "\"");
    };
    tuner::Bench bench(device_named(arguments[2]), device_named("reference"), tuner::load_problem(arguments[1]));
    tuner::serve_bench(bench);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tuner_device_worker: %s\n", error.what());
    return 1;
  }
}
