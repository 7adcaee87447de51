// Networks whose shapes depend on data: planned and run in stages, each as far as shapes are known.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "run/instance.hpp"

namespace motley::run {

// A tensor with a value.
struct Value {
  schema::DataType type = schema::DataType::undefined;
  std::vector<int64_t> shape;
  graph::Constant data;
};
using Values = std::map<std::string, Value>;  // by tensor name

// What remains of a network at some point of a run, and how to go on. Stages form a tree: a child is chosen by the
// shapes of what was computed and by the values of tensors that steer shapes; the second run on the same ones plans
// nothing.
class Stage;

class DynamicRunner {
 public:
  DynamicRunner(graph::Module module, plan::Request request, graph::Evaluator* evaluator);
  ~DynamicRunner();

  // Runs graphs[0] of the module. `inputs` has a value for each of its inputs. Gives the outputs in order.
  // Throws Error(cancelled), Error(limit) for a loop without end, Error(unsupported) naming nodes that cannot be
  // planned.
  std::vector<Value> run(Values inputs, const uint32_t* cancel);

  // Plans of the stages of the last run, in order.
  const std::vector<const plan::Plan*>& last_plans() const { return last_plans_; }
  // How many stages were planned since this object was made.
  size_t planned() const { return planned_; }

 private:
  friend class Stage;
  Stage& child(std::map<std::string, std::unique_ptr<Stage>>& children, const graph::Module& rest, const Values& values,
               size_t parent_nodes);

  graph::Module module_;
  plan::Request request_;
  graph::Evaluator* evaluator_;
  std::map<std::string, std::unique_ptr<Stage>> roots_;
  std::map<int32_t, std::unique_ptr<DynamicRunner>> bodies_;  // of loops, by graph number
  std::map<std::string, std::unique_ptr<Instance>> single_;   // ops that run alone, by op and shapes
  std::vector<const plan::Plan*> last_plans_;
  size_t planned_ = 0;
};

}  // namespace motley::run
