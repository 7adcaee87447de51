// What a short list throws when it is full or too short.
#include "base/short_list.hpp"

#include <stdexcept>

#include "base/text.hpp"

namespace motley::base {

void list_overflow(size_t capacity) {
  throw std::length_error(text("more dimensions than there may be (at most %)", {capacity}));
}

void list_too_short(size_t index) { throw std::out_of_range(text("a shape has no dimension %", {index})); }

}  // namespace motley::base
