// Sequences and optionals. The IR has tensors only: what a sequence holds, and whether an optional has a value, must be
// known while importing.
#include <algorithm>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

const std::vector<TensorId>& items_of(OpContext& c, size_t input) {
  const std::vector<TensorId>* items = c.sequence(c.required(input));
  if (!items) c.unsupported("a sequence that is not known while importing");
  return *items;
}

// A position in a list of `count`, where −1 is the last one; absent: `otherwise`.
size_t position(OpContext& c, TensorId id, size_t count, size_t otherwise) {
  if (id == kNone) return otherwise;
  const auto given = c.folded_ints(id);
  if (!given) c.unsupported("a position that is not constant");
  const auto size = static_cast<int64_t>(count);
  const int64_t at = given->size() != 1 ? size : (*given)[0] < 0 ? (*given)[0] + size : (*given)[0];
  if (given->size() != 1 || at < 0 || at >= size)
    c.invalid("has a position that is none of its " + std::to_string(count) +
              (given->size() == 1 ? " (" + std::to_string((*given)[0]) + ")" : ""));
  return static_cast<size_t>(at);
}

void sequence_empty(OpContext& c) {
  c.ignore("dtype");
  c.set_sequence(c.out(0), {});
}

void sequence_construct(OpContext& c) {
  for (TensorId id : c.inputs())
    if (id == kNone) c.invalid("has an absent input");
  c.set_sequence(c.out(0), c.inputs());
}

// At the end, where no position is given; the end is a position too.
void sequence_insert(OpContext& c) {
  std::vector<TensorId> items = items_of(c, 0);
  size_t at = items.size();
  if (c.in(2) != kNone) {
    const auto given = c.folded_ints(c.in(2));
    const auto size = static_cast<int64_t>(items.size());
    if (!given) c.unsupported("a position that is not constant");
    if (given->size() != 1 || (*given)[0] < -size || (*given)[0] > size) c.invalid("has a position out of range");
    at = static_cast<size_t>((*given)[0] < 0 ? (*given)[0] + size : (*given)[0]);
  }
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), c.in(1));
  c.set_sequence(c.out(0), std::move(items));
}

void sequence_erase(OpContext& c) {
  std::vector<TensorId> items = items_of(c, 0);
  if (items.empty()) c.invalid("takes an element from an empty sequence");
  const size_t at = position(c, c.in(1), items.size(), items.size() - 1);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  c.set_sequence(c.out(0), std::move(items));
}

void sequence_at(OpContext& c) {
  const std::vector<TensorId>& items = items_of(c, 0);
  c.connect(items[position(c, c.in(1), items.size(), 0)], c.out(0));
}

void sequence_length(OpContext& c) {
  const auto length = static_cast<int64_t>(items_of(c, 0).size());
  c.set_constant(c.out(0), DataType::int64, {}, graph::Constant::copy_of(&length, sizeof length));
}

// Sizes: a list, one for all, or 1 each; with 1 each the axis may go.
void split_to_sequence(OpContext& c) {
  constexpr int64_t kMost = 4096;
  Build b(c);
  const int64_t axis = c.integer("axis", 0);
  const bool keepdims = c.flag("keepdims", true);
  const int64_t extent = known_extent(c, c.in(0), axis);
  if (extent < 0) c.unsupported("an axis whose extent is not known; fix the shapes of the inputs");
  std::vector<int64_t> sizes;
  if (c.in(1) != kNone) {
    const auto given = c.folded_ints(c.in(1));
    if (!given || !c.rank(c.in(1))) c.unsupported("sizes that are not constant");
    if (c.rank(c.in(1)) == 0u) {
      const int64_t each = (*given)[0];
      if (each < 1) c.invalid("splits into parts of " + std::to_string(each));
      for (int64_t left = extent; left > 0 && static_cast<int64_t>(sizes.size()) < kMost; left -= sizes.back())
        sizes.push_back(std::min(each, left));
    } else {
      sizes = *given;
    }
  } else {
    sizes.assign(static_cast<size_t>(std::min(extent, kMost)), 1);
  }
  int64_t sum = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > extent - sum) c.invalid("splits into parts that do not fit its input");
    sum += size;
  }
  if (sum != extent && (static_cast<int64_t>(sizes.size()) < kMost || c.rank(c.in(1)) == 1u))
    c.invalid("splits into parts of " + std::to_string(sum) + " in all (the axis has " + std::to_string(extent) + ")");
  if (static_cast<int64_t>(sizes.size()) >= kMost) c.unsupported("sequences of " + std::to_string(kMost) + " and more");
  std::vector<TensorId> parts = b.split(c.in(0), axis, sizes);
  if (c.in(1) == kNone && !keepdims)
    for (TensorId& part : parts) part = b.squeeze(part, {axis});
  c.set_sequence(c.out(0), std::move(parts));
}

