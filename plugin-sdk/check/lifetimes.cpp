// Opening, compiling, releasing: again and again, in any order, twice at once.
#include <functional>
#include <memory>
#include <stdexcept>

#include "checks.hpp"
#include "thread_hooks.hpp"
#include "usage.hpp"

namespace motley::check {

namespace {

int open_close(Scene& scene) {
  const motley_device_info info = scene.info();
  const int rounds = scene.options.by_depth(20, 50, 200);
  const std::string left = growth([&] { OpenDevice device(scene.api(), info); }, 5, rounds);
  if (!left.empty()) throw std::runtime_error("opening and closing the device " + left);
  return rounds;
}

int second_open(Scene& scene) {
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  const motley_device_info info = scene.info();
  Program first(scene.device(), c.graph);
  motley_device* handle = nullptr;
  ErrorBuffer message;
  const motley_status status =
      call("device_open", [&] { return scene.api().device_open(info.index, &handle, &message.error); });
  if (status == MOTLEY_OK) {
    scene.api().device_close(handle);
    OpenDevice other(scene.api(), info);
    Program second(other, c.graph);
    expect_equal(c.graph, p.expected, second.run(p.inputs), " on the device's second handle");
    expect_equal(c.graph, p.expected, first.run(p.inputs), " on the first handle while a second is open");
  } else if (message.text[0] == 0) {
    throw std::runtime_error("opening the device a second time is refused without a sentence");
  }
  expect_equal(c.graph, p.expected, first.run(p.inputs), " after the device's second handle was closed");
  return 3;
}

// Some ops, each again and again.
int again_and_again(Scene& scene, const std::string& what, int rounds,
                    const std::function<std::function<void()>(const Case&)>& make) {
  const std::vector<const Case*> cases = scene.some(scene.options.by_depth<size_t>(4, 50, 50));
  int done = 0;
  for (const Case* c : cases) {
    if (done && scene.out_of_time()) break;
    scene.reporter.stage(what + ", " + c->label + ", " + c->detail);
    const std::string left = growth(make(*c), 10, rounds);
    if (!left.empty()) throw std::runtime_error(c->label + ", " + c->detail + ": " + what + " " + left);
    done += rounds;
  }
  return done;
}

int compile_release(Scene& scene) {
  return again_and_again(scene, "compiling and releasing", scene.options.by_depth(30, 50, 500),
                         [&](const Case& c) { return [&] { Program program(scene.device(), c.graph); }; });
}

int many_runs(Scene& scene) {
  return again_and_again(scene, "running", scene.options.by_depth(50, 100, 1000), [&](const Case& c) {
    const auto program = std::make_shared<Program>(scene.device(), c.graph);
    return [program, p = scene.prepare(c, 1)] { program->run(p.inputs); };
  });
}

int failed_compiles(Scene& scene) {
  const char nonsense[16] = "not a graph";
  const motley_graph graph{sizeof graph, 0, {nonsense, sizeof nonsense}, nullptr};
  const motley_compile_options options{sizeof options, 0, nullptr, 0};
  OpenDevice& device = scene.device();
  const int rounds = scene.options.by_depth(30, 50, 500);
  const std::string left = growth(
      [&] {
        ErrorBuffer message;
        motley_executable* executable = nullptr;
        call("compile",
             [&] { return device.api().compile(device.handle(), &graph, &options, &executable, &message.error); });
      },
      10, rounds);
  if (!left.empty()) throw std::runtime_error("compiling what is no graph " + left);
  return rounds;
}

// Two sessions of one graph, their runs interleaved: nothing of one may show in the other.
int two_sessions(Scene& scene) {
  int runs = 0;
  for (const Case* c : scene.some(scene.options.by_depth<size_t>(6, 50, 50))) {
    if (runs && scene.out_of_time()) break;
    scene.reporter.stage(c->label + ", " + c->detail);
    const Prepared a = scene.prepare(*c, 1), b = scene.prepare(*c, 2);
    Program first(scene.device(), c->graph), second(scene.device(), c->graph);
    const auto same = [&](Program& program, const Prepared& p, const char* when) {
      expect_equal(c->graph, p.expected, program.run(p.inputs), " (" + c->label + ", " + c->detail + ")" + when);
      ++runs;
    };
    same(first, a, " in the first of two sessions");
    same(second, b, " in the second of two sessions");
    same(second, a, " in the second session's second run");
    same(first, b, " in the first session after the second ran");
  }
  return runs;
}

// Executables made in one order and released in another; those left must not notice.
int release_order(Scene& scene) {
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  int ran = 0;
  for (const std::vector<int>& order : {std::vector<int>{0, 1, 2}, {2, 1, 0}, {1, 0, 2}}) {
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < 3; ++i) programs.push_back(std::make_unique<Program>(scene.device(), c.graph));
    for (int released : order) {
      programs[static_cast<size_t>(released)].reset();
      for (const auto& program : programs)
        if (program) {
          expect_equal(c.graph, p.expected, program->run(p.inputs), " after another executable was released");
          ++ran;
        }
    }
  }
  return ran;
}

int reopen(Scene& scene) {
  const Case& c = scene.simple();
  const Prepared p = scene.prepare(c, 1);
  for (int i = 0; i < 3; ++i) {
    {
      Program program(scene.device(), c.graph);
      expect_equal(c.graph, p.expected, program.run(p.inputs), i ? " after the device was closed and reopened" : "");
    }
    scene.close_device();
  }
  return 3;
}

// Every executable is released, the device closed: after shutdown no thread of the plugin is left. Those of a driver
// that the plugin opened are the driver's to end, if it ever does; they are told.
int shutdown(Scene& scene) {
  check_host(scene.options.library).worker_count(nullptr);  // the host's own threads are there before
  const int before = running_threads();
  {
    const Case& c = scene.simple();
    const Prepared p = scene.prepare(c, 1);
    Program(scene.device(), c.graph).run(p.inputs);
  }
  scene.close_device();
  scene.reporter.stage("shutdown");
  if (scene.api().shutdown) scene.api().shutdown();
  const int all = running_threads() - before, own = can_count_threads() ? plugin_threads() : all;
  if (own > 0)
    throw std::runtime_error("after shutdown " + std::to_string(own) + " threads that the plugin started still run");
  if (all > 0) scene.reporter.note(std::to_string(all) + " threads of libraries that the plugin opened still run");
  return 1;
}

}  // namespace

void add_lifetime_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"lifetimes", name, about, body});
  };
  add("open_close", "opening and closing the device leaves nothing behind", open_close);
  add("second_open", "a device opened twice works twice, or says why not", second_open);
  add("reopen", "a device closed and opened again works", reopen);
  add("compile_release", "compiling and releasing leaves nothing behind", compile_release);
  add("failed_compiles", "compiling nonsense leaves nothing behind", failed_compiles);
  add("many_runs", "running leaves nothing behind", many_runs);
  add("two_sessions", "two executables of one graph do not disturb each other", two_sessions);
  add("release_order", "executables outlive others, in any order", release_order);
  add("shutdown", "no thread is left after shutdown", shutdown);
}

}  // namespace motley::check
