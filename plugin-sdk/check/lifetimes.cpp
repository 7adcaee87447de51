// Lifetimes, bad graphs, error buffers, threads.
#include <dirent.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include "checks.hpp"
#include "library.hpp"
#include "runner.hpp"

namespace motley::check {

namespace {

template <class Fn>
void step(Reporter& reporter, const char* name, Fn&& fn) {
  reporter.stage(std::string("lifetimes/") + name);
  try {
    fn();
    reporter.result({"lifetimes", name, Verdict::pass, "", 0});
  } catch (const std::exception& e) {
    reporter.result({"lifetimes", name, Verdict::fail, e.what(), 0});
  }
}

int open_descriptors() {
  int count = 0;
  if (DIR* folder = opendir("/proc/self/fd")) {
    while (readdir(folder)) ++count;
    closedir(folder);
  }
  return count;
}

// The first case that the device claims, to compile and run.
const Case* claimed_case(OpenDevice& device, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    if (c.graph.tensor(c.graph.outputs[0]).elements() == 0) continue;
    const model::SerializedGraph serialized = model::serialize(c.graph);
    if (query(device, serialized.view())[0].empty()) return &c;
  }
  return nullptr;
}

std::vector<Bytes> inputs_of(const Case& c, uint64_t seed) {
  std::vector<Bytes> inputs;
  for (size_t i = 0; i < c.graph.inputs.size(); ++i)
    inputs.push_back(random_bytes(c.graph.tensor(c.graph.inputs[i]), c.fills[i], seed + i));
  return inputs;
}

// Query and compile must refuse a damaged FlatBuffer, whatever byte is wrong.
void damaged_graphs(OpenDevice& device, const Case& c) {
  const model::SerializedGraph serialized = model::serialize(c.graph);
  std::vector<uint8_t> bytes(serialized.model.data(), serialized.model.data() + serialized.model.size());
  motley_graph view = serialized.view();
  view.model = {bytes.data(), bytes.size()};
  const motley_support_sink sink{sizeof sink, nullptr, [](void*, uint32_t, motley_status, const char*) {},
                                 [](void*, const motley_candidate*) {}};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= 0xff;
    ErrorBuffer message;
    motley_executable* executable = nullptr;
    const motley_compile_options options{sizeof options, 0, nullptr};
    device.api().query_support(device.handle(), &view, &sink, &message.error);
    if (device.api().compile(device.handle(), &view, &options, &executable, &message.error) == MOTLEY_OK && executable)
      device.api().exec_release(executable);
    bytes[i] ^= 0xff;
  }
}

void short_error_buffers(OpenDevice& device) {
  const char nonsense[16] = "not a graph";
  for (uint32_t capacity : {0u, 1u, 2u, 8u}) {
    char text[16];
    std::memset(text, 0x5a, sizeof text);
    motley_error error{sizeof error, capacity, text};
    const motley_graph graph{sizeof graph, 0, {nonsense, sizeof nonsense}, nullptr};
    const motley_compile_options options{sizeof options, 0, nullptr};
    motley_executable* executable = nullptr;
    if (device.api().compile(device.handle(), &graph, &options, &executable, &error) == MOTLEY_OK)
      throw std::runtime_error("compile accepts bytes that are no graph");
    for (size_t i = capacity; i < sizeof text; ++i)
      if (text[i] != 0x5a)
        throw std::runtime_error("an error text was written past its capacity of " + std::to_string(capacity));
    if (capacity && !std::memchr(text, 0, capacity) && text[0] != 0x5a)
      throw std::runtime_error("an error text is not zero-terminated");
    device.api().compile(device.handle(), &graph, &options, &executable, nullptr);
  }
}

void side_by_side(OpenDevice& device, const Case& c) {
  const std::vector<Bytes> inputs = inputs_of(c, 11);
  const std::vector<Bytes> expected = Program(device, c.graph).run(inputs);
  constexpr int kThreads = 4;
  std::string failures[kThreads];
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int round = 0; round < 8 && failures[t].empty(); ++round) {
          const std::vector<Bytes> got = Program(device, c.graph).run(inputs);
          for (size_t i = 0; i < got.size(); ++i) {
            const std::string difference = compare(c.graph.tensor(c.graph.outputs[i]), expected[i], got[i]);
            if (!difference.empty()) failures[t] = "with several threads, " + difference;
          }
        }
      } catch (const std::exception& e) {
        failures[t] = std::string("with several threads, ") + e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures)
    if (!failure.empty()) throw std::runtime_error(failure);
}

}  // namespace

void check_lifetimes(const Options& options, Reporter& reporter) {
  reporter.stage("loading");
  const motley_plugin api = copy_api(load(options.library));
  ErrorBuffer message;
  if (api.init && api.init(&message.error) != MOTLEY_OK)
    throw std::runtime_error(std::string("init failed: ") + message.text);
  const std::vector<motley_device_info> devices = enumerate(api);
  const std::vector<Case> cases = all_cases();
  for (const motley_device_info& info : devices) {
    step(reporter, "open_close", [&] {
      { OpenDevice warm(api, info); }
      const int before = open_descriptors();
      for (int i = 0; i < 20; ++i) OpenDevice device(api, info);
      if (open_descriptors() > before)
        throw std::runtime_error("opening and closing the device leaks file descriptors");
    });
    OpenDevice device(api, info);
    step(reporter, "short_error_buffers", [&] { short_error_buffers(device); });
    const Case* c = claimed_case(device, cases);
    if (!c) {
      reporter.result({"lifetimes", "compile_release", Verdict::unsupported, "no case of the checker is claimed", 0});
      continue;
    }
    step(reporter, "compile_release", [&] {
      { Program warm(device, c->graph); }
      const int before = open_descriptors();
      for (int i = 0; i < 50; ++i) Program(device, c->graph).run(inputs_of(*c, static_cast<uint64_t>(i)));
      if (open_descriptors() > before) throw std::runtime_error("compiling and releasing leaks file descriptors");
    });
    step(reporter, "second_session", [&] {
      Program first(device, c->graph), second(device, c->graph);
      const auto a = inputs_of(*c, 1), b = inputs_of(*c, 2);
      const auto a1 = first.run(a), b1 = second.run(b), a2 = second.run(a), b2 = first.run(b);
      if (a1 != a2 || b1 != b2)
        throw std::runtime_error("two executables of one graph give different results for the same input");
    });
    step(reporter, "damaged_graphs", [&] { damaged_graphs(device, *c); });
    step(reporter, "threads", [&] { side_by_side(device, *c); });
  }
  step(reporter, "shutdown", [&] {
    if (api.shutdown) api.shutdown();
  });
}

}  // namespace motley::check
