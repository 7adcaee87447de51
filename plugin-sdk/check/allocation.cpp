// Memory that runs out: whichever allocation fails, the call fails with a status and all is as before.
#include <algorithm>
#include <functional>
#include <random>
#include <stdexcept>
#include <utility>

#include "allocation_hooks.hpp"
#include "checks.hpp"

namespace motley::check {

namespace {

constexpr int64_t kAllInARow = 200;  // allocations that are failed one by one; later ones are sampled

void need_hooks() {
  if (!can_fail_allocations())
    throw Unsupported("allocations can't be made to fail with this C library or under a sanitizer");
}

// Calls `attempt(nth, failing)` with one allocation after the other failing, until none was left to fail. It gives
// whether one failed.
int fail_each(Scene& scene, const std::string& what, const std::function<bool(int64_t, Failing)>& attempt) {
  int tried = 0;
  const int64_t most = scene.options.by_depth<int64_t>(60, 400, 100000);
  std::mt19937_64 random(scene.options.seed);
  for (const Failing failing : {Failing::once, Failing::forever}) {
    int64_t nth = 0;
    for (int64_t i = 0; i < most && !(i && scene.out_of_time()); ++i) {
      scene.reporter.stage(what + " with allocation " + std::to_string(nth) +
                           (failing == Failing::once ? " failing" : " and all later ones failing"));
      if (!attempt(nth, failing)) break;
      ++tried;
      const bool every = scene.options.depth == Depth::exhaustive || i < kAllInARow;
      nth += every ? 1 : 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(nth));
    }
  }
  return tried;
}

std::string which(int64_t nth, Failing failing) {
  return " when allocation " + std::to_string(nth) + (failing == Failing::once ? " fails" : " and all later ones fail");
}

int open_device(Scene& scene) {
  need_hooks();
  const motley_device_info info = scene.info();
  { OpenDevice warm(scene.api(), info); }
  return fail_each(scene, "device_open", [&](int64_t nth, Failing failing) {
    ErrorBuffer message;
    motley_device* device = nullptr;
    fail_allocation(nth, failing);
    const motley_status status =
        call("device_open", [&] { return scene.api().device_open(info.index, &device, &message.error); });
    const bool failed = stop_failing();
    if (status == MOTLEY_OK) scene.api().device_close(device);
    else if (!failed) throw std::runtime_error(std::string("device_open fails later on: ") + message.text);
    return failed;
  });
}

int compile_case(Scene& scene, const Case& c) {
  const Prepared p = scene.prepare(c, 1);
  OpenDevice& device = scene.device();
  const SharedGraph shared(model::serialize(c.graph));
  const motley_compile_options options{sizeof options, 0, nullptr, 0};
  // Whether an allocation failed, and how many are left afterwards.
  const auto once = [&](int64_t nth, Failing failing) -> std::pair<bool, int64_t> {
    ErrorBuffer message;
    motley_executable* executable = nullptr;
    const int64_t before = allocation_count().live;
    fail_allocation(nth, failing);
    const motley_status status = call("compile", [&] {
      return device.api().compile(device.handle(), &shared.view(), &options, &executable, &message.error);
    });
    const bool failed = stop_failing();
    if (status == MOTLEY_OK) {
      if (!executable) throw std::runtime_error("compile returns OK and no executable" + which(nth, failing));
      device.api().exec_release(executable);
    } else if (!failed) {
      throw std::runtime_error(std::string("compile fails later on: ") + message.text);
    }
    return {failed, allocation_count().live - before};
  };
  // A driver's threads give memory back late or keep it for the next call; what leaks does so every time.
  const auto attempt = [&](int64_t nth, Failing failing) {
    constexpr int kTimes = 5;
    for (int i = 1;; ++i) {
      const auto [failed, left] = once(nth, failing);
      if (left <= 0 || nth == 0) return failed;  // the first failure may set something up for good
      if (i == kTimes)
        throw std::runtime_error("compile leaks " + std::to_string(left) + " allocations" + which(nth, failing));
    }
  };
  { Program warm(device, c.graph); }
  const int tried = fail_each(scene, c.label + ", " + c.detail + ": compile", attempt);
  Program program(device, c.graph);
  expect_equal(c.graph, p.expected, program.run(p.inputs), " after compiles that ran out of memory");
  return tried;
}

int compile(Scene& scene) {
  need_hooks();
  int tried = 0;
  for (const Case* c : scene.some(scene.options.by_depth<size_t>(4, 50, 50))) {
    if (tried && scene.out_of_time()) break;
    try {
      tried += compile_case(scene, *c);
    } catch (const std::exception& e) {
      throw std::runtime_error(c->label + ", " + c->detail + ": " + e.what());
    }
  }
  return tried;
}

int query_support(Scene& scene) {
  need_hooks();
  const Case& c = scene.simple();
  OpenDevice& device = scene.device();
  const SharedGraph shared(model::serialize(c.graph));
  const motley_support_sink sink{sizeof sink, nullptr, [](void*, uint32_t, motley_status, const char*) {},
                                 [](void*, const motley_candidate*) {}};
  const int tried = fail_each(scene, "query_support", [&](int64_t nth, Failing failing) {
    ErrorBuffer message;
    fail_allocation(nth, failing);
    call("query_support",
         [&] { return device.api().query_support(device.handle(), &shared.view(), &sink, &message.error); });
    return stop_failing();
  });
  if (!scene.refusal(c).empty()) throw std::runtime_error("a claimed node is refused after a query ran out of memory");
  return tried;
}

int submit_case(Scene& scene, const Case& c) {
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  program.run(p.inputs);
  const Queue queue(scene.device());
  uint64_t value = 0;
  const auto attempt = [&](int64_t nth, Failing failing) {
    Run run(program, p.inputs);
    ErrorBuffer message;
    fail_allocation(nth, failing);
    motley_status status = run.submit(queue, ++value, message);
    if (status == MOTLEY_OK) status = queue.wait(value, 30'000'000'000, message);
    const bool failed = stop_failing();
    if (status == MOTLEY_OK) expect_equal(c.graph, p.expected, run.outputs(), which(nth, failing));
    else if (!failed) throw std::runtime_error(std::string("submit fails later on: ") + message.text);
    return failed;
  };
  const int tried = fail_each(scene, c.label + ", " + c.detail + ": submit", attempt);
  expect_equal(c.graph, p.expected, program.run(p.inputs), " after submissions that ran out of memory");
  return tried;
}

// Passes with no tests where a submission allocates nothing, which is best.
int submit(Scene& scene) {
  need_hooks();
  int tried = 0;
  for (const Case* c : scene.some(scene.options.by_depth<size_t>(4, 50, 50))) {
    if (tried && scene.out_of_time()) break;
    try {
      tried += submit_case(scene, *c);
    } catch (const std::exception& e) {
      throw std::runtime_error(c->label + ", " + c->detail + ": " + e.what());
    }
  }
  return tried;
}

}  // namespace

void add_allocation_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"allocation", name, about, body});
  };
  add("device_open", "device_open survives each failing allocation", open_device);
  add("query_support", "query_support survives each failing allocation", query_support);
  add("compile", "compile survives each failing allocation, and leaks nothing then", compile);
  add("submit", "submit survives each failing allocation", submit);
}

}  // namespace motley::check
