// MatMul: plain, batched, transposed, with C and activation.
#include "../cases.hpp"

namespace motley::check {

using schema::Op;
using Input = CaseList::Input;

namespace {

void matmul(CaseList& list, std::vector<int64_t> a_shape, std::vector<int64_t> b_shape, bool ta, bool tb,
            bool constant_b, const std::vector<int64_t>* c_shape, schema::UnaryFunction function) {
  schema::MatMulAttributesT a;
  a.transpose_a = ta;
  a.transpose_b = tb;
  a.alpha = c_shape ? 0.5f : 1.0f;
  a.beta = c_shape ? 2.0f : 1.0f;
  a.activation = schema::Activation(0.1f, 0, function);
  const std::string detail = shape_text(a_shape) + (ta ? "T" : "") + " by " + shape_text(b_shape) + (tb ? "T" : "") +
                             (c_shape ? " plus " + shape_text(*c_shape) : "") + (constant_b ? ", constant B" : "");
  std::vector<Input> inputs = {{a_shape}, {b_shape, schema::DataType::float32, {-1, 1}, constant_b}};
  if (c_shape) inputs.push_back({*c_shape});
  list.add(Op::MatMul, a, inputs, 1, detail);
}

}  // namespace

void matmul_cases(CaseList& list) {
  const auto identity = schema::UnaryFunction::identity;
  for (int64_t m : {1, 3, 17, 64})
    for (int64_t n : {1, 5, 33})
      for (int64_t k : {1, 17, 128}) {
        matmul(list, {m, k}, {k, n}, false, false, n != 5, nullptr, identity);
        matmul(list, {k, m}, {n, k}, true, true, n == 5, nullptr, identity);
      }
  const std::vector<int64_t> row = {9}, column = {6, 1}, full = {6, 9}, scalar = {};
  for (const auto* c : {&row, &column, &full, &scalar}) {
    matmul(list, {6, 7}, {7, 9}, false, false, true, c, identity);
    matmul(list, {6, 7}, {9, 7}, false, true, true, c, schema::UnaryFunction::relu);
  }
  matmul(list, {2, 3, 4, 5}, {2, 3, 5, 6}, false, false, false, nullptr, identity);
  matmul(list, {2, 1, 4, 5}, {3, 5, 6}, false, false, false, nullptr, identity);
  matmul(list, {4, 5}, {3, 5, 6}, false, false, true, nullptr, identity);
  matmul(list, {5}, {5, 6}, false, false, true, nullptr, identity);
  matmul(list, {4, 5}, {5}, false, false, true, nullptr, identity);
  matmul(list, {0, 5}, {5, 6}, false, false, true, nullptr, identity);
  matmul(list, {3, 0}, {0, 2}, false, false, false, nullptr, identity);
  matmul(list, {130, 300}, {300, 70}, false, false, true, nullptr, identity);
}

}  // namespace motley::check
