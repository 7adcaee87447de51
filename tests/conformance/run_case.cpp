// One case through import, compile and run.
#include "run_case.hpp"

#include <algorithm>
#include <random>

#include "compare.hpp"
#include "convert/convert.hpp"
#include "quantization_step.hpp"
#include "shape_inputs.hpp"

namespace motley::conformance {
namespace {

struct Skip {
  std::string reason;
};
struct Fail {
  std::string reason;
};

struct LoadedSet {
  std::vector<io::Tensor> inputs, outputs;
};

// The inputs of a file in the order of the model; names come from the model where files have none of their own.
LoadedSet load_set(const DataSet& set, const std::vector<std::string>& model_inputs) {
  LoadedSet loaded;
  for (size_t i = 0; i < set.inputs.size(); ++i) {
    io::Tensor tensor = load(set.inputs[i]);
    if (!set.inputs[i].name.empty()) tensor.name = set.inputs[i].name;
    else if (i < model_inputs.size()) tensor.name = model_inputs[i];
    loaded.inputs.push_back(std::move(tensor));
  }
  for (const TensorFile& file : set.outputs) {
    io::Tensor tensor = load(file);
    tensor.name = file.name;
    loaded.outputs.push_back(std::move(tensor));
  }
  return loaded;
}

std::vector<std::string> names_of(const std::vector<TensorInfo>& list) {
  std::vector<std::string> names;
  for (const TensorInfo& info : list) names.push_back(info.name);
  return names;
}

// An error that says "unsupported" skips the case; any other one fails it.
template <class Function>
auto prepare(Function&& function) {
  try {
    return function();
  } catch (const Error& e) {
    if (e.code() == ErrorCode::unsupported) throw Skip{e.what()};
    throw Fail{std::string("error \"") + motley::to_string(e.code()) + "\": " + e.what()};
  }
}

class CaseRun {
 public:
  CaseRun(const Runtime& runtime, const Case& c, const CompileOptions& options, const PlacementMode& placement,
          bool fix_shapes)
      : runtime_(runtime), case_(c), options_(options), placement_(placement), fix_shapes_(fix_shapes) {
    if (fix_shapes) fixed_ = shape_inputs(c.model);
  }

  std::set<std::string> run() {
    for (const DataSet& set : case_.sets) run_set(set);
    return used_;
  }

 private:
  void run_set(const DataSet& files) {
    // Without the data first: types that nothing here has are the model's matter, not the data's.
    if (!fix_shapes_) import({});
    const LoadedSet set = load_files(files);
    const Model model = import(set.inputs);
    const std::vector<std::string> open = names_of(model.inputs());
    const auto is_open = [&](const io::Tensor& t) { return std::find(open.begin(), open.end(), t.name) != open.end(); };
    CompileOptions options = options_;
    for (const io::Tensor& tensor : set.inputs)
      if (is_open(tensor)) options.input_shapes[tensor.name] = tensor.shape;
    std::vector<io::Tensor> inputs;
    for (const io::Tensor& tensor : set.inputs)
      if (is_open(tensor)) inputs.push_back(tensor);
    const Explanation plain = run_once(model, options, inputs, set.outputs);
    const unsigned rounds = placement_.kind == PlacementMode::Kind::none     ? 0
                            : placement_.kind == PlacementMode::Kind::random ? placement_.seeds
                                                                             : 1;
    for (unsigned round = 0; round < rounds; ++round) {
      options.pins = pins_for(plain, round);
      try {
        run_once(model, options, inputs, set.outputs);
      } catch (const Fail& fail) {
        throw Fail{"placement " + std::to_string(round) + ": " + fail.reason};
      }
    }
  }

  // Compiles, runs and checks; what the session says of where nodes ran.
  Explanation run_once(const Model& model, const CompileOptions& options, const std::vector<io::Tensor>& inputs,
                       const std::vector<io::Tensor>& expected) {
    Session session = prepare([&] { return runtime_.compile(model, options); });
    for (const io::Tensor& tensor : inputs) write(session.input(tensor.name), tensor);
    // Where sizes depend on data, parts are compiled while running.
    prepare([&] {
      session.run();
      return true;
    });
    const Explanation explained = session.explain();
    for (const Placement& placement : explained.nodes) used_.insert(placement.device);
    check(session, expected);
    return explained;
  }

