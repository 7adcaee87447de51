// What a handler sees of one node: its inputs and attributes, and the IR it adds to.
#include "onnx/op_context.hpp"

#include <cstring>

#include "io/half.hpp"
#include "onnx/graph_import.hpp"

namespace motley::convert {

OpContext::OpContext(GraphImporter& importer, const onnx::NodeProto& proto, const OpRule& rule, int64_t version,
                     std::string name, std::vector<TensorId> inputs, std::vector<TensorId> outputs)
    : importer_(importer),
      proto_(proto),
      rule_(rule),
      version_(version),
      name_(std::move(name)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)) {}

std::string OpContext::describe() const { return "node \"" + name_ + "\" (" + proto_.op_type() + ")"; }

void OpContext::invalid(const std::string& why) const { throw Error(ErrorCode::invalid_model, describe() + " " + why); }

// ---- inputs

const graph::Tensor& OpContext::tensor_of(TensorId id) const { return importer_.graph().tensor(id); }

TensorId OpContext::required(size_t i) const {
  if (in(i) == kNone) invalid("lacks its input " + std::to_string(i + 1));
  return in(i);
}

std::vector<TensorId> OpContext::inputs_without_empty(std::initializer_list<size_t> droppable) const {
  std::vector<TensorId> result = inputs_;
  for (size_t i : droppable) {
    if (i >= result.size() || result[i] == kNone) continue;
    const graph::Tensor& tensor = tensor_of(result[i]);
    if (tensor.shape && tensor.shape->size() == 1 && (*tensor.shape)[0].value == 0) result[i] = kNone;
  }
  while (!result.empty() && result.back() == kNone) result.pop_back();
  return result;
}

DataType OpContext::type(TensorId id) const { return id == kNone ? DataType::undefined : tensor_of(id).type; }

bool OpContext::is_four_bit(TensorId id) const { return importer_.is_four_bit(id); }
void OpContext::set_four_bit(TensorId id) { importer_.set_four_bit(id); }
bool OpContext::is_float8(TensorId id) const { return importer_.is_float8(id); }

std::optional<size_t> OpContext::rank(TensorId id) const {
  if (id == kNone || !tensor_of(id).shape) return std::nullopt;
  return tensor_of(id).shape->size();
}

const std::optional<graph::Dims>& OpContext::shape(TensorId id) const { return tensor_of(id).shape; }

namespace {

std::optional<std::vector<int64_t>> ints_of(const graph::Tensor& tensor) {
  if (!tensor.is_constant()) return std::nullopt;
  const auto count = static_cast<size_t>(tensor.elements());
  if (tensor.type == DataType::int64) return std::vector(tensor.values<int64_t>(), tensor.values<int64_t>() + count);
  if (tensor.type != DataType::int32) return std::nullopt;
  return std::vector<int64_t>(tensor.values<int32_t>(), tensor.values<int32_t>() + count);
}

std::optional<bool> bool_of(const graph::Tensor& tensor) {
  if (!tensor.is_constant() || tensor.type != DataType::bool_ || tensor.elements() != 1) return std::nullopt;
  return *tensor.values<uint8_t>() != 0;
}

std::optional<std::vector<float>> floats_of(const graph::Tensor& tensor) {
  if (!tensor.is_constant()) return std::nullopt;
  const auto count = static_cast<size_t>(tensor.elements());
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i) {
    switch (tensor.type) {
      case DataType::float32: result[i] = tensor.values<float>()[i]; break;
      case DataType::float64: result[i] = static_cast<float>(tensor.values<double>()[i]); break;
      case DataType::float16: result[i] = io::half_to_float(tensor.values<uint16_t>()[i]); break;
      case DataType::bfloat16: result[i] = io::bfloat_to_float(tensor.values<uint16_t>()[i]); break;
      default: return std::nullopt;
    }
  }
  return result;
}

}  // namespace

std::optional<std::vector<int64_t>> OpContext::constant_ints(TensorId id) const {
  return id == kNone ? std::nullopt : ints_of(tensor_of(id));
}

