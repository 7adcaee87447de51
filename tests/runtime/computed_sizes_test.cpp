// Ops whose result has a size that the network computes, each in a network of its own, on both plugins.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

struct Result {
  std::vector<int64_t> shape;
  std::vector<float> values;
  bool operator==(const Result& o) const { return shape == o.shape && values == o.values; }
};
void PrintTo(const Result& r, std::ostream* out) {
  *out << "shape";
  for (int64_t d : r.shape) *out << ' ' << d;
  *out << ", values";
  for (float v : r.values) *out << ' ' << v;
}

// x (2,4) holds 0 to 7; n holds whole numbers, and k = n + n is computed. The op reads x and k; its result is negated, so
// that something comes after it.
class ComputedSizes : public testing::Test {
 protected:
  using Build = std::function<TensorId(Graph&, TensorId x, TensorId k)>;

  static Model model(size_t count, const Build& build, std::optional<DataType> k_type = std::nullopt) {
    graph::Module module;
    module.graphs.emplace_back();
    Graph& g = module.main();
    const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(2), Dim(4)});
    const TensorId n = tensor(g, "n", DataType::int64, Dims{Dim(static_cast<int64_t>(count))});
    g.inputs = {x, n};
    TensorId k = node(g, "k", Op::Binary, {n, n}, DataType::int64, binary(schema::BinaryFunction::add));
    if (k_type) k = node(g, "k_cast", Op::Cast, {k}, *k_type, cast_to(*k_type));
    const TensorId result = build(g, x, k);
    g.outputs = {node(g, "y", Op::Unary, {result}, DataType::float32, unary(schema::UnaryFunction::neg))};
    return Model::from_module(std::move(module));
  }

  static Result run(Session& s, const std::vector<int64_t>& n) {
    std::vector<float> x(8);
    std::iota(x.begin(), x.end(), 0.0f);
    s.input("x").copy_from(x);
    s.input("n").copy_from(n);
    s.run();
    const auto y = s.output("y");
    Result result{{y.shape().begin(), y.shape().end()}, {}};
    for (float v : y.as<float>()) result.values.push_back(v == 0 ? 0 : -v);
    return result;
  }

  // Two sizes in turn; the second time they plan nothing.
  static void expect(const Model& model, const std::vector<int64_t>& n1, const Result& want1,
                     const std::vector<int64_t>& n2, const Result& want2) {
    const Runtime rt = runtime_with();
    for (const char* device : {"cpu", "reference"}) {
      SCOPED_TRACE(device);
      Session s = rt.compile(model, {.devices = {device}});
      EXPECT_EQ(run(s, n1), want1);
      EXPECT_EQ(run(s, n2), want2);
      const size_t plans = s.plans_made();
      EXPECT_EQ(run(s, n1), want1);
      EXPECT_EQ(run(s, n2), want2);
      EXPECT_EQ(s.plans_made(), plans);
    }
  }
};

TEST_F(ComputedSizes, TopK) {
  expect(model(1,
               [](Graph& g, TensorId x, TensorId k) {
                 const TensorId y = tensor(g, "top", DataType::float32), i = tensor(g, "top_i", DataType::int64);
                 g.add_node("topk", Op::TopK, {x, k}, {y, i}, schema::TopKAttributesT());
                 return y;
               }),
         {1}, {{2, 2}, {3, 2, 7, 6}}, {2}, {{2, 4}, {3, 2, 1, 0, 7, 6, 5, 4}});
}

TEST_F(ComputedSizes, Slice) {
  expect(model(1,
               [](Graph& g, TensorId x, TensorId k) {
                 return node(g, "cut", Op::Slice, {x, g.add_int64("start", {0}), k, g.add_int64("axis", {1})},
                             DataType::float32, schema::NoAttributesT());
               }),
         {1}, {{2, 2}, {0, 1, 4, 5}}, {0}, {{2, 0}, {}});
}

TEST_F(ComputedSizes, Resize) {
  expect(model(2,
               [](Graph& g, TensorId x, TensorId k) {
                 schema::ResizeAttributesT a;
                 a.coordinates = schema::ResizeCoordinates::asymmetric;
                 a.rounding = schema::ResizeRounding::floor;
                 return node(g, "sized", Op::Resize, {x, graph::kNone, graph::kNone, k}, DataType::float32, a);
               }),
         {1, 1}, {{2, 2}, {0, 2, 4, 6}}, {2, 2}, {{4, 4}, {0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7}});
}

