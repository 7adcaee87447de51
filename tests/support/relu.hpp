// The op that test devices run.
#pragma once

#include "motley/plugin.hpp"

namespace motley::test {

inline sdk::Reason supports_relu(const sdk::NodeView& node) {
  using schema::UnaryFunction;
  const bool is_relu = node.attributes<schema::UnaryAttributes>().function() == UnaryFunction::relu;
  return is_relu && node.input(0)->type == sdk::DataType::float32 ? sdk::Reason() : "only relu of float32";
}

}  // namespace motley::test