std::optional<bool> OpContext::constant_bool(TensorId id) const {
  return id == kNone ? std::nullopt : bool_of(tensor_of(id));
}

std::optional<std::vector<float>> OpContext::constant_floats(TensorId id) const {
  return id == kNone ? std::nullopt : floats_of(tensor_of(id));
}

std::optional<std::vector<uint8_t>> OpContext::constant_bytes(TensorId id) const {
  if (id == kNone || !tensor_of(id).is_constant()) return std::nullopt;
  const graph::Constant& constant = *tensor_of(id).constant;
  const auto* bytes = static_cast<const uint8_t*>(constant.data);
  return std::vector<uint8_t>(bytes, bytes + constant.bytes);
}

// ---- sequences and optionals

const std::vector<TensorId>* OpContext::sequence(TensorId id) const {
  const ListValue* value = importer_.list_value(id);
  return value && !value->empty_optional ? &value->items : nullptr;
}

bool OpContext::is_empty_optional(TensorId id) const {
  const ListValue* value = importer_.list_value(id);
  return value && value->empty_optional;
}

void OpContext::set_sequence(TensorId id, std::vector<TensorId> items) {
  for (TensorId item : items)
    if (importer_.list_value(item)) unsupported("a sequence of sequences or optionals");
  if (id != kNone) importer_.set_list_value(id, {std::move(items), false});
}

void OpContext::set_empty_optional(TensorId id) {
  if (id != kNone) importer_.set_list_value(id, {{}, true});
}

// ---- attributes

namespace {

using Attribute = onnx::AttributeProto;

// Files from before attributes carried a type show it by the field they fill.
bool is_of_type(const Attribute& a, Attribute::AttributeType type) {
  if (a.has_type() && a.type() != Attribute::UNDEFINED) return a.type() == type;
  switch (type) {
    case Attribute::INT: return a.has_i();
    case Attribute::FLOAT: return a.has_f();
    case Attribute::STRING: return a.has_s();
    case Attribute::TENSOR: return a.has_t();
    case Attribute::GRAPH: return a.has_g();
    case Attribute::INTS: return a.floats_size() == 0 && a.strings_size() == 0;
    case Attribute::FLOATS: return a.ints_size() == 0 && a.strings_size() == 0;
    case Attribute::STRINGS: return a.ints_size() == 0 && a.floats_size() == 0;
    default: return false;
  }
}

}  // namespace

const Attribute* OpContext::find(const char* name, Attribute::AttributeType type) {
  used_.insert(name);
  const Attribute* found = nullptr;
  for (const Attribute& a : proto_.attribute()) {
    if (a.name() != name) continue;
    if (found) invalid("has the attribute " + std::string(name) + " twice");
    found = &a;
  }
  if (found && !is_of_type(*found, type))
    invalid("has an attribute " + std::string(name) + " of another kind than " + Attribute::AttributeType_Name(type));
  return found;
}

bool OpContext::has(const char* name) {
  used_.insert(name);
  for (const Attribute& a : proto_.attribute())
    if (a.name() == name) return true;
  return false;
}

int64_t OpContext::integer(const char* name) {
  const Attribute* a = find(name, Attribute::INT);
  if (!a) invalid("lacks the attribute " + std::string(name));
  return a->i();
}

int64_t OpContext::integer(const char* name, int64_t otherwise) {
  const Attribute* a = find(name, Attribute::INT);
  return a ? a->i() : otherwise;
}

float OpContext::number(const char* name, float otherwise) {
  const Attribute* a = find(name, Attribute::FLOAT);
  return a ? a->f() : otherwise;
}

std::string OpContext::text(const char* name, const char* otherwise) {
  const Attribute* a = find(name, Attribute::STRING);
  return a ? a->s() : otherwise;
}

std::vector<int64_t> OpContext::integers(const char* name) {
  const Attribute* a = find(name, Attribute::INTS);
  return a ? std::vector<int64_t>(a->ints().begin(), a->ints().end()) : std::vector<int64_t>();
}

