// From a checked message to the IR: names, order, nested graphs, and one handler call per node.
#include "onnx/graph_import.hpp"

#include <algorithm>

#include "graph/infer.hpp"
#include "io/tensor_pb.hpp"
#include "onnx/op_context.hpp"
#include "onnx/rules.hpp"

namespace motley::convert {

using graph::Graph;
using graph::kNone;
using graph::Op;
using graph::Tensor;
using graph::TensorId;

namespace {

template <class OpsetList>
std::map<std::string, int64_t, std::less<>> read_opsets(const OpsetList& list) {
  std::map<std::string, int64_t, std::less<>> opsets;
  for (const auto& opset : list) {
    const auto [it, fresh] = opsets.emplace(plain_domain(opset.domain()), opset.version());
    if (!fresh && it->second != opset.version())
      throw Error(ErrorCode::invalid_model, "the model imports operator set \"" + opset.domain() +
                                                "\" in two versions (" + std::to_string(it->second) + ", " +
                                                std::to_string(opset.version()) + ")");
  }
  return opsets;
}

void check_default_opset(int64_t version) {
  if (version < 1)
    throw Error(ErrorCode::invalid_model,
                "the model imports operator set version " + std::to_string(version) + " (they begin at 1)");
  if (version > kNewestOpset)
    throw Error(ErrorCode::unsupported, "the model uses operator set " + std::to_string(version) + " (newest known: " +
                                            std::to_string(kNewestOpset) + "); export it for an older one");
}

bool moves_elements(Op op) {
  return op == Op::StridedCopy || op == Op::Reshape || op == Op::Gather || (op >= Op::Transpose && op <= Op::Identity);
}

// FunctionProto.overload and NodeProto.overload: which of the functions of one name. The fields are younger than the
// installed onnx.proto, so they arrive among the unknown ones.
constexpr int kFunctionOverload = 13, kNodeOverload = 8;

std::string overload_of(const google::protobuf::UnknownFieldSet& unknown, int number) {
  std::string overload;
  for (int i = 0; i < unknown.field_count(); ++i) {
    const google::protobuf::UnknownField& field = unknown.field(i);
    if (field.number() == number && field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      overload = field.length_delimited();
  }
  return overload;
}

// Ops that take constants of 8-bit floating-point types: their results are float, or the same elements elsewhere.
constexpr std::string_view kTakeFloat8[] = {"Cast",    "DequantizeLinear", "Expand",   "Flatten",
                                            "Gather",  "Identity",         "Reshape",  "Slice",
                                            "Squeeze", "Transpose",        "Unsqueeze"};
constexpr const char* kNoFloat8 =
    "an input of an 8-bit floating-point type; only constants are, which become float by Cast or DequantizeLinear";

bool has_float8(const OpContext& c, std::string_view op) {
  const bool any =
      std::any_of(c.inputs().begin(), c.inputs().end(), [&](TensorId id) { return id != kNone && c.is_float8(id); });
  return any && std::find(std::begin(kTakeFloat8), std::end(kTakeFloat8), op) == std::end(kTakeFloat8);
}

}  // namespace

GraphImporter::GraphImporter(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                             const ImportOptions& options)
    : storage_(std::make_shared<Storage>(Storage{std::move(model), {}})),
      options_(options),
      constants_(storage_, folder, options.limits) {
  for (const auto& function : storage_->model->functions())
    functions_[{std::string(plain_domain(function.domain())), function.name(),
                overload_of(function.unknown_fields(), kFunctionOverload)}] = &function;
}

graph::Module GraphImporter::run() {
  const onnx::ModelProto& model = *storage_->model;
  Scope scope;
  scope.opsets = read_opsets(model.opset_import());
  if (scope.opsets.empty() && model.ir_version() < 3) scope.opsets[""] = 1;  // files from before opsets were numbered
  if (const auto it = scope.opsets.find(""); it != scope.opsets.end()) check_default_opset(it->second);
  scope.graph = &graphs_.emplace_back();
  for (const auto& output : model.graph().output()) reserved_names_.insert(output.name());
  for (const auto& [name, shape] : options_.input_shapes)
    if (std::none_of(model.graph().input().begin(), model.graph().input().end(),
                     [&](const auto& input) { return input.name() == name; }))
      throw Error(ErrorCode::not_found, "a shape is given for input \"" + name + "\", which the model does not have");

  import_graph(model.graph(), scope);
  if (!unsupported_.empty()) throw UnsupportedOps(std::move(unsupported_));

  graph::Module module;
  for (Graph& graph : graphs_) module.graphs.push_back(std::move(graph));
  for (const auto& entry : model.metadata_props()) module.metadata[entry.key()] = entry.value();
  module.producer = model.producer_name();
  if (!model.producer_version().empty()) module.producer += " " + model.producer_version();
  return module;
}

// ---- names

std::string GraphImporter::unique_tensor_name(const std::string& wanted) {
  std::string name = wanted.empty() ? "tensor" : wanted;
  while (reserved_names_.contains(name) || !tensor_names_.insert(name).second)
    name = wanted + "_" + std::to_string(++next_suffix_[wanted]);
  return name;
}

std::string GraphImporter::unique_node_name(const std::string& wanted) {
  std::string name = wanted;
  while (!node_names_.insert(name).second) name = wanted + "_" + std::to_string(++next_suffix_[wanted]);
  return name;
}

TensorId GraphImporter::declare(const std::string& name, Scope& scope, const std::string& what) {
  if (const auto bound = scope.bound_outputs.find(name); bound != scope.bound_outputs.end()) {
    scope.names[name] = bound->second;
    return bound->second;
  }
  if (scope.names.contains(name))
    throw Error(ErrorCode::invalid_model,
                what + " defines tensor \"" + name + "\", which exists already; each tensor has one writer");
  Tensor tensor;
  const bool main = scope.graph == &graphs_.front() && scope.prefix.empty();
  if (main && reserved_names_.erase(name) != 0) {
    tensor.name = name;  // an output's name is what the caller knows it by
    tensor_names_.insert(name);
  } else {
    tensor.name = unique_tensor_name(scope.prefix + name);
  }
  return scope.names[name] = scope.graph->add_tensor(std::move(tensor));
}

std::optional<TensorId> GraphImporter::look_up(const std::string& name, Scope& scope) {
  if (const auto known = scope.names.find(name); known != scope.names.end()) return known->second;
  if (!scope.outer) return std::nullopt;
  const std::optional<TensorId> outer = look_up(name, *scope.outer);
  if (!outer || *outer == kNone) return outer;
  if (scope.outer->graph == scope.graph) return *outer;
  return scope.names[name] = captured(*outer, *scope.outer->graph, *scope.graph);
}

// A tensor of the enclosing graph is captured by name; a constant is simply shared; a sequence is its tensors.
TensorId GraphImporter::captured(TensorId outer, const Graph& from, Graph& to) {
  const TensorId id = to.add_tensor(Tensor(from.tensor(outer)));
  if (four_bit_.contains({&from, outer})) four_bit_.insert({&to, id});
  if (float8_.contains({&from, outer})) float8_.insert({&to, id});
  const auto list = lists_.find({&from, outer});
  if (list == lists_.end()) return id;
  // No sequence holds another, so this is one step deep.
  ListValue inner{{}, list->second.empty_optional};
  for (TensorId item : list->second.items) inner.items.push_back(captured(item, from, to));
  list_items_ += inner.items.size();
  lists_[{&to, id}] = std::move(inner);
  return id;
}

const ListValue* GraphImporter::list_value(TensorId id) const {
  const auto found = lists_.find({scope_->graph, id});
  return found == lists_.end() ? nullptr : &found->second;
}

// Every change of a sequence is a copy, so a file of many changes could grow without end.
void GraphImporter::set_list_value(TensorId id, ListValue value) {
  constexpr uint64_t kMaxItems = 1 << 22;
  if ((list_items_ += value.items.size()) > kMaxItems)
    throw Error(ErrorCode::limit, "the model's sequences come to more than " + std::to_string(kMaxItems) + " tensors");
  lists_[{scope_->graph, id}] = std::move(value);
}

// ---- graphs

Tensor GraphImporter::read_value_info(const onnx::ValueInfoProto& proto, bool must_have_type) {
  const std::string what = "input \"" + proto.name() + "\"";
  Tensor tensor;
  tensor.name = proto.name();
  const onnx::TypeProto& type = proto.type();
  if (type.value_case() != onnx::TypeProto::kTensorType && type.value_case() != onnx::TypeProto::VALUE_NOT_SET)
    throw Error(ErrorCode::unsupported, what + " is no tensor (a sequence, map, optional or sparse tensor)");
  const onnx::TypeProto_Tensor& declared = type.tensor_type();
  tensor.type = static_cast<graph::DataType>(io::data_type_of_onnx(declared.elem_type()));
  if (tensor.type == DataType::undefined && declared.elem_type() != 0)
    throw Error(ErrorCode::unsupported, what + " has elements of a type that is not supported (" +
                                            io::onnx_type_text(declared.elem_type()) + ")");
  if (tensor.type == DataType::undefined && must_have_type)
    throw Error(ErrorCode::invalid_model, what + " does not say what type its elements have");
  if (!declared.has_shape()) return tensor;
  if (static_cast<uint32_t>(declared.shape().dim_size()) > options_.limits.max_rank)
    throw Error(ErrorCode::limit, what + " has " + std::to_string(declared.shape().dim_size()) +
                                      " dimensions (at most " + std::to_string(options_.limits.max_rank) + ")");
  tensor.shape.emplace();
  for (const auto& dim : declared.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() < -1)
      throw Error(ErrorCode::invalid_model,
                  what + " has a negative dimension (" + std::to_string(dim.dim_value()) + ")");
    if (dim.has_dim_value() && dim.dim_value() >= 0) tensor.shape->push_back(graph::Dim(dim.dim_value()));
    else tensor.shape->push_back(graph::Dim(dim.dim_param()));  // some exporters write -1 for what is open
  }
  return tensor;
}

void GraphImporter::apply_input_options(Tensor& tensor) {
  const auto wanted = options_.input_shapes.find(tensor.name);
  if (wanted != options_.input_shapes.end()) {
    const std::vector<int64_t>& dims = wanted->second;
    bool fits = tensor.shape ? tensor.shape->size() == dims.size() : dims.size() <= options_.limits.max_rank;
    for (size_t i = 0; fits && i < dims.size(); ++i)
      fits = dims[i] >= 0 && (!tensor.shape || !(*tensor.shape)[i].known() || (*tensor.shape)[i].value == dims[i]);
    if (!fits)
      throw Error(ErrorCode::invalid_argument, "the shape given for input \"" + tensor.name + "\" (" +
                                                   io::shape_text(dims) + ") does not fit the model's (" +
                                                   graph::to_string(tensor.shape) + ")");
    tensor.shape = graph::Dims(dims.begin(), dims.end());
  }
  const auto value = options_.input_values.find(tensor.name);
  if (value == options_.input_values.end()) return;
  const io::Tensor& given = value->second;
  if (static_cast<graph::DataType>(given.type) != tensor.type || given.shape.size() > options_.limits.max_rank ||
      given.bytes.size() != io::checked_bytes(given.type, given.shape, "the value of input \"" + tensor.name + "\""))
    throw Error(ErrorCode::invalid_argument, "the value given for input \"" + tensor.name +
                                                 "\" does not have its type (" + graph::to_string(tensor.type) + ")");
  tensor.shape = graph::Dims(given.shape.begin(), given.shape.end());
  tensor.constant = graph::Constant::copy_of(given.bytes.data(), given.bytes.size());
}

void GraphImporter::import_inputs(const onnx::GraphProto& proto, Scope& scope) {
  const bool main = scope.graph == &graphs_.front();
  for (const auto& input : proto.input()) {
    if (input.name().empty())
      throw Error(ErrorCode::invalid_model, "graph \"" + proto.name() + "\" has an input without a name");
    if (main && scope.names.contains(input.name())) {
      // Up to IR version 3, initializers are listed as inputs too; they are constants here.
      const Tensor& known = scope.graph->tensor(scope.names.at(input.name()));
      if (!known.is_constant() || std::find(scope.graph->inputs.begin(), scope.graph->inputs.end(),
                                            scope.names.at(input.name())) != scope.graph->inputs.end())
        throw Error(ErrorCode::invalid_model, "two inputs of the model have the same name (\"" + input.name() + "\")");
      continue;
    }
    Tensor tensor = read_value_info(input, main);
    const TensorId id = declare(input.name(), scope, "graph \"" + proto.name() + "\"");
    tensor.name = scope.graph->tensor(id).name;
    if (main) apply_input_options(tensor);
    const bool constant = tensor.is_constant();
    scope.graph->tensor(id) = std::move(tensor);
    if (io::is_four_bit(input.type().tensor_type().elem_type())) four_bit_.insert({scope.graph, id});
    if (!constant) scope.graph->inputs.push_back(id);
  }
}

void GraphImporter::import_initializers(const onnx::GraphProto& proto, Scope& scope) {
  if (proto.sparse_initializer_size() != 0)
    throw Error(ErrorCode::unsupported, "graph \"" + proto.name() + "\" has sparse initializers (" +
                                            std::to_string(proto.sparse_initializer_size()) +
                                            "); save them as dense ones");
  int done = 0;
  for (const auto& initializer : proto.initializer()) {
    if (initializer.name().empty())
      throw Error(ErrorCode::invalid_model, "graph \"" + proto.name() + "\" has an initializer without a name");
    const TensorId id = declare(initializer.name(), scope, "an initializer");
    Tensor& tensor = scope.graph->tensor(id);
    try {
      const ImportedConstant& value = constants_.read(initializer, "initializer \"" + initializer.name() + "\"");
      tensor.type = value.type;
      tensor.shape = graph::Dims(value.extents.begin(), value.extents.end());
      tensor.constant = value.constant;
      if (value.four_bit) four_bit_.insert({scope.graph, id});
      if (value.float8) float8_.insert({scope.graph, id});
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      unsupported_.push_back({"Initializer", "", 0, {initializer.name()}, e.what()});
    }
    if (options_.progress && ++done % 64 == 0)
      options_.progress("import", 0.5 * done / std::max(1, proto.initializer_size()));
  }
}

void GraphImporter::import_outputs(const onnx::GraphProto& proto, Scope& scope) {
  for (const auto& output : proto.output()) {
    if (output.type().value_case() != onnx::TypeProto::kTensorType &&
        output.type().value_case() != onnx::TypeProto::VALUE_NOT_SET)
      throw Error(ErrorCode::unsupported,
                  "output \"" + output.name() + "\" is no tensor (a sequence, map, optional or sparse tensor)");
    const std::optional<TensorId> id = look_up(output.name(), scope);
    if (!id || *id == kNone)
      throw Error(ErrorCode::invalid_model,
                  "output \"" + output.name() + "\" of graph \"" + proto.name() + "\" is never produced");
    if (list_value(*id))
      throw Error(ErrorCode::unsupported, "output \"" + output.name() + "\" of graph \"" + proto.name() +
                                              "\" is a sequence or an optional; only tensors leave a graph");
    if (float8_.contains({scope.graph, *id}))
      throw Error(ErrorCode::unsupported, "output \"" + output.name() + "\" of graph \"" + proto.name() +
                                              "\" is of an 8-bit floating-point type; let a Cast to FLOAT follow");
    scope.graph->outputs.push_back(*id);
  }
}

void GraphImporter::import_graph(const onnx::GraphProto& proto, Scope& scope) {
  Scope* const around = scope_;
  scope_ = &scope;
  scope.graph->name = proto.name();
  import_initializers(proto, scope);
  import_inputs(proto, scope);
  import_nodes(proto.node(), scope);
  import_outputs(proto, scope);
  scope_ = around;
}

// ---- nodes

void GraphImporter::count_node() {
  if (inlining_ > 0 && ++inlined_nodes_ > kMaxInlinedNodes)
    throw Error(ErrorCode::unsupported, "the model's loops come to more than " + std::to_string(kMaxInlinedNodes) +
                                            " nodes when they are unrolled");
  if (++node_count_ > options_.limits.max_nodes)
    throw Error(ErrorCode::limit, "the model has more nodes than the limit (" +
                                      std::to_string(options_.limits.max_nodes) + "), its functions expanded");
}

void GraphImporter::add_node(graph::Node node) {
  Graph& graph = *scope_->graph;
  if (graph.tensors.size() > options_.limits.max_tensors)
    throw Error(ErrorCode::limit,
                "the model has more tensors than the limit (" + std::to_string(options_.limits.max_tensors) + ")");
  for (TensorId output : node.outputs) {
    producers_[&graph][output] = graph.nodes.size();
    if (moves_elements(node.op) && is_four_bit(node.input(0))) set_four_bit(output);
    if (moves_elements(node.op) && is_float8(node.input(0))) set_float8(output);
  }
  graph.nodes.push_back(std::move(node));
  // Types and ranks of what is there so far help the handlers of later nodes. What cannot be inferred yet, or is wrong,
  // comes up again when the whole module is inferred.
  try {
    graph::infer_node(graph, graph.nodes.back());
  } catch (const Error&) {
  }
}

void GraphImporter::import_nodes(const NodeList& nodes, Scope& scope) {
  int done = 0;
  for (int i : topological_order(nodes)) {
    import_node(nodes[i], i, scope);
    if (options_.progress && !scope.outer && ++done % 64 == 0)
      options_.progress("import", 0.5 + 0.5 * done / nodes.size());
  }
}

void GraphImporter::import_node(const onnx::NodeProto& proto, int index, Scope& scope) {
  count_node();
  const std::string name = unique_node_name(scope.prefix + node_name(proto, index));
  node_names_.erase(name);  // the node that writes the outputs takes it
  const std::string what = "node \"" + name + "\" (" + proto.op_type() + ")";
  std::vector<TensorId> inputs, outputs;
  for (const std::string& input : proto.input()) {
    const std::optional<TensorId> id = input.empty() ? kNone : look_up(input, scope);
    if (!id) throw Error(ErrorCode::invalid_model, what + " reads tensor \"" + input + "\", which nothing produces");
    inputs.push_back(*id);
  }
  for (const std::string& output : proto.output())
    outputs.push_back(output.empty() ? kNone : declare(output, scope, what));

  const std::string domain(plain_domain(proto.domain()));
  if (const auto function =
          functions_.find({domain, proto.op_type(), overload_of(proto.unknown_fields(), kNodeOverload)});
      function != functions_.end())
    return call_function(*function->second, proto, name, inputs, outputs);
  const auto opset = scope.opsets.find(domain);
  if (opset == scope.opsets.end() && domain.empty())
    throw Error(ErrorCode::invalid_model, what + " is of the default operator set, which the model does not import");
  apply_rule(proto, name, opset == scope.opsets.end() ? 1 : opset->second, std::move(inputs), std::move(outputs));
}

void GraphImporter::apply_rule(const onnx::NodeProto& proto, const std::string& name, int64_t version,
                               std::vector<TensorId> inputs, std::vector<TensorId> outputs) {
  const OpRule* rule = find_rule(proto.domain(), proto.op_type(), version);
  if (!rule) return report(proto, version, name, why_unknown(proto.domain(), proto.op_type(), version));
  if (!rule->import)
    return report(proto, version, name, "the operator was removed in version " + std::to_string(rule->since));
  OpContext context(*this, proto, *rule, version, name, std::move(inputs), std::move(outputs));
  for (int i = 0; i < rule->min_inputs; ++i)
    if (context.in(static_cast<size_t>(i)) == kNone)
      context.invalid("lacks its input " + std::to_string(i + 1) + " (it needs " + std::to_string(rule->min_inputs) +
                      ")");
  if (context.input_count() > static_cast<size_t>(rule->max_inputs))
    context.invalid("has " + std::to_string(context.input_count()) + " inputs (at most " +
                    std::to_string(rule->max_inputs) + ")");
  if (context.output_count() > static_cast<size_t>(rule->max_outputs))
    context.invalid("has " + std::to_string(context.output_count()) + " outputs (at most " +
                    std::to_string(rule->max_outputs) + ")");
  if (std::all_of(context.outputs().begin(), context.outputs().end(), [](TensorId id) { return id == kNone; })) {
    return;  // nobody can see what it computes
  }
  const bool lists = std::any_of(context.inputs().begin(), context.inputs().end(),
                                 [&](TensorId id) { return id != kNone && list_value(id); });
  if (lists && !rule->takes_lists) return report(proto, version, name, "a sequence or an empty optional as an input");
  if (has_float8(context, proto.op_type())) return report(proto, version, name, kNoFloat8);
  try {
    rule->import(context);
    context.check_attributes_used();
  } catch (const Unsupported& e) {
    report(proto, version, name, e.reason);
  } catch (const UnsupportedOps&) {
    throw;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    report(proto, version, name, e.what());
  }
}

void GraphImporter::report(const onnx::NodeProto& proto, int64_t version, const std::string& name,
                           const std::string& reason) {
  const std::string domain(plain_domain(proto.domain()));
  const auto [known, fresh] = reported_.emplace(std::tuple(domain, proto.op_type(), reason), unsupported_.size());
  if (fresh) unsupported_.push_back({proto.op_type(), domain, version, {}, reason});
  unsupported_[known->second].nodes.push_back(name);
}

}  // namespace motley::convert
