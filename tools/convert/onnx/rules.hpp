// Which handler serves an op from which operator set version on.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace motley::convert {

class OpContext;

// One form of an op: in force from version `since` of its domain until the next row of the same op.
struct OpRule {
  const char* op;
  int since;
  int min_inputs, max_inputs;  // counted as written, absent ones included; the first min_inputs must be there
  int max_outputs;
  void (*import)(OpContext&);  // null: the op was removed in this version
  // For handlers that serve several ops: an enumerator of schema/model.fbs.
  int function = 0;
  // Attributes of functions of one element, and their defaults.
  const char* alpha_name = nullptr;
  float alpha = 0;
  const char* beta_name = nullptr;
  float beta = 0;
  const char* domain = "";
  bool takes_lists = false;  // sequences and optionals among its inputs
};

inline constexpr int kAny = 1 << 30;

// The rule in force; null where the op is unknown, or younger than `version`.
const OpRule* find_rule(std::string_view domain, std::string_view op, int64_t version);
// Every row, in the order of the files.
std::vector<const OpRule*> all_rules();

// The reason to give for an op without a rule: why it is refused, or from which version on it is known.
std::string why_unknown(std::string_view domain, std::string_view op, int64_t version);

// "" for the default domain under any of its names.
std::string_view plain_domain(std::string_view domain);

// The tables, one per file of ops/.
namespace ops {
std::span<const OpRule> unary();
std::span<const OpRule> binary();
std::span<const OpRule> types();
std::span<const OpRule> movement();
std::span<const OpRule> indexing();
std::span<const OpRule> shape();
std::span<const OpRule> convolution();
std::span<const OpRule> pooling();
std::span<const OpRule> normalization();
std::span<const OpRule> reduction();
std::span<const OpRule> matmul();
std::span<const OpRule> quantization();
std::span<const OpRule> microsoft_quantized();
std::span<const OpRule> recurrent();
std::span<const OpRule> vision();
std::span<const OpRule> attention();
std::span<const OpRule> control_flow();
std::span<const OpRule> decomposed();
std::span<const OpRule> losses();
std::span<const OpRule> signal();
std::span<const OpRule> matrices();
std::span<const OpRule> sequences();
std::span<const OpRule> stateful();
std::span<const OpRule> experimental();
// com.microsoft
std::span<const OpRule> contrib_attention();
std::span<const OpRule> contrib_decoder();
std::span<const OpRule> contrib_norm();
std::span<const OpRule> contrib_fused();
std::span<const OpRule> contrib_nbits();
}  // namespace ops

}  // namespace motley::convert
