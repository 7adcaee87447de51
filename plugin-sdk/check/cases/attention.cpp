// Attention: lengths around a block, shared heads, sizes around a vector, and each option.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

namespace {

struct Sizes {
  int64_t queries, keys, heads, groups, size, value_size, past = 0;
};

constexpr int64_t kBatch = 2;

void attention(CaseList& list, const Sizes& s, schema::AttentionAttributesT a, bool flat, const Input& mask,
               const std::string& what) {
  const auto operand = [&](int64_t heads, int64_t steps, int64_t size) {
    return Input{flat ? std::vector<int64_t>{kBatch, steps, heads * size}
                      : std::vector<int64_t>{kBatch, heads, steps, size}};
  };
  a.q_num_heads = flat ? s.heads : 0;
  a.kv_num_heads = flat ? s.groups : 0;
  std::vector<Input> inputs = {operand(s.heads, s.queries, s.size), operand(s.groups, s.keys, s.size),
                               operand(s.groups, s.keys, s.value_size), mask};
  if (s.past > 0)
    for (int64_t size : {s.size, s.value_size}) inputs.push_back({{kBatch, s.groups, s.past, size}});
  list.add(Op::Attention, std::move(a), std::move(inputs), s.past > 0 ? 3 : 1,
           std::to_string(s.queries) + " x " + std::to_string(s.past) + "+" + std::to_string(s.keys) + ", heads " +
               std::to_string(s.heads) + "/" + std::to_string(s.groups) + ", size " + std::to_string(s.size) + "/" +
               std::to_string(s.value_size) + (flat ? ", flat" : "") + what);
}

Input no_mask() {
  Input absent;
  absent.absent = true;
  return absent;
}

void masks(CaseList& list) {
  // A mask of truth values drawn at random may hide every key of a query.
  for (DataType type : {DataType::float32, DataType::bool_})
    for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
             {9}, {1}, {3, 9}, {3, 1}, {1, 9}, {4, 3, 9}, {4, 1, 1}, {2, 1, 1, 9}, {2, 4, 3, 9}, {3, 5}, {2, 1, 3, 2}})
      for (bool causal : {false, true}) {
        schema::AttentionAttributesT a;
        a.is_causal = causal;
        attention(
            list, {3, 9, 4, 2, 8, 8}, a, causal, {shape, type},
            ", mask " + shape_text(shape) + (type == DataType::bool_ ? " bool" : "") + (causal ? ", causal" : ""));
      }
}

void options(CaseList& list) {
  for (bool flat : {false, true})
    for (int64_t queries : {1, 7}) {
      schema::AttentionAttributesT a;
      const Sizes s{queries, 11, 6, 2, 16, 8}, with_past{queries, queries, 6, 2, 16, 64, 5};
      a.scale = 0.3f;
      attention(list, s, a, flat, no_mask(), ", scale");
      a.softcap = 1.5f;
      attention(list, s, a, flat, no_mask(), ", scale, softcap");
      attention(list, s, a, flat, {{queries, 11}}, ", scale, softcap, mask");
      attention(list, with_past, a, flat, {{queries, 5 + queries}}, ", all options but causal");
      a.is_causal = true;
      attention(list, with_past, a, flat, {{queries, 5 + queries}}, ", all options");
      attention(list, with_past, a, flat, no_mask(), ", causal");
    }
}

}  // namespace

void attention_cases(CaseList& list) {
  int turn = 0;
  for (int64_t queries : {1, 3, 17, 65})
    for (int64_t keys : {1, 17, 65, 300})
      for (int64_t size : {1, 5, 16, 64})
        for (int64_t groups : {1, 2}) {
          schema::AttentionAttributesT a;
          const int64_t heads = groups * (turn % 3 + 1);
          a.is_causal = ++turn % 4 == 0;
          attention(list, {queries, keys, heads, groups, size, turn % 5 == 0 ? 2 * size : size}, a, turn % 2 == 0,
                    no_mask(), a.is_causal ? ", causal" : "");
        }
  masks(list);
  options(list);
}

}  // namespace motley::check
