// The table of ops as documents show it: what core/src/graph/ops.inc says, attributes from the schema, and who runs it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "motley/schema/model_generated.h"

namespace motley::op_table {

enum class Kind { primitive, composite, control };

struct Row {
  Kind kind;
  schema::Op op;
  schema::Attributes attributes;
  const char* section;  // of docs/ops.md
  const char* inputs;
  const char* types;
  const char* result;
  const char* meaning;
  const char* lowers_to;  // "" for other than composites
};
const std::vector<Row>& rows();

// Table of the schema → its fields in order. Read from the text of model.fbs.
using Fields = std::map<std::string, std::vector<std::string>>;
Fields read_fields(const std::string& schema);

// What a device says when asked to run the probes of one op or function.
struct Claim {
  int asked = 0, taken = 0;
};
// "Conv" and "Unary(relu)" → claim. Asks the first device of the plugin in `library`. Throws std::runtime_error where
// there is none on this machine.
std::map<std::string, Claim> ask(const std::string& library);

// A column. Of a device that can't be asked here, what a document says of it is kept.
struct Device {
  std::string name;
  std::map<std::string, Claim> claims;
  std::map<std::string, std::string> kept = {};  // "SECTION/OP" → cell
};
// The columns of devices that the document has, each with its cells kept.
std::vector<Device> columns_of(const std::string& document);

// `document` with every generated block written anew. A block stands between "<!-- ops: SECTION -->" and
// "<!-- end -->". Throws std::runtime_error where a section has no block.
std::string fill_in(const std::string& document, const Fields& fields, const std::vector<Device>& devices);

}  // namespace motley::op_table
