// What a check works with in its child: the plugin, its device, the oracle, and cases that the device claims.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cases.hpp"
#include "child.hpp"
#include "library.hpp"
#include "options.hpp"
#include "runner.hpp"

namespace motley::check {

// A case made ready to be run: what goes in and what must come out.
struct Prepared {
  const Case* c;
  std::vector<Bytes> inputs, expected;
};

// Everything is loaded and opened on first use.
class Scene {
 public:
  // `budget_s`: after that no further case is begun.
  Scene(const Options& options, const std::vector<Case>& cases, std::string device, Reporter& reporter,
        double budget_s);
  const Options& options;
  const std::vector<Case>& cases;
  Reporter& reporter;

  const motley_plugin& api();
  const motley_device_info& info();  // of the device under check
  OpenDevice& device();
  OpenDevice& reference();
  void close_device() { device_.reset(); }

  // True once the budget is used up: what is left is left out, and the report says so.
  bool out_of_time();

  // "" where the device takes the case; else why not.
  std::string refusal(const Case& c);
  // The first case with a few elements that the device claims and the oracle defines. Throws Unsupported.
  const Case& simple();
  // As simple(), one case per op, at most `count`; never empty.
  std::vector<const Case*> some(size_t count);
  // Inputs by seed, outputs by the oracle.
  Prepared prepare(const Case& c, uint64_t seed);

 private:
  std::string device_id_;
  std::unique_ptr<motley_plugin> api_;
  std::unique_ptr<motley_device_info> info_;
  std::unique_ptr<OpenDevice> device_, reference_;
  const Case* simple_ = nullptr;
  std::chrono::steady_clock::time_point end_;
};

// The graph in the primitives that the oracle has.
graph::Graph plain(graph::Graph graph);
std::vector<Bytes> make_inputs(const Case& c, uint64_t seed);
// Throws std::runtime_error saying what differs first; `when` ends the sentence. `computed` is the precision that the
// plugin worked in, where it is less than the tensor's.
void expect_equal(const graph::Graph& graph, const std::vector<Bytes>& expected, const std::vector<Bytes>& got,
                  const std::string& when = {}, schema::DataType computed = schema::DataType::undefined);
// The case's node `length` times in a row, each output the next one's input 0. Nothing where shapes don't allow it.
std::optional<Case> chain(const Case& c, int length);
// The first claimed case that can be chained, chained. Throws Unsupported.
Case chained(Scene& scene, int length);

}  // namespace motley::check
