// Inputs with the usual checks, errors that name the node, and outputs merged with what the model declares.
#include "graph/infer/context.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "graph/infer/dims.hpp"

namespace motley::graph::infer {

bool is_float(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::bfloat16 ||
         type == DataType::float64;
}

bool is_integer(DataType type) {
  switch (type) {
    case DataType::int8:
    case DataType::uint8:
    case DataType::int16:
    case DataType::uint16:
    case DataType::int32:
    case DataType::uint32:
    case DataType::int64:
    case DataType::uint64: return true;
    default: return false;
  }
}

// ---- errors

namespace {

std::string message(const Graph& graph, const Node& node, const std::string& text) {
  std::string name = node.name;
  for (size_t i = 0; name.empty() && i < node.outputs.size(); ++i)
    if (node.outputs[i] != kNone) name = graph.tensor(node.outputs[i]).name;
  return base::text("node \"%\" (%): %", {name, describe_op(node), text});
}

std::string plural(int64_t count, const char* thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

}  // namespace

void Context::fail(const char* format, std::initializer_list<base::Piece> values) const {
  base::fail(ErrorCode::invalid_model, "%", {message(graph_, node_, base::text(format, values))});
}
void Context::unsupported(const char* format, std::initializer_list<base::Piece> values) const {
  base::fail(ErrorCode::unsupported, "%", {message(graph_, node_, base::text(format, values))});
}

// ---- inputs

size_t Context::input_count() const {
  size_t count = node_.inputs.size();
  while (count > 0 && node_.inputs[count - 1] == kNone) --count;
  return count;
}

const Tensor& Context::input(size_t i) const {
  if (!has(i)) fail("input % is missing", {i});
  return graph_.tensor(node_.input(i));
}

bool Context::has_elements(size_t i) const {
  if (!has(i)) return false;
  const Dims* dims = shape(i);
  return !dims ||
         std::none_of(dims->begin(), dims->end(), [](const Dim& dim) { return dim.known() && dim.value == 0; });
}

std::optional<Elements> Context::values(size_t i) const {
  const Tensor& tensor = input(i);
  if (tensor.is_constant()) return read_constant(tensor);
  const Elements* elements = values_ ? values_->find(node_.input(i)) : nullptr;
  return elements ? std::optional<Elements>(*elements) : std::nullopt;
}

std::optional<Elements> Context::shape_values(size_t i, const char* what) const {
  require_index_type(i, what);
  require_rank(i, 0, 1, what);
  if (std::optional<Elements> elements = values(i)) return elements;
  const std::optional<int64_t> count = value_count(input(i));
  return count ? std::optional<Elements>(Elements(static_cast<size_t>(*count))) : std::nullopt;
}

std::optional<std::vector<int64_t>> Context::numbers(size_t i, const char* what) const {
  const std::optional<Elements> elements = shape_values(i, what);
  if (!elements) return std::nullopt;
  std::vector<int64_t> result;
  for (const Element& element : *elements) {
    if (!element.known) return std::nullopt;
    result.push_back(element.integer);
  }
  return result;
}

Element Context::scalar(size_t i, const char* what) const {
  const std::optional<Elements> elements = shape_values(i, what);
  if (!elements) return {};
  if (elements->size() != 1)
    fail("% has % (expected 1)", {what, plural(static_cast<int64_t>(elements->size()), "element")});
  return elements->front();
}

// ---- checks

size_t Context::axis(int64_t axis, size_t rank, const char* what) const {
  const int64_t n = static_cast<int64_t>(rank);
  if (axis < -n || axis >= n) {
    fail("% (%) is out of range for rank %%",
         {what, axis, rank, (rank == 0 ? "" : base::text(" (expected % to %)", {-n, n - 1}))});
  }
  return static_cast<size_t>(axis < 0 ? axis + n : axis);
}

AxisList Context::axes(const std::vector<int64_t>& axes, size_t rank) const {
  AxisList result;
  for (int64_t value : axes) {
    const size_t at = axis(value, rank);
    if (std::find(result.begin(), result.end(), at) != result.end()) fail("axis (%) is listed twice", {value});
    result.push_back(at);
  }
  return result;
}

void Context::require_type(size_t i, unsigned types, const char* what) const {
  const Tensor& tensor = input(i);
  const bool quantized = is_integer(tensor.type) && !tensor.quantization.empty();
  const bool ok = ((types & kFloat) && (is_float(tensor.type) || quantized)) ||
                  ((types & kInteger) && is_integer(tensor.type)) ||
                  ((types & kBool) && tensor.type == DataType::bool_);
  if (ok) return;
  const char* expected = types == kFloat     ? "a floating-point type"
                         : types == kInteger ? "an integer type"
                         : types == kBool    ? "bool"
                         : types == kNumeric ? "a number type"
                                             : "a type";
  fail("% is of type % (expected %)", {what, graph::to_string(tensor.type), expected});
}

void Context::require_index_type(size_t i, const char* what) const {
  if (type(i) != DataType::int64 && type(i) != DataType::int32)
    fail("% is of type % (expected int64 or int32)", {what, graph::to_string(type(i))});
}

void Context::require_type_is(size_t i, DataType expected, const char* what) const {
  if (type(i) != expected)
    fail("% is of type % (expected %)", {what, graph::to_string(type(i)), graph::to_string(expected)});
}

void Context::require_same_type(size_t i, size_t j) const {
  if (type(i) == type(j) || !input(i).quantization.empty() || !input(j).quantization.empty()) return;
  fail("inputs % and % are of different types (% and %)", {j, i, graph::to_string(type(j)), graph::to_string(type(i))});
}

void Context::require_rank(size_t i, size_t low, size_t high, const char* what) const {
  const Dims* dims = shape(i);
  if (!dims || (dims->size() >= low && dims->size() <= high)) return;
  std::string expected = low == high ? std::to_string(low) : base::text("% to %", {low, high});
  fail("% has rank %, shape % (expected rank %)", {what, dims->size(), graph::to_string(*dims), expected});
}

void Context::require_shape(size_t i, const Dims& dims, const char* what) const {
  const Dims* actual = shape(i);
  if (!actual) return;
  bool ok = actual->size() == dims.size();
  for (size_t d = 0; ok && d < dims.size(); ++d) ok = !differ((*actual)[d], dims[d]);
  if (!ok) fail("% has shape % (expected %)", {what, graph::to_string(*actual), graph::to_string(dims)});
}

void Context::require_broadcasts_to(size_t i, const Dims& dims, const char* what) const {
  const Dims* actual = shape(i);
  if (!actual) return;
  bool ok = actual->size() <= dims.size();
  for (size_t d = 0; ok && d < actual->size(); ++d) {
    const Dim& from = (*actual)[actual->size() - 1 - d];
    ok = (from.known() && from.value == 1) || !differ(from, dims[dims.size() - 1 - d]);
  }
  if (!ok) fail("% of shape % does not broadcast to %", {what, graph::to_string(*actual), graph::to_string(dims)});
}

// ---- outputs

void check_shape(const std::string& where, DataType type, const Dims& dims) {
  // Zero counts as one: strides of an empty tensor must fit too.
  int64_t bytes = static_cast<int64_t>(std::max<size_t>(element_bytes(type), 1));
  for (const Dim& dim : dims) {
    if (dim.value < -1) base::fail(ErrorCode::invalid_model, "% has a negative dimension (%)", {where, dim.value});
    if (dim.value > 1 && __builtin_mul_overflow(bytes, dim.value, &bytes))
      base::fail(ErrorCode::invalid_model, "% of shape % is larger than 64-bit sizes can count",
                 {where, graph::to_string(dims)});
  }
}

bool Context::any_input_quantized() const {
  return std::any_of(node_.inputs.begin(), node_.inputs.end(),
                     [&](TensorId id) { return id != kNone && !graph_.tensor(id).quantization.empty(); });
}

void Context::set(size_t i, DataType type, std::optional<Dims> shape) {
  if (!writes(i)) return;
  Tensor& tensor = graph_.tensor(node_.output(i));
  const std::string where = base::text("output \"%\"", {tensor.name});
  if (tensor.type == DataType::undefined) tensor.type = type;
  else if (tensor.type != type && !any_input_quantized())  // how a quantized result is stored is the model's choice
    fail("% is declared % but is %", {where, graph::to_string(tensor.type), graph::to_string(type)});

  if (!shape) {
    if (tensor.shape) check_shape(message(graph_, node_, where), tensor.type, *tensor.shape);
    return;
  }
  if (tensor.shape) {
    const Dims& declared = *tensor.shape;
    const auto contradiction = [&] {
      fail("% is declared % but is %; correct or remove the declaration",
           {where, graph::to_string(declared), graph::to_string(*shape)});
    };
    if (declared.size() != shape->size()) contradiction();
    for (size_t d = 0; d < declared.size(); ++d)
      if (differ(declared[d], (*shape)[d])) contradiction();
    for (size_t d = 0; d < declared.size(); ++d) {
      Dim& dim = (*shape)[d];
      if (!dim.known() && (declared[d].known() || dim.symbol.empty())) dim = declared[d];
    }
  }
  check_shape(message(graph_, node_, where), tensor.type, *shape);
  tensor.shape = std::move(shape);
}

}  // namespace motley::graph::infer
