// Unary, Binary, Compare, Logical, Where, Cast.
#include "checks.hpp"
#include "shapes.hpp"

namespace motley::gpu {

namespace {

using schema::BinaryFunction;
using schema::UnaryFunction;

bool is_test(UnaryFunction f) { return f == UnaryFunction::is_nan || f == UnaryFunction::is_inf; }

void check_unary(const NodeView& node, const Capabilities&) {
  const UnaryFunction f = node.attributes<schema::UnaryAttributes>().function();
  require_type(*node.input(0), {DataType::float32, DataType::float16, DataType::int32, DataType::int64, DataType::bool_},
               "input 0");
  require(!is_test(f) || node.input(0)->type == DataType::float32, "a test of float16 not supported");
}

void emit_unary(Emitter& e) {
  const auto& a = e.node.attributes<schema::UnaryAttributes>();
  const TensorView& x = *e.node.input(0);
  const int64_t count = x.elements();
  const auto function = static_cast<int32_t>(a.function());
  const bool real = x.type == DataType::float32 || x.type == DataType::float16;
  if (real && !is_test(a.function())) {
    Call call = elementwise(e, std::string("unary.") + type_name(x.type), count);
    call.constants = {function};
    call.params = Params(count, a.alpha(), a.beta());
    call.uses = {in(e.input(0)), out(e.output(0))};
    call.operations *= 5;
    return e.launch(std::move(call));
  }
  Call call = elementwise(e, real ? "test_float" : std::string("unary_int.") + type_name(x.type), count);
  call.constants = {function};
  // Bounds outside of int32 do not bind where the type is int32, and are out of reach in the shapes that int64 stands for.
  const auto bound = [](float v) {
    return v >= 2147483520.0f ? INT32_MAX : v <= -2147483648.0f ? INT32_MIN : static_cast<int32_t>(v);
  };
  if (real) call.params = Params(count, a.alpha() != 0 ? 1 : 0, a.beta() != 0 ? 1 : 0);
  else call.params = Params(count, bound(a.alpha()), bound(a.beta()));
  call.uses = {in(e.input(0)), out(e.output(0))};
  e.launch(std::move(call));
}

Merged merged_views(const NodeView& node, size_t inputs) {
  const Shape& shape = node.output(0)->shape;
  std::vector<std::vector<int64_t>> strides;
  for (size_t i = 0; i < inputs; ++i) strides.push_back(broadcast(node.input(i)->shape, shape));
  strides.push_back(row_major(shape));
  return merge_dimensions(list(shape), strides);
}

void check_binary(const NodeView& node, const Capabilities&) {
  const TensorView &a = *node.input(0), &b = *node.input(1);
  require_type(a, {DataType::float32, DataType::float16, DataType::int32, DataType::int64}, "input 0");
  require(a.type == b.type, "operands of two types not supported");
  const auto* activation = node.attributes<schema::BinaryAttributes>().activation();
  const bool real = a.type == DataType::float32 || a.type == DataType::float16;
  require(real || !activation || activation->function() == UnaryFunction::identity ||
              activation->function() == UnaryFunction::relu,
          "this activation of integers not supported");
  check_rank(merged_views(node, 2));
}

void emit_binary(Emitter& e) {
  const auto& a = e.node.attributes<schema::BinaryAttributes>();
  const Merged m = merged_views(e.node, 2);
  const int64_t count = e.node.output(0)->elements();
  const Epilogue epilogue(a.activation());
  Call call = elementwise(e, std::string("binary.") + type_name(e.node.output(0)->type), count);
  const auto step = [&](size_t view) {
    const int64_t s = m.strides[view].back();
    return m.extents.size() > 1 ? 1 : s == 0 || s == 1 ? static_cast<int32_t>(s) : -1;
  };
  call.constants = {static_cast<int32_t>(a.function()), epilogue.function, static_cast<int32_t>(m.extents.size()), step(0), step(1)};
  call.params = Params(count, epilogue.alpha, epilogue.beta);
  call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0).add_all(m.strides[1], 6, 0);
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  e.launch(std::move(call));
}

void check_compare(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32, DataType::float16, DataType::int32, DataType::int64, DataType::uint8,
                                DataType::int8, DataType::bool_}, "input 0");
  check_rank(merged_views(node, 2));
}

void emit_pair(Emitter& e, int32_t function) {
  const Merged m = merged_views(e.node, 2);
  const int64_t count = e.node.output(0)->elements();
  Call call = elementwise(e, std::string("compare.") + type_name(e.node.input(0)->type), count);
  call.constants = {function, static_cast<int32_t>(m.extents.size())};
  call.params = Params(count);
  call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0).add_all(m.strides[1], 6, 0);
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  e.launch(std::move(call));
}
void emit_compare(Emitter& e) {
  emit_pair(e, static_cast<int32_t>(e.node.attributes<schema::CompareAttributes>().function()));
}
void emit_logical(Emitter& e) {
  emit_pair(e, 6 + static_cast<int32_t>(e.node.attributes<schema::LogicalAttributes>().function()));
}

void check_where(const NodeView& node, const Capabilities&) { check_rank(merged_views(node, 3)); }

void emit_where(Emitter& e) {
  const Merged m = merged_views(e.node, 3);
  const int64_t count = e.node.output(0)->elements();
  Call call = elementwise(e, std::string("where.") + size_name(e.node.output(0)->type), count);
  call.constants = {static_cast<int32_t>(m.extents.size())};
  call.params = Params(count);
  call.params.add_all(m.extents, 6, 1);
  for (size_t i = 0; i < 3; ++i) call.params.add_all(m.strides[i], 6, 0);
  call.uses = {in(e.input(0)), in(e.input(1)), in(e.input(2)), out(e.output(0))};
  e.launch(std::move(call));
}

void check_cast(const NodeView& node, const Capabilities&) {
  const auto known = {DataType::float32, DataType::float16, DataType::int8, DataType::uint8,
                      DataType::int32,   DataType::int64,   DataType::bool_};
  if (node.input(0)->type == node.output(0)->type) return;
  require_type(*node.input(0), known, "input 0");
  require_type(*node.output(0), known, "output 0");
}

void emit_cast(Emitter& e) {
  const TensorView &x = *e.node.input(0), &y = *e.node.output(0);
  if (x.type == y.type) return emit_bytes_copy(e, e.input(0), e.output(0), x.elements(), x.type);
  Call call = elementwise(e, std::string("cast.") + type_name(x.type) + "." + type_name(y.type), x.elements());
  call.params = Params(x.elements());
  call.uses = {in(e.input(0)), out(e.output(0))};
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& elementwise_ops() {
  static const auto* table = new std::vector<OpEntry>{
      op<reference::unary_kernel, check_unary>(emit_unary),       op<reference::binary_kernel, check_binary>(emit_binary),
      op<reference::compare_kernel, check_compare>(emit_compare), op<reference::logical_kernel, check_compare>(emit_logical),
      op<reference::where_kernel, check_where>(emit_where),       op<reference::cast_kernel, check_cast>(emit_cast)};
  return *table;
}

}  // namespace motley::gpu