TEST_F(ComputedSizes, Expand) {
  expect(model(1,
               [](Graph& g, TensorId x, TensorId k) {
                 schema::AxisAttributesT axis;
                 const TensorId shape = node(g, "shape", Op::Concat, {k, g.add_int64("rest", {1, 1})}, DataType::int64,
                                             axis);
                 return node(g, "wide", Op::Expand, {x, shape}, DataType::float32, schema::NoAttributesT());
               }),
         {1}, {{2, 2, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}}, {0}, {{0, 2, 4}, {}});
}

TEST_F(ComputedSizes, ConstantOfShape) {
  expect(model(2,
               [](Graph& g, TensorId, TensorId k) {
                 schema::FillAttributesT a;
                 a.type = DataType::float32;
                 const float value = 3;
                 a.value.resize(4);
                 std::memcpy(a.value.data(), &value, 4);
                 return node(g, "filled", Op::ConstantOfShape, {k}, DataType::float32, a);
               }),
         {1, 1}, {{2, 2}, {3, 3, 3, 3}}, {1, 0}, {{2, 0}, {}});
}

TEST_F(ComputedSizes, OneHotDepth) {
  expect(model(1,
               [](Graph& g, TensorId, TensorId k) {
                 const TensorId depth = node(g, "depth", Op::Squeeze, {k}, DataType::int64, schema::AxesAttributesT());
                 return node(g, "hot", Op::OneHot,
                             {g.add_int64("classes", {0, 3}), depth,
                              constant<float>(g, "off_on", DataType::float32, {2}, {0, 1})},
                             DataType::float32, schema::OneHotAttributesT());
               }),
         {1}, {{2, 2}, {1, 0, 0, 0}}, {2}, {{2, 4}, {1, 0, 0, 0, 0, 0, 0, 1}});
}

TEST_F(ComputedSizes, Pad) {
  expect(model(4,
               [](Graph& g, TensorId x, TensorId k) {
                 return node(g, "padded", Op::Pad, {x, k}, DataType::float32, schema::PadAttributesT());
               }),
         {0, 0, 0, 1}, {{2, 6}, {0, 1, 2, 3, 0, 0, 4, 5, 6, 7, 0, 0}}, {0, -1, 0, 0}, {{2, 2}, {2, 3, 6, 7}});
}

TEST_F(ComputedSizes, Tile) {
  expect(model(2,
               [](Graph& g, TensorId x, TensorId k) {
                 return node(g, "tiled", Op::Tile, {x, k}, DataType::float32, schema::NoAttributesT());
               }),
         {1, 0}, {{4, 0}, {}}, {1, 1},
         {{4, 8}, {0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7}});
}

TEST_F(ComputedSizes, Reshape) {
  expect(model(2,
               [](Graph& g, TensorId x, TensorId k) {
                 return node(g, "reshaped", Op::Reshape, {x, k}, DataType::float32, schema::ReshapeAttributesT());
               }),
         {1, 2}, {{2, 4}, {0, 1, 2, 3, 4, 5, 6, 7}}, {2, 1}, {{4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}});
}

TEST_F(ComputedSizes, RangeLimits) {
  const auto range = [](DataType type) {
    return [type](Graph& g, TensorId, TensorId k) {
      const TensorId limit = node(g, "limit", Op::Squeeze, {k}, type, schema::AxesAttributesT());
      const TensorId start = type == DataType::int64 ? constant<int64_t>(g, "start", type, {}, {1})
                                                     : constant<float>(g, "start", type, {}, {1});
      const TensorId step = type == DataType::int64 ? constant<int64_t>(g, "step", type, {}, {1})
                                                    : constant<float>(g, "step", type, {}, {1});
      const TensorId numbers = node(g, "numbers", Op::Range, {start, limit, step}, type, schema::NoAttributesT());
      if (type == DataType::float32) return numbers;
      return node(g, "as_float", Op::Cast, {numbers}, DataType::float32, cast_to(DataType::float32));
    };
  };
  expect(model(1, range(DataType::int64)), {2}, {{3}, {1, 2, 3}}, {0}, {{0}, {}});
  expect(model(1, range(DataType::float32), DataType::float32), {2}, {{3}, {1, 2, 3}}, {0}, {{0}, {}});
}

