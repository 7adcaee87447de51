// How long planning takes: plan_time MODEL.onnx… prints, per model, its nodes, the time of Runtime::compile with all
// devices here, the planner's part of it, and the planner's part once the busiest device is lost. Medians of several
// compiles.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "convert/convert.hpp"
#include "motley/motley.hpp"

namespace {

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// The device that runs most nodes.
std::string busiest(const motley::Explanation& e) {
  std::map<std::string, size_t> nodes;
  for (const motley::Placement& p : e.nodes) ++nodes[p.device];
  std::string most;
  for (const auto& [device, count] : nodes)
    if (most.empty() || count > nodes[most]) most = device;
  return most;
}

void measure(const motley::Runtime& runtime, const char* path) {
  constexpr int kCompiles = 5;
  const motley::Model model = motley::Model::from_module(motley::convert::import_onnx(path, {}));
  std::vector<double> whole, planner, again;
  motley::Explanation e;
  for (int i = 0; i < kCompiles; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const motley::Session session = runtime.compile(model);
    whole.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    e = session.explain();
    planner.push_back(e.cost.planner_ns / 1e6);
    const motley::Session rest = runtime.compile(model, {.deny = {busiest(e)}});
    again.push_back(rest.explain().cost.planner_ns / 1e6);
  }
  const double bound = e.cost.cost > 0 ? 100 * e.cost.bound / e.cost.cost : 0;
  std::printf("%-60s %6zu %10.2f %10.2f %10.2f %12.1f %7.1f %s\n", path, e.nodes.size(), median(whole), median(planner),
              median(again), e.cost.predicted_ns / 1e3, bound, e.cost.decided_by.c_str());
}

}  // namespace

int main(int count, char** arguments) {
  const motley::Runtime runtime;
  std::printf("devices:");
  for (const motley::DeviceInfo& device : runtime.devices()) std::printf(" %s", device.name.c_str());
  std::printf("\n%-60s %6s %10s %10s %10s %12s %7s %s\n", "model", "nodes", "whole ms", "planner ms", "less one",
              "predicted us", "bound %", "decided by");
  for (int i = 1; i < count; ++i) {
    try {
      measure(runtime, arguments[i]);
    } catch (const motley::Error& error) {
      std::printf("%s: %s\n", arguments[i], error.what());
    }
  }
}