std::vector<float> OpContext::numbers(const char* name) {
  const Attribute* a = find(name, Attribute::FLOATS);
  return a ? std::vector<float>(a->floats().begin(), a->floats().end()) : std::vector<float>();
}

std::vector<std::string> OpContext::texts(const char* name) {
  const Attribute* a = find(name, Attribute::STRINGS);
  return a ? std::vector<std::string>(a->strings().begin(), a->strings().end()) : std::vector<std::string>();
}

const onnx::TensorProto* OpContext::tensor(const char* name) {
  const Attribute* a = find(name, Attribute::TENSOR);
  return a ? &a->t() : nullptr;
}

const onnx::GraphProto& OpContext::graph_attribute(const char* name) {
  const Attribute* a = find(name, Attribute::GRAPH);
  if (!a) invalid("lacks the attribute " + std::string(name));
  return a->g();
}

void OpContext::check_attributes_used() const {
  for (const Attribute& a : proto_.attribute())
    if (!used_.contains(a.name())) unsupported("attribute " + a.name());
}

// ---- what goes out

void OpContext::add(const std::string& name, Op op, std::vector<TensorId> in, std::vector<TensorId> out,
                    graph::AttributesUnion attributes) {
  while (!in.empty() && in.back() == kNone) in.pop_back();
  while (!out.empty() && out.back() == kNone) out.pop_back();
  graph::Node node;
  node.name = importer_.unique_node_name(name);
  node.op = op;
  node.inputs = std::move(in);
  node.outputs = std::move(out);
  node.attributes = std::move(attributes);
  node.origins = {name_};
  importer_.add_node(std::move(node));
}

TensorId OpContext::new_tensor(const std::string& suffix) {
  graph::Tensor tensor;
  tensor.name = importer_.unique_tensor_name(name_ + "/" + suffix);
  return importer_.graph().add_tensor(std::move(tensor));
}

TensorId OpContext::ints(const std::string& suffix, const std::vector<int64_t>& values) {
  return importer_.graph().add_int64(importer_.unique_tensor_name(name_ + "/" + suffix), values);
}

TensorId OpContext::floats(const std::string& suffix, const std::vector<float>& values) {
  return importer_.graph().add_constant(importer_.unique_tensor_name(name_ + "/" + suffix), DataType::float32,
                                        {static_cast<int64_t>(values.size())}, graph::Constant::of(values));
}

TensorId OpContext::scalar(const std::string& suffix, DataType type, double value) {
  const auto make = [&](auto element) {
    return importer_.graph().add_constant(importer_.unique_tensor_name(name_ + "/" + suffix), type, {},
                                          graph::Constant::copy_of(&element, sizeof element));
  };
  switch (type) {
    case DataType::float32: return make(static_cast<float>(value));
    case DataType::float64: return make(value);
    case DataType::float16: return make(io::float_to_half(static_cast<float>(value)));
    case DataType::bfloat16: return make(io::float_to_bfloat(static_cast<float>(value)));
    case DataType::int8: return make(static_cast<int8_t>(value));
    case DataType::uint8: return make(static_cast<uint8_t>(value));
    case DataType::int16: return make(static_cast<int16_t>(value));
    case DataType::uint16: return make(static_cast<uint16_t>(value));
    case DataType::int32: return make(static_cast<int32_t>(value));
    case DataType::uint32: return make(static_cast<uint32_t>(value));
    case DataType::int64: return make(static_cast<int64_t>(value));
    case DataType::uint64: return make(static_cast<uint64_t>(value));
    case DataType::bool_: return make(value != 0);
    case DataType::undefined: break;
  }
  unsupported("the type of its input is not known");
}