TEST_F(ComputedSizes, Split) {
  expect(model(2,
               [](Graph& g, TensorId x, TensorId k) {
                 const TensorId a = tensor(g, "left", DataType::float32), b = tensor(g, "right", DataType::float32);
                 schema::SplitAttributesT split;
                 split.axis = 1;
                 g.add_node("split", Op::Split, {x, k}, {a, b}, split);
                 return b;
               }),
         {1, 1}, {{2, 2}, {2, 3, 6, 7}}, {0, 2}, {{2, 4}, {0, 1, 2, 3, 4, 5, 6, 7}});
}

TEST_F(ComputedSizes, NonZero) {
  expect(model(3,
               [](Graph& g, TensorId, TensorId k) {
                 const TensorId found = node(g, "found", Op::NonZero, {k}, DataType::int64, schema::NoAttributesT());
                 return node(g, "as_float", Op::Cast, {found}, DataType::float32, cast_to(DataType::float32));
               }),
         {5, 0, 2}, {{1, 2}, {0, 2}}, {0, 0, 0}, {{1, 0}, {}});
}

// With an axis, and over all elements. Another condition with as many true elements plans nothing.
TEST_F(ComputedSizes, CompressWithAComputedCondition) {
  const auto compress = [](bool has_axis) {
    return [has_axis](Graph& g, TensorId x, TensorId k) {
      schema::CompressAttributesT a;
      a.has_axis = has_axis;
      a.axis = -1;
      return node(g, "kept", Op::Compress, {x, k}, DataType::float32, a);
    };
  };
  const Model along = model(4, compress(true), DataType::bool_);
  expect(along, {1, 0, 1, 0}, {{2, 2}, {0, 2, 4, 6}}, {0, 0, 0, 0}, {{2, 0}, {}});
  expect(model(5, compress(false), DataType::bool_), {1, 0, 0, 0, 1}, {{2}, {0, 4}}, {1, 1, 1, 1, 1},
         {{5}, {0, 1, 2, 3, 4}});
  const Runtime rt = runtime_with();
  Session s = rt.compile(along);
  EXPECT_EQ(run(s, {1, 0, 1, 0}), (Result{{2, 2}, {0, 2, 4, 6}}));
  const size_t plans = s.plans_made();
  EXPECT_EQ(run(s, {0, 1, 0, 1}), (Result{{2, 2}, {1, 3, 5, 7}}));
  EXPECT_EQ(s.plans_made(), plans);
}

// Boxes that follow from the input; how many stay is known afterwards.
TEST_F(ComputedSizes, NonMaxSuppression) {
  expect(model(4,
               [](Graph& g, TensorId, TensorId k) {
                 const TensorId f = node(g, "f", Op::Cast, {k}, DataType::float32, cast_to(DataType::float32));
                 const TensorId scores = node(g, "scores", Op::Reshape, {f, g.add_int64("score_shape", {1, 1, 4})},
                                              DataType::float32, schema::ReshapeAttributesT());
                 const TensorId boxes = constant<float>(g, "boxes", DataType::float32, {1, 4, 4},
                                                        {0, 0, 2, 2, 0, 0, 2, 2, 5, 5, 6, 6, 8, 8, 9, 9});
                 const TensorId kept = node(
                     g, "kept", Op::NonMaxSuppression,
                     {boxes, scores, g.add_int64("most", {9}), constant<float>(g, "iou", DataType::float32, {1}, {0.5f}),
                      constant<float>(g, "least", DataType::float32, {1}, {1.0f})},
                     DataType::int64, schema::NonMaxSuppressionAttributesT());
                 return node(g, "as_float", Op::Cast, {kept}, DataType::float32, cast_to(DataType::float32));
               }),
         {2, 3, 0, 1}, {{2, 3}, {0, 0, 1, 0, 0, 3}}, {0, 0, 0, 0}, {{0, 3}, {}});
}

}  // namespace
}  // namespace motley::test
