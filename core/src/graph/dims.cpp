// The process's symbols.
#include "graph/dims.hpp"

#include <mutex>
#include <set>

#include "base/text.hpp"

namespace motley::graph {

Symbol::Symbol(std::string_view text) {
  if (text.empty()) return;
  struct Table {
    std::mutex mutex;
    std::set<std::string> texts;  // its elements stay where they are
    size_t bytes = 0;
  };
  static Table& table = *new Table;  // never destroyed: symbols outlive all static destructors
  const std::lock_guard lock(table.mutex);
  std::string copy(text);
  const auto known = table.texts.find(copy);
  if (known != table.texts.end()) {
    text_ = &*known;
    return;
  }
  table.bytes += text.size() + 64;  // about what a node of the table takes
  if (table.bytes <= kMaxSymbolBytes) text_ = &*table.texts.insert(std::move(copy)).first;
}

const std::string& Symbol::text() const {
  static const std::string& none = *new std::string;
  return text_ ? *text_ : none;
}

}  // namespace motley::graph
