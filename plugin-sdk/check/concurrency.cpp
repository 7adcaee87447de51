// Several threads at once: one executable, many, queues, devices.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "checks.hpp"

namespace motley::check {

namespace {

constexpr int kThreads = 4;

// Runs body(thread) in several threads; the first failure is thrown here.
void side_by_side(const std::function<void(int)>& body) {
  std::string failures[kThreads];
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      try {
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        body(t);
      } catch (const std::exception& e) {
        failures[t] = std::string("with several threads, ") + e.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures)
    if (!failure.empty()) throw std::runtime_error(failure);
}

// The same executable from every thread, each with memory, input values and, where there are any, a queue of its own.
int one_executable(Scene& scene) {
  const int rounds = scene.options.by_depth(20, 50, 500);
  const std::vector<const Case*> cases = scene.some(scene.options.by_depth<size_t>(4, 50, 50));
  int done = 0;
  for (const Case* c : cases) {
    if (done && scene.out_of_time()) break;
    scene.reporter.stage(c->label + ", " + c->detail);
    std::vector<Prepared> prepared;
    for (uint64_t t = 0; t < kThreads; ++t) prepared.push_back(scene.prepare(*c, 1 + t));
    Program program(scene.device(), c->graph);
    try {
      side_by_side([&](int t) {
        const Prepared& p = prepared[static_cast<size_t>(t)];
        for (int round = 0; round < rounds; ++round) expect_equal(c->graph, p.expected, program.run(p.inputs));
      });
    } catch (const std::exception& e) {
      throw std::runtime_error(c->label + ", " + c->detail + ": " + e.what());
    }
    done += kThreads * rounds;
  }
  return done;
}

// Compiling, running and releasing in every thread at once.
int many_executables(Scene& scene) {
  const int rounds = scene.options.by_depth(5, 10, 100);
  const std::vector<const Case*> cases = scene.some(kThreads);
  std::vector<Prepared> prepared;
  for (size_t t = 0; t < kThreads; ++t) prepared.push_back(scene.prepare(*cases[t % cases.size()], 1));
  scene.reporter.stage("compiling, running and releasing in four threads");
  side_by_side([&](int t) {
    const Prepared& p = prepared[static_cast<size_t>(t)];
    for (int round = 0; round < rounds; ++round) {
      Program program(scene.device(), p.c->graph);
      expect_equal(p.c->graph, p.expected, program.run(p.inputs));
    }
  });
  return kThreads * rounds;
}

// Queries from some threads while others run.
int query_while_running(Scene& scene) {
  const int rounds = scene.options.by_depth(20, 50, 500);
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  scene.reporter.stage("queries beside runs");
  side_by_side([&](int t) {
    for (int round = 0; round < rounds; ++round) {
      if (t % 2) expect_equal(c.graph, p.expected, program.run(p.inputs));
      else if (!scene.refusal(c).empty()) throw std::runtime_error("a claimed node is refused");
    }
  });
  return kThreads * rounds;
}

// Two queues that each have work at the same time, fed by one thread.
int two_queues(Scene& scene) {
  if (!scene.api().queue_create) throw Unsupported("queue_create is NULL: submit is synchronous");
  const int rounds = scene.options.by_depth(10, 50, 500);
  const Case& c = scene.simple();
  const Prepared a = scene.prepare(c, 1), b = scene.prepare(c, 2);
  Program program(scene.device(), c.graph);
  const Queue first(scene.device()), second(scene.device());
  for (int round = 1; round <= rounds; ++round) {
    Run x(program, a.inputs), y(program, b.inputs);
    ErrorBuffer message;
    const auto value = static_cast<uint64_t>(round);
    if (x.submit(first, value, message) != MOTLEY_OK || y.submit(second, value, message) != MOTLEY_OK ||
        second.wait(value, UINT64_MAX, message) != MOTLEY_OK || first.wait(value, UINT64_MAX, message) != MOTLEY_OK)
      throw std::runtime_error(std::string("with two queues, submit or fence_wait failed: ") + message.text);
    expect_equal(c.graph, a.expected, x.outputs(), " with two queues");
    expect_equal(c.graph, b.expected, y.outputs(), " with two queues");
  }
  return 2 * rounds;
}

}  // namespace

void add_concurrency_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"concurrency", name, about, body});
  };
  add("one_executable", "one executable submitted from several threads", one_executable);
  add("many_executables", "compiling, running and releasing in several threads", many_executables);
  add("query_while_running", "queries beside runs", query_while_running);
  add("two_queues", "two queues with work at once", two_queues);
}

}  // namespace motley::check
