// A small JSON document as a tree.
#pragma once

#include <vector>

#include "base/json_reader.hpp"

namespace motley::base {

struct JsonTree {
  JsonKind kind = JsonKind::null;
  std::string key;              // of a member
  std::string text;             // see JsonListener::value
  std::vector<JsonTree> inner;  // items of a list, members of an object in the order of the text

  // The member of an object; null where it has none.
  const JsonTree* find(const char* name) const;
  // For messages: a value as it is written, control characters as question marks; of an object or a list only that it
  // is one.
  std::string shown() const;
};

// As read_json; also Error(`code`) for a key that comes twice, and Error(limit) for more than 4096 values: members are
// looked for one by one.
JsonTree read_tree(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits = {});

}  // namespace motley::base