  // Each node that ran goes to one of the devices that can run it.
  std::vector<std::pair<std::string, std::string>> pins_for(const Explanation& plain, unsigned seed) const {
    std::mt19937 random(seed);
    std::vector<std::string> devices = options_.devices;
    if (devices.empty())
      for (const DeviceInfo& info : runtime_.devices()) devices.push_back(info.name);
    std::vector<std::pair<std::string, std::string>> pins;
    for (size_t i = 0; i < plain.nodes.size(); ++i) {
      const Placement& node = plain.nodes[i];
      std::vector<std::string> able;
      for (const std::string& device : devices)
        if (std::none_of(node.refused.begin(), node.refused.end(), [&](const auto& r) { return r.first == device; }))
          able.push_back(device);
      const size_t choice = placement_.kind == PlacementMode::Kind::alternate ? i : random();
      if (!able.empty()) pins.emplace_back(node.node, able[choice % able.size()]);
    }
    return pins;
  }

  // Data that cannot be read is no news where the model was unsupported already.
  LoadedSet load_files(const DataSet& files) {
    try {
      return load_set(files, input_names());
    } catch (const Error&) {
      if (fix_shapes_) throw Skip{};
      throw;
    }
  }

  Model import(const std::vector<io::Tensor>& inputs) const {
    convert::ImportOptions options;
    for (const io::Tensor& tensor : inputs)
      if (fixed_.contains(tensor.name)) options.input_values[tensor.name] = tensor;
      else if (fix_shapes_) options.input_shapes[tensor.name] = tensor.shape;
    return prepare([&] { return Model::from_module(convert::import_onnx(case_.model, options)); });
  }

  // Input names as the file lists them; asked for before import, which may fail.
  std::vector<std::string> input_names() {
    if (case_.sets.empty() || case_.sets[0].inputs.empty() || !case_.sets[0].inputs[0].name.empty()) return {};
    return model_inputs(case_.model);
  }

  static void write(TensorRef input, const io::Tensor& tensor) {
    if (input.type() != tensor.type)
      throw Fail{"input \"" + tensor.name + "\" is " + motley::to_string(input.type()) + " in the model and " +
                 motley::to_string(tensor.type) + " in the data"};
    input.copy_from_bytes(tensor.bytes);
  }

  void check(Session& session, const std::vector<io::Tensor>& expected) {
    const std::vector<std::string> names = session.output_names();
    if (expected.empty()) throw Fail{"the case has no expected outputs"};
    for (size_t i = 0; i < expected.size(); ++i) {
      if (expected[i].name.empty() && i >= names.size()) throw Fail{"the model has too few outputs"};
      const std::string& name = expected[i].name.empty() ? names[i] : expected[i].name;
      const TensorRef output = session.output(name);
      io::Tensor actual;
      actual.type = output.type();
      actual.shape.assign(output.shape().begin(), output.shape().end());
      actual.bytes.assign(output.as_bytes().begin(), output.as_bytes().end());
      const auto difference = case_.judge == Judge::network
                                  ? compare_network(expected[i], actual, quantization_step(case_.model, name))
                                  : compare_elements(expected[i], actual);
      if (difference) throw Fail{"output \"" + name + "\": " + *difference};
    }
  }

  const Runtime& runtime_;
  const Case& case_;
  const CompileOptions& options_;
  const PlacementMode& placement_;
  bool fix_shapes_;
  std::set<std::string> fixed_, used_;
};

}  // namespace

const char* to_string(Status status) {
  return status == Status::passed ? "passed" : status == Status::failed ? "failed" : "skipped";
}

Result run_case(const Runtime& runtime, const Case& c, const CompileOptions& options, const PlacementMode& placement) {
  Result result;
  result.name = c.name;
  result.op = c.op.empty() ? "(several)" : c.op;
  // First as the file is; where that is unsupported, once more with shapes, and inputs that steer shapes, fixed at
  // import.
  for (const bool fix_shapes : {false, true}) {
    try {
      CaseRun run(runtime, c, options, placement, fix_shapes);
      result.fixed_shapes = fix_shapes;
      result.devices = run.run();
      result.status = Status::passed;
      result.reason.clear();
      return result;
    } catch (const Skip& skip) {
      result.status = Status::skipped;
      if (!skip.reason.empty()) result.reason = skip.reason;
    } catch (const Fail& fail) {
      result.status = Status::failed;
      result.reason = fail.reason;
      return result;
    } catch (const std::exception& e) {
      result.status = Status::failed;
      result.reason = std::string("while running: ") + e.what();
      return result;
    }
  }
  return result;
}

}  // namespace motley::conformance