void concat_from_sequence(OpContext& c) {
  Build b(c);
  const int64_t axis = c.integer("axis");
  std::vector<TensorId> items = items_of(c, 0);
  if (items.empty()) c.unsupported("an empty sequence");
  if (c.flag("new_axis", false))
    for (TensorId& item : items) item = b.unsqueeze(item, {axis});
  c.connect(b.concat(std::move(items), axis), c.out(0));
}

// The body for each element; further inputs are sequences of as many, or tensors that are the same for all.
void sequence_map(OpContext& c) {
  constexpr size_t kMost = 1024;
  const std::vector<TensorId> items = items_of(c, 0);
  if (items.size() > kMost) c.unsupported("sequences of more than " + std::to_string(kMost));
  if (static_cast<size_t>(c.graph_attribute("body").output_size()) < c.output_count())
    c.invalid("has more outputs than its body");
  std::vector<std::vector<TensorId>> results(c.output_count());
  for (size_t i = 0; i < items.size(); ++i) {
    std::vector<TensorId> inputs{items[i]};
    for (size_t k = 1; k < c.input_count(); ++k) {
      const std::vector<TensorId>* list = c.sequence(c.required(k));
      if (list && list->size() != items.size())
        c.invalid("maps sequences of " + std::to_string(items.size()) + " and " + std::to_string(list->size()));
      inputs.push_back(list ? (*list)[i] : c.in(k));
    }
    const std::vector<TensorId> outputs = c.inline_graph("body", inputs, std::to_string(i));
    for (size_t k = 0; k < results.size(); ++k) results[k].push_back(outputs[k]);
  }
  for (size_t k = 0; k < results.size(); ++k) c.set_sequence(c.out(k), std::move(results[k]));
}

// An optional that has a value is that value.
void optional(OpContext& c) {
  c.ignore("type");
  if (c.in(0) == kNone) return c.set_empty_optional(c.out(0));
  c.connect(c.in(0), c.out(0));
}

void optional_has_element(OpContext& c) {
  const uint8_t has = c.in(0) != kNone && !c.is_empty_optional(c.in(0)) ? 1 : 0;
  c.set_constant(c.out(0), DataType::bool_, {}, graph::Constant::copy_of(&has, sizeof has));
}

void optional_get_element(OpContext& c) {
  if (c.is_empty_optional(c.in(0))) c.invalid("takes the value of an optional that has none");
  c.connect(c.in(0), c.out(0));
}

constexpr OpRule on_lists(const char* op, int since, int least, int most, int outputs, void (*import)(OpContext&)) {
  return {op, since, least, most, outputs, import, 0, nullptr, 0, nullptr, 0, "", true};
}

constexpr OpRule kRules[] = {
    on_lists("SequenceEmpty", 11, 0, 0, 1, sequence_empty),
    on_lists("SequenceConstruct", 11, 1, kAny, 1, sequence_construct),
    on_lists("SequenceInsert", 11, 2, 3, 1, sequence_insert),
    on_lists("SequenceErase", 11, 1, 2, 1, sequence_erase),
    on_lists("SequenceAt", 11, 2, 2, 1, sequence_at),
    on_lists("SequenceLength", 11, 1, 1, 1, sequence_length),
    on_lists("SplitToSequence", 11, 1, 2, 1, split_to_sequence),
    on_lists("ConcatFromSequence", 11, 1, 1, 1, concat_from_sequence),
    on_lists("SequenceMap", 17, 1, kAny, kAny, sequence_map),
    on_lists("Optional", 15, 0, 1, 1, optional),
    on_lists("OptionalHasElement", 15, 0, 1, 1, optional_has_element),
    on_lists("OptionalGetElement", 15, 1, 1, 1, optional_get_element),
};

}  // namespace

std::span<const OpRule> ops::sequences() { return kRules; }

}  // namespace motley::convert
