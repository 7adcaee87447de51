// Matrix multiplication: shapes, batches, transposition, scaling, addends.
#include "against_reference.hpp"

namespace motley::test {
namespace {

struct Product {
  std::vector<int64_t> a, b, y;
  bool transpose_a = false, transpose_b = false, constant_a = false, constant_b = false;
  float alpha = 1, beta = 1;
  std::vector<int64_t> c = {};
  bool has_c = false;
  schema::UnaryFunction activation = schema::UnaryFunction::identity;
};

NodeCase product_case(const Product& p) {
  schema::MatMulAttributesT a;
  a.transpose_a = p.transpose_a;
  a.transpose_b = p.transpose_b;
  a.alpha = p.alpha;
  a.beta = p.beta;
  a.activation = schema::Activation(-0.5f, 0.5f, p.activation);
  Value left = random_value(p.a, 1), right = random_value(p.b, 2);
  left.constant = p.constant_a;
  right.constant = p.constant_b;
  return node_case(Op::MatMul, std::move(a), {left, right, p.has_c ? random_value(p.c, 3) : none()},
                   {output_of<float>(p.y)});
}

void expect_product(Product p, const std::vector<std::string>& configs = {"", "mc=5,kc=3,nc=7"}) {
  for (int constants = 0; constants < 4; ++constants) {
    SCOPED_TRACE("constants " + std::to_string(constants));
    p.constant_a = constants & 1;
    p.constant_b = constants & 2;
    expect_like_reference(product_case(p), {2e-5, 2e-5}, configs);
  }
}

TEST(MatMul, Shapes) {
  for (int64_t m : {1, 3, 17, 50})
    for (int64_t n : {1, 3, 33, 70})
      for (int64_t k : {1, 5, 40}) {
        SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k));
        expect_product({.a = {m, k}, .b = {k, n}, .y = {m, n}});
      }
}

TEST(MatMul, Transposed) {
  for (int64_t m : {1, 7, 40})
    for (int64_t n : {1, 6, 35})
      for (int which = 1; which < 4; ++which) {
        Product p{
            .a = {m, 9}, .b = {9, n}, .y = {m, n}, .transpose_a = (which & 1) != 0, .transpose_b = (which & 2) != 0};
        if (p.transpose_a) std::swap(p.a[0], p.a[1]);
        if (p.transpose_b) std::swap(p.b[0], p.b[1]);
        SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + " " + std::to_string(which));
        expect_product(p);
      }
}

TEST(MatMul, Vectors) {
  expect_product({.a = {20}, .b = {20}, .y = {}});
  expect_product({.a = {20}, .b = {20, 37}, .y = {37}});
  expect_product({.a = {37, 20}, .b = {20}, .y = {37}});
  expect_product({.a = {3, 2, 20}, .b = {20}, .y = {3, 2}});
  expect_product({.a = {20}, .b = {4, 20, 3}, .y = {4, 3}});
}

TEST(MatMul, Batches) {
  expect_product({.a = {2, 3, 5, 4}, .b = {2, 3, 4, 6}, .y = {2, 3, 5, 6}});
  expect_product({.a = {2, 3, 5, 4}, .b = {4, 6}, .y = {2, 3, 5, 6}});
  expect_product({.a = {5, 4}, .b = {3, 4, 6}, .y = {3, 5, 6}});
  expect_product({.a = {2, 1, 5, 4}, .b = {1, 3, 4, 6}, .y = {2, 3, 5, 6}});
  expect_product({.a = {3, 1, 4}, .b = {3, 4, 40}, .y = {3, 1, 40}});
  expect_product({.a = {0, 5, 4}, .b = {4, 6}, .y = {0, 5, 6}});
}

TEST(MatMul, AddendsAndScales) {
  for (const std::vector<int64_t>& c :
       std::vector<std::vector<int64_t>>{{}, {1}, {6}, {5, 1}, {1, 6}, {5, 6}, {1, 1, 6}, {2, 1, 1}, {2, 5, 6}}) {
    SCOPED_TRACE(c.size());
    expect_product({.a = {2, 5, 4}, .b = {4, 6}, .y = {2, 5, 6}, .alpha = 0.5f, .beta = 2, .c = c, .has_c = true});
    expect_product({.a = {2, 5, 4},
                    .b = {4, 6},
                    .y = {2, 5, 6},
                    .c = c,
                    .has_c = true,
                    .activation = schema::UnaryFunction::relu});
  }
  expect_product({.a = {1, 4}, .b = {4, 6}, .y = {1, 6}, .alpha = 3, .beta = 0.25f, .c = {6}, .has_c = true});
  expect_product({.a = {6, 4}, .b = {4, 1}, .y = {6, 1}, .alpha = 3, .c = {6, 1}, .has_c = true});
}

TEST(MatMul, Activations) {
  for (auto f : {schema::UnaryFunction::relu, schema::UnaryFunction::clip, schema::UnaryFunction::gelu})
    for (int64_t m : {1, 20})
      expect_product({.a = {m, 9}, .b = {9, 40}, .y = {m, 40}, .c = {40}, .has_c = true, .activation = f});
}

TEST(MatMul, EveryConfigOfTheSpaceIsRight) {
  const NodeCase c = product_case({.a = {40, 300}, .b = {300, 70}, .y = {40, 70}, .constant_b = true});
  const auto configs = all_configs(c);
  EXPECT_EQ(configs.size(), 36u);
  expect_like_reference(c, {1e-4, 1e-4}, configs);
}

TEST(MatMul, NotANumberStaysWhereItIs) {
  NodeCase c = product_case({.a = {3, 2}, .b = {2, 40}, .y = {3, 40}, .activation = schema::UnaryFunction::relu});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(c.inputs[0].bytes.data(), &nan, sizeof nan);
  expect_like_reference(c);
}

}  // namespace
}  // namespace motley::test
