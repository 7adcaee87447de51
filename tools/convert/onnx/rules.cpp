// Which handler serves an op from which operator set version on.
#include "onnx/rules.hpp"

#include <algorithm>
#include <map>

#include "convert.hpp"

namespace motley::convert {
namespace {

using Key = std::pair<std::string_view, std::string_view>;  // domain, op
using Index = std::map<Key, std::vector<const OpRule*>>;

const Index& index() {
  static const Index by_name = [] {
    Index result;
    for (const OpRule* rule : all_rules()) result[{rule->domain, rule->op}].push_back(rule);
    for (auto& [key, rules] : result)
      std::stable_sort(rules.begin(), rules.end(),
                       [](const OpRule* a, const OpRule* b) { return a->since < b->since; });
    return result;
  }();
  return by_name;
}

}  // namespace

std::vector<const OpRule*> all_rules() {
  std::vector<const OpRule*> rules;
  for (const auto& table : {ops::unary(),           ops::binary(),       ops::types(),         ops::movement(),
                            ops::indexing(),        ops::shape(),        ops::convolution(),   ops::pooling(),
                            ops::normalization(),   ops::reduction(),    ops::matmul(),        ops::quantization(),
                            ops::recurrent(),       ops::vision(),       ops::attention(),     ops::control_flow(),
                            ops::decomposed(),      ops::losses(),       ops::signal(),        ops::matrices(),
                            ops::sequences(),       ops::stateful(),     ops::experimental(),  ops::contrib_attention(),
                            ops::contrib_decoder(), ops::contrib_norm(), ops::contrib_fused(), ops::contrib_nbits(),
                            ops::microsoft_quantized()})
    for (const OpRule& rule : table) rules.push_back(&rule);
  return rules;
}

std::string_view plain_domain(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

const OpRule* find_rule(std::string_view domain, std::string_view op, int64_t version) {
  const auto found = index().find({plain_domain(domain), op});
  if (found == index().end()) return nullptr;
  const OpRule* best = nullptr;
  for (const OpRule* rule : found->second)
    if (rule->since <= version) best = rule;
  return best;
}

std::vector<SupportedOp> supported_onnx_ops() {
  std::vector<SupportedOp> result;
  for (const auto& [key, rules] : index()) {
    SupportedOp op{std::string(key.first), std::string(key.second), {}};
    for (const OpRule* rule : rules)
      if (rule->import) op.since.push_back(rule->since);
    result.push_back(std::move(op));
  }
  return result;
}

}  // namespace motley::convert
