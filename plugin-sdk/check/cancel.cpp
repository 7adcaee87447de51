// The cancel flag: set before a submission and while it works; what follows is as if nothing had been.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "checks.hpp"

namespace motley::check {

namespace {

constexpr uint64_t kLong = 30'000'000'000;

// Submits and waits; gives the status of whichever failed. A submission that submit refuses is never signalled.
motley_status finish(Run& run, const Queue& queue, uint64_t value) {
  ErrorBuffer message;
  const motley_status status = run.submit(queue, value, message);
  return status == MOTLEY_OK ? queue.wait(value, kLong, message) : status;
}

void again(const Case& c, Program& program, const Prepared& p, const Queue& queue, uint64_t value) {
  Run run(program, p.inputs);
  const motley_status status = finish(run, queue, value);
  if (status != MOTLEY_OK)
    throw std::runtime_error(std::string("after a cancelled submission the next one fails (") + status_name(status) +
                             ")");
  expect_equal(c.graph, p.expected, run.outputs(), " after a cancelled submission");
}

int before(Scene& scene) {
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  const Queue queue(scene.device());
  const uint32_t cancel = 1;
  Run run(program, p.inputs);
  run.submission().cancel = &cancel;
  const motley_status status = finish(run, queue, 1);
  if (status != MOTLEY_CANCELLED)
    throw std::runtime_error(std::string("a submission whose cancel flag is set before it begins ends with ") +
                             status_name(status) + " (CANCELLED is right)");
  again(c, program, p, queue, 2);
  return 2;
}

int during(Scene& scene) {
  const Case c = chained(scene, 64);
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  const Queue queue(scene.device());
  uint64_t value = 0;
  const int rounds = scene.options.by_depth(20, 100, 1000);
  for (int round = 0; round < rounds; ++round) {
    scene.reporter.stage("cancelling " + std::to_string(round * 5) + " µs after the start");
    uint32_t cancel = 0;
    Run run(program, p.inputs);
    run.submission().cancel = &cancel;
    std::thread canceller([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(round * 5));
      __atomic_store_n(&cancel, 1u, __ATOMIC_RELAXED);
    });
    motley_status status = MOTLEY_INTERNAL;
    std::string failure;
    try {
      status = finish(run, queue, ++value);
    } catch (const std::exception& e) {
      failure = e.what();
    }
    canceller.join();
    if (!failure.empty()) throw std::runtime_error(failure);
    if (status == MOTLEY_OK) expect_equal(c.graph, p.expected, run.outputs(), " though it was reported as done");
    else if (status != MOTLEY_CANCELLED)
      throw std::runtime_error(std::string("cancelling gives ") + status_name(status) + " (CANCELLED or OK is right)");
  }
  again(c, program, p, queue, ++value);
  return rounds;
}

}  // namespace

void add_cancel_checks(Plan& plan) {
  plan.push_back({"cancel", "before", "a flag set before cancels, and the next submission works", before});
  plan.push_back({"cancel", "during", "a flag set meanwhile cancels or comes too late, nothing else", during});
}

}  // namespace motley::check