TensorId OpContext::table(const std::string& suffix, DataType type, const std::vector<int64_t>& extents,
                          const std::vector<float>& values) {
  const auto make = [&](auto convert) {
    std::vector<decltype(convert(0.0f))> elements;
    elements.reserve(values.size());
    for (float value : values) elements.push_back(convert(value));
    return importer_.graph().add_constant(importer_.unique_tensor_name(name_ + "/" + suffix), type, extents,
                                          graph::Constant::of(elements));
  };
  switch (type) {
    case DataType::float32: return make([](float v) { return v; });
    case DataType::float64: return make([](float v) { return static_cast<double>(v); });
    case DataType::float16: return make([](float v) { return io::float_to_half(v); });
    case DataType::bfloat16: return make([](float v) { return io::float_to_bfloat(v); });
    default: unsupported("an input that is not surely of a floating-point type");
  }
}

TensorId OpContext::cast(const std::string& suffix, TensorId id, DataType to) {
  if (type(id) == to) return id;
  schema::CastAttributesT attributes;
  attributes.to = to;
  return temp(suffix, Op::Cast, {id}, std::move(attributes));
}

void OpContext::set_constant(TensorId id, DataType type, std::vector<int64_t> extents, graph::Constant value) {
  graph::Tensor& tensor = importer_.graph().tensor(id);
  tensor.type = type;
  tensor.shape = graph::Dims(extents.begin(), extents.end());
  tensor.constant = std::move(value);
}

void OpContext::set_constant(TensorId id, const onnx::TensorProto& proto) {
  const ImportedConstant& value = importer_.constants().read(proto, describe() + ": its tensor");
  set_constant(id, value.type, value.extents, value.constant);
  if (value.four_bit) set_four_bit(id);
  if (value.float8) importer_.set_float8(id);
}

int32_t OpContext::nested(const char* attribute) {
  return importer_.import_nested(graph_attribute(attribute), describe());
}

int32_t OpContext::add_graph_around(int32_t body, const std::string& suffix, Op op, graph::AttributesUnion attributes) {
  const std::string name = name_ + "/" + suffix;
  graph::Graph around;
  around.name = name;
  graph::Node node;
  const graph::Graph& inner = importer_.graph_at(body);
  const auto like = [&](const std::vector<TensorId>& ids, std::vector<TensorId>& outer) {
    for (TensorId id : ids) {
      graph::Tensor tensor;
      tensor.name = importer_.unique_tensor_name(name + "/" + inner.tensor(id).name);
      tensor.type = inner.tensor(id).type;
      outer.push_back(around.add_tensor(std::move(tensor)));
    }
  };
  like(inner.inputs, around.inputs);
  like(inner.outputs, around.outputs);
  node.name = importer_.unique_node_name(name);
  node.op = op;
  node.inputs = around.inputs;
  node.outputs = around.outputs;
  node.attributes = std::move(attributes);
  node.origins = {name_};
  around.nodes.push_back(std::move(node));
  return importer_.add_graph(std::move(around));
}

std::vector<TensorId> OpContext::inline_graph(const char* attribute, const std::vector<TensorId>& inputs,
                                              const std::string& suffix) {
  const std::string name = suffix.empty() ? name_ : name_ + "/" + suffix;
  return importer_.inline_graph(graph_attribute(attribute), inputs, name, describe());
}

void OpContext::connect(TensorId from, TensorId to) {
  if (to != kNone) importer_.connect(from, to, name_);
}

std::optional<std::vector<int64_t>> OpContext::folded_ints(TensorId id) {
  const std::optional<graph::Tensor> tensor = importer_.fold(id);
  return tensor ? ints_of(*tensor) : std::nullopt;
}

std::optional<std::vector<float>> OpContext::folded_floats(TensorId id) {
  const std::optional<graph::Tensor> tensor = importer_.fold(id);
  return tensor ? floats_of(*tensor) : std::nullopt;
}

std::optional<bool> OpContext::folded_bool(TensorId id) {
  const std::optional<graph::Tensor> tensor = importer_.fold(id);
  return tensor ? bool_of(*tensor) : std::nullopt;
}

}  // namespace motley::convert
