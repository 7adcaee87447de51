// What a short list says when it is full.
#include "base/short_list.hpp"

#include "base/text.hpp"

namespace motley::base {

void list_overflow(size_t capacity) {
  fail(ErrorCode::limit, "a shape would have more than % dimensions, which is the most there may be", {capacity});
}

void list_too_short(size_t index) {
  fail(ErrorCode::invalid_model, "a shape has no dimension %: it has fewer", {index});
}

}  // namespace motley::base
