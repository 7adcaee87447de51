// Networks whose shapes depend on data: planned and run in stages, each as far as shapes are known.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "run/instance.hpp"
#include "run/watch.hpp"

namespace motley::run {

// A tensor with a value.
struct Value {
  schema::DataType type = schema::DataType::undefined;
  std::vector<int64_t> shape;
  graph::Constant data;
};
using Values = std::map<std::string, Value>;  // by tensor name

// Who looks on while stages run.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // A kept tensor got a value; its memory is good until the tensor is shown again.
  virtual void show(const std::string& tensor, const Value& value) = 0;

  std::list<NodeCall>* calls = nullptr;
  std::vector<NodeTime>* times = nullptr;  // null: not timed
  Trace* trace = nullptr;                  // null: not traced
};

// One run, as the stages see it.
struct StagedRun {
  const uint32_t* cancel = nullptr;
  Watcher* watcher = nullptr;
  // Plans that ran, in order, once each. Weak: a loop whose shapes grow makes more plans than are kept.
  std::vector<std::weak_ptr<const plan::Plan>> plans = {};

  void add(const std::shared_ptr<const plan::Plan>& plan);
};

// What remains of a network at some point of a run, and how to go on. Stages form a tree: a child is chosen by the
// shapes of what was computed and by the values of tensors that steer shapes; the second run on the same ones plans
// nothing.
class Stage;
using Stages = std::map<std::string, std::unique_ptr<Stage>>;

class DynamicRunner {
 public:
  DynamicRunner(graph::Module module, plan::Request request, graph::Evaluator* evaluator,
                std::shared_ptr<const plan::Kept> kept);
  ~DynamicRunner();

  // Runs graphs[0] of the module. `inputs` has a value for each of its inputs. Gives the outputs in order.
  // Throws Error(cancelled), Error(limit) for a loop without end, Error(unsupported) naming nodes that cannot be
  // planned.
  std::vector<Value> run(Values inputs, StagedRun& run);
  // Plans what needs only the shapes of the inputs; their data are not looked at. Null where that is nothing.
  std::shared_ptr<const plan::Plan> plan_first(const Values& inputs);
  // Types and shapes of the outputs, as far as they follow from those of the inputs; other dimensions are 0.
  std::vector<Value> describe_outputs(const Values& inputs) const;

  const graph::Module& module() const { return module_; }
  const plan::Kept& kept() const { return *kept_; }
  // How many plans were made since this object was made, those of loops' bodies included.
  size_t planned() const;

 private:
  friend class Stage;
  // Of values that steer, a root takes the shape only: what does not depend on them is planned once for all of them.
  enum class Steering : uint8_t { open, fixed };
  Stage& child(Stages& stages, const graph::Module& rest, const Values& values, size_t parent_nodes, Steering steering);
  void forget_old();

  graph::Module module_;
  plan::Request request_;
  graph::Evaluator* evaluator_;
  std::shared_ptr<const plan::Kept> kept_;
  Stages roots_;
  size_t stages_ = 0;                                         // in the whole tree
  std::map<int32_t, std::unique_ptr<DynamicRunner>> bodies_;  // of loops, by graph number
  std::map<std::string, std::unique_ptr<Instance>> single_;   // ops that run alone, by node and shapes
  size_t planned_ = 0;
};

}  // namespace motley::run
