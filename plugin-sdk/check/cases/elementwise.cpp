// Unary, Binary, Compare, Logical, Where, Cast.
#include "../cases.hpp"

namespace motley::check {

using schema::BinaryFunction;
using schema::CompareFunction;
using schema::DataType;
using schema::LogicalFunction;
using schema::Op;
using schema::UnaryFunction;
using Input = CaseList::Input;

namespace {

const std::vector<std::vector<int64_t>> kShapes = {
    {}, {1}, {17}, {3, 5}, {1, 3, 7, 5}, {2, 17, 1, 1}, {4, 1031}, {0, 3}, {2, 3, 1, 2, 5}};

// Where a function is defined and accurate to compare.
Fill domain(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::sqrt:
    case UnaryFunction::rsqrt:
    case UnaryFunction::log:
    case UnaryFunction::reciprocal: return {0.1, 9};
    case UnaryFunction::asin:
    case UnaryFunction::acos:
    case UnaryFunction::atanh: return {-0.95, 0.95};
    case UnaryFunction::acosh: return {1.05, 9};
    case UnaryFunction::tan: return {-1.4, 1.4};
    case UnaryFunction::round:
    case UnaryFunction::floor:
    case UnaryFunction::ceil: return {-9, 9};
    default: return {-6, 6};
  }
}

void unary(CaseList& list) {
  for (UnaryFunction function : schema::EnumValuesUnaryFunction()) {
    const bool logical = function == UnaryFunction::logical_not, bits = function == UnaryFunction::bitwise_not;
    for (DataType type : {DataType::float32, DataType::float16, DataType::int32, DataType::bool_}) {
      if (logical != (type == DataType::bool_) || bits != (type == DataType::int32)) continue;
      for (const auto& shape : kShapes) {
        schema::UnaryAttributesT a;
        a.function = function;
        a.alpha = function == UnaryFunction::clip ? -1.5f : 0.3f;
        a.beta = function == UnaryFunction::clip ? 2.5f : 0.6f;
        list.add(Op::Unary, a, {{shape, type, domain(function)}}, 1,
                 std::string(schema::EnumNameDataType(type)) + " " + shape_text(shape));
      }
    }
  }
}

const std::vector<std::pair<std::vector<int64_t>, std::vector<int64_t>>> kPairs = {{{17}, {17}},
                                                                                   {{3, 5}, {5}},
                                                                                   {{3, 5}, {3, 1}},
                                                                                   {{2, 3, 4, 5}, {1, 3, 1, 1}},
                                                                                   {{1, 17, 3, 3}, {1, 17, 3, 3}},
                                                                                   {{4, 1}, {1, 7}},
                                                                                   {{2, 33}, {}},
                                                                                   {{}, {2, 3}},
                                                                                   {{0, 4}, {1, 4}},
                                                                                   {{5, 1, 3, 1}, {2, 1, 9}}};

void binary(CaseList& list) {
  for (BinaryFunction function : schema::EnumValuesBinaryFunction()) {
    const bool bits = function >= BinaryFunction::shift_left;
    const bool shift = function == BinaryFunction::shift_left || function == BinaryFunction::shift_right;
    for (DataType type : {DataType::float32, DataType::int32, DataType::uint8, DataType::int64}) {
      if (bits && type == DataType::float32) continue;
      if (shift && type != DataType::uint8) continue;
      if (function == BinaryFunction::prelu && type != DataType::float32) continue;
      for (const auto& [a_shape, b_shape] : kPairs) {
        const bool divides =
            function == BinaryFunction::div || function == BinaryFunction::mod || function == BinaryFunction::fmod;
        const bool power = function == BinaryFunction::pow;
        schema::BinaryAttributesT a;
        a.function = function;
        const Fill left = power ? Fill{0.2, 3} : Fill{-6, 6}, right = divides          ? Fill{1, 6}
                                                                      : power || shift ? Fill{0, 3}
                                                                                       : Fill{-6, 6};
        list.add(
            Op::Binary, a, {{a_shape, type, left}, {b_shape, type, right}}, 1,
            std::string(schema::EnumNameDataType(type)) + " " + shape_text(a_shape) + " with " + shape_text(b_shape));
      }
    }
  }
  for (UnaryFunction function : {UnaryFunction::relu, UnaryFunction::sigmoid, UnaryFunction::clip}) {
    schema::BinaryAttributesT a;
    a.function = BinaryFunction::add;
    a.activation = schema::Activation(-0.5f, 1.5f, function);
    list.add(Op::Binary, a, {{{2, 17, 3}}, {{17, 1}}}, 1, "fused activation");
  }
}

}  // namespace

void elementwise_cases(CaseList& list) {
  unary(list);
  binary(list);
  for (const auto& [a, b] : kPairs) {
    for (CompareFunction function : schema::EnumValuesCompareFunction()) {
      schema::CompareAttributesT attributes;
      attributes.function = function;
      for (DataType type : {DataType::float32, DataType::int64})
        list.add(Op::Compare, attributes, {{a, type}, {b, type}}, 1,
                 std::string(schema::EnumNameDataType(type)) + " " + shape_text(a) + " with " + shape_text(b));
    }
    for (LogicalFunction function : schema::EnumValuesLogicalFunction()) {
      schema::LogicalAttributesT attributes;
      attributes.function = function;
      list.add(Op::Logical, attributes, {{a, DataType::bool_}, {b, DataType::bool_}}, 1,
               shape_text(a) + " with " + shape_text(b));
    }
    list.add(Op::Where, schema::NoAttributesT{}, {{a, DataType::bool_}, {b}, {a}}, 1,
             shape_text(a) + " with " + shape_text(b));
  }
  for (DataType from :
       {DataType::float32, DataType::int32, DataType::int64, DataType::uint8, DataType::bool_, DataType::float16}) {
    for (DataType to :
         {DataType::float32, DataType::int32, DataType::int64, DataType::uint8, DataType::bool_, DataType::float16}) {
      schema::CastAttributesT attributes;
      attributes.to = to;
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {17}, {2, 3, 5}, {0}})
        list.add(Op::Cast, attributes, {{shape, from, {0, 9}}}, 1,
                 std::string(schema::EnumNameDataType(from)) + " to " + schema::EnumNameDataType(to) + " " +
                     shape_text(shape));
    }
  }
}

}  // namespace motley::check
