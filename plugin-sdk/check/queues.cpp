// Queues: timelines that can be polled and waited for, order within one, waits between two.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "checks.hpp"

namespace motley::check {

namespace {

constexpr uint64_t kMillisecond = 1'000'000, kLong = 30'000 * kMillisecond;

void need_queue(Scene& scene) {
  if (!scene.api().queue_create) throw Unsupported("queue_create is NULL: submit is synchronous");
}

void expect(motley_status status, motley_status wanted, const std::string& what, const ErrorBuffer& message) {
  if (status == wanted) return;
  throw std::runtime_error(what + " gives " + status_name(status) + " (" + status_name(wanted) + " is right)" +
                           (message.text[0] ? std::string(": ") + message.text : ""));
}

void submit(Run& run, const Queue& queue, uint64_t value) {
  ErrorBuffer message;
  expect(run.submit(queue, value, message), MOTLEY_OK, "submit", message);
}
void wait(const Queue& queue, uint64_t value) {
  ErrorBuffer message;
  expect(queue.wait(value, kLong, message), MOTLEY_OK, "fence_wait for " + std::to_string(value), message);
}

// Nothing was submitted: polling says so at once, a short wait comes back after about its time.
int timeout(Scene& scene) {
  need_queue(scene);
  const Queue queue(scene.device());
  ErrorBuffer message;
  for (const uint64_t timeout_ns : {uint64_t{0}, 20 * kMillisecond}) {
    scene.reporter.stage("fence_wait with a timeout of " + std::to_string(timeout_ns) + " ns");
    const auto begin = std::chrono::steady_clock::now();
    const motley_status status = queue.wait(1, timeout_ns, message);
    const auto took = std::chrono::steady_clock::now() - begin;
    const std::string what =
        "fence_wait, with nothing submitted and a timeout of " + std::to_string(timeout_ns) + " ns,";
    expect(status, MOTLEY_TIMEOUT, what, message);
    if (took > std::chrono::seconds(2)) throw std::runtime_error(what + " took over 2 s");
    if (took < std::chrono::nanoseconds(timeout_ns / 2)) throw std::runtime_error(what + " came back too early");
  }
  return 2;
}

int reached(Scene& scene) {
  need_queue(scene);
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  const Queue queue(scene.device());
  ErrorBuffer message;
  expect(queue.wait(0, 0, message), MOTLEY_OK, "polling a new queue for 0", message);
  for (const uint64_t value : {5u, 6u, 90u}) {  // a timeline may skip values
    scene.reporter.stage("waiting for " + std::to_string(value));
    Run run(program, p.inputs);
    submit(run, queue, value);
    wait(queue, value - 1);
    wait(queue, value);
    for (const uint64_t past : {uint64_t{1}, value})
      expect(queue.wait(past, 0, message), MOTLEY_OK, "polling for a value that was reached", message);
    expect(queue.wait(value + 1, 0, message), MOTLEY_TIMEOUT, "polling for a value that was not reached", message);
    expect_equal(c.graph, p.expected, run.outputs());
  }
  return 3;
}

// Polled until it is there: the timeline must move without anybody waiting in fence_wait.
int polled(Scene& scene) {
  need_queue(scene);
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  const Queue queue(scene.device());
  Run run(program, p.inputs);
  submit(run, queue, 1);
  ErrorBuffer message;
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    const motley_status status = queue.wait(1, 0, message);
    if (status == MOTLEY_OK) break;
    expect(status, MOTLEY_TIMEOUT, "polling for a submission", message);
    if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(20))
      throw std::runtime_error("a submission that is only polled for is not done after 20 s");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  expect_equal(c.graph, p.expected, run.outputs());
  return 1;
}

// Many submissions at once, waited for once; each has memory of its own.
int many_in_flight(Scene& scene) {
  need_queue(scene);
  const Case& c = scene.simple();
  const size_t count = scene.options.by_depth<size_t>(8, 32, 256);
  std::vector<Prepared> prepared;
  for (size_t i = 0; i < count; ++i) prepared.push_back(scene.prepare(c, 1 + i % 5));
  Program program(scene.device(), c.graph);
  const Queue queue(scene.device());
  std::vector<std::unique_ptr<Run>> runs;
  for (size_t i = 0; i < count; ++i) {
    runs.push_back(std::make_unique<Run>(program, prepared[i].inputs));
    submit(*runs.back(), queue, i + 1);
  }
  wait(queue, count);
  for (size_t i = 0; i < count; ++i)
    expect_equal(c.graph, prepared[i].expected, runs[i]->outputs(),
                 " with " + std::to_string(count) + " submissions in flight");
  return static_cast<int>(count);
}

// A chain of runs, each reading what the one before writes, started with garbage in between; on one queue, which works
// in order, or on two that wait for each other. Of two, the first has other work before the chain: the second is idle,
// and would be early if it did not wait.
int handed_on(Scene& scene, bool two_queues) {
  need_queue(scene);
  constexpr int kLinks = 6;
  const int kOthers = two_queues ? 12 : 0, kValues = kOthers + kLinks;
  const Case whole = chained(scene, kLinks), link = chained(scene, 1);
  const Prepared p = scene.prepare(whole, scene.options.seed);
  Program program(scene.device(), link.graph);
  const Queue first(scene.device()), second(scene.device());
  const int rounds = scene.options.by_depth(3, 20, 100);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::unique_ptr<Run>> runs;
    std::vector<motley_fence> fences(kLinks);
    const auto value_of = [&](int link) { return static_cast<uint64_t>(round * kValues + kOthers + link + 1); };
    for (int i = -kOthers; i < 0; ++i) {
      runs.push_back(std::make_unique<Run>(program, p.inputs));
      submit(*runs.back(), first, value_of(i));
    }
    for (int i = 0; i < kLinks; ++i) {
      const Queue& queue = two_queues && i % 2 ? second : first;
      const uint64_t value = value_of(i);
      runs.push_back(std::make_unique<Run>(program, p.inputs));
      Run& run = *runs.back();
      if (i) run.read_from(*runs[runs.size() - 2], 0);
      if (i && two_queues) {
        run.submission().waits = &fences[static_cast<size_t>(i) - 1];
        run.submission().wait_count = 1;
      }
      submit(run, queue, value);
      fences[static_cast<size_t>(i)] = {queue.handle(), value};
    }
    const motley_fence last = fences.back();
    ErrorBuffer message;
    expect(scene.api().fence_wait(last.queue, last.value, kLong, &message.error), MOTLEY_OK, "fence_wait", message);
    expect_equal(whole.graph, p.expected, runs.back()->outputs(),
                 two_queues ? ": a submission did not wait for the fence that it was given"
                            : ": submissions of one queue did not run in order");
    wait(first, value_of(two_queues ? kLinks - 2 : kLinks - 1));
  }
  return rounds;
}

int create_destroy(Scene& scene) {
  need_queue(scene);
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  for (int i = 0; i < 10; ++i) {
    const Queue unused(scene.device());
    Queue used(scene.device());
    Run run(program, p.inputs);
    submit(run, used, 1);
    wait(used, 1);
    expect_equal(c.graph, p.expected, run.outputs());
  }
  return 10;
}

}  // namespace

void add_queue_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, Body body) {
    plan.push_back({"queues", name, about, std::move(body)});
  };
  add("timeout", "fence_wait keeps to its timeout, 0 too", timeout);
  add("reached", "values reached are reached, others not, and values may be skipped", reached);
  add("polled", "work goes on while nobody waits", polled);
  add("many_in_flight", "many submissions at once", many_in_flight);
  add("in_order", "a queue works in order", [](Scene& s) { return handed_on(s, false); });
  add("waits", "a submission waits for the fences it was given", [](Scene& s) { return handed_on(s, true); });
  add("create_destroy", "queues come and go", create_destroy);
}

}  // namespace motley::check
