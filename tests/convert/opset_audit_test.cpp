// Every operator of the default domain in every version of its: imported, or refused with a reason.
#include <gtest/gtest.h>

#include <climits>
#include <map>
#include <set>

#include "convert/convert.hpp"
#include "convert/onnx/rules.hpp"

namespace motley::convert {
namespace {

struct Version {
  const char* op;
  int since, needed, inputs, outputs;
  bool removed;
};
constexpr Version kHistory[] = {
#define MOTLEY_OPSET(op, since, needed, inputs, outputs, removed) {#op, since, needed, inputs, outputs, removed},
#include "opset_history.inc"
#undef MOTLEY_OPSET
};
constexpr int kNewest = 23;

// Files have these from before they were standard: an experiment of the first years, and what ONNX Runtime writes.
bool came_early(const std::string& op) { return op == "ThresholdedRelu" || op == "LayerNormalization"; }

int at_most(int count) { return count < 0 ? kAny : count; }

TEST(OpsetAudit, EveryVersionIsImportedOrRefusedWithAReason) {
  size_t imported = 0, refused = 0;
  for (const Version& v : kHistory) {
    SCOPED_TRACE(std::string(v.op) + " of version " + std::to_string(v.since));
    const OpRule* rule = find_rule("", v.op, v.since);
    if (!rule) {
      ++refused;
      const std::string why = why_unknown("", v.op, v.since);
      EXPECT_TRUE(v.removed || (!why.empty() && why != why_unknown("", "NoSuchOperator", v.since))) << why;
      continue;
    }
    if (v.removed) {
      EXPECT_EQ(rule->import, nullptr) << "it does not exist any more";
      continue;
    }
    ++imported;
    ASSERT_NE(rule->import, nullptr);
    EXPECT_LE(rule->min_inputs, v.needed);
    EXPECT_GE(rule->max_inputs, at_most(v.inputs));
    EXPECT_GE(rule->max_outputs, at_most(v.outputs));
  }
  std::printf("%zu versions imported, %zu refused\n", imported, refused);
  EXPECT_GT(imported, 450u);
}

// A rule that begins in another version than the operator's would read some files by the wrong form.
TEST(OpsetAudit, RulesBeginWhereOperatorsChange) {
  std::map<std::string, std::set<int>> versions;
  for (const Version& v : kHistory) versions[v.op].insert(v.since);
  size_t seen = 0;
  for (const OpRule* rule : all_rules()) {
    const auto known = versions.find(rule->op);
    if (*rule->domain || rule->since > kNewest || known == versions.end()) continue;
    if (came_early(rule->op) && rule->since == 1) continue;
    ++seen;
    EXPECT_TRUE(known->second.count(rule->since)) << rule->op << " has no version " << rule->since;
  }
  EXPECT_GT(seen, 180u);
}

// Nothing of a later version is taken for one of an earlier.
TEST(OpsetAudit, OperatorsDoNotExistBeforeTheirTime) {
  std::map<std::string, int> first;
  for (const Version& v : kHistory) {
    const auto [it, fresh] = first.emplace(v.op, v.since);
    if (!fresh) it->second = std::min(it->second, v.since);
  }
  for (const auto& [op, since] : first) {
    if (since == 1 || came_early(op)) continue;
    SCOPED_TRACE(op);
    EXPECT_EQ(find_rule("", op, since - 1), nullptr);
  }
}

}  // namespace
}  // namespace motley::convert
