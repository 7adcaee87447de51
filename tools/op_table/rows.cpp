// Rows from the one table, and attributes from the text of the schema.
#include <sstream>

#include "table.hpp"

namespace motley::op_table {

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
#define MOTLEY_PRIMITIVE(op, kind, min_in, max_in, min_out, max_out, section, inputs, types, result, meaning) \
  {Kind::primitive, schema::Op::op, schema::Attributes::kind, #section, inputs, types, result, meaning, ""},
#define MOTLEY_CONTROL(op, kind, min_in, max_in, min_out, max_out, section, inputs, types, result, meaning) \
  {Kind::control, schema::Op::op, schema::Attributes::kind, #section, inputs, types, result, meaning, ""},
#define MOTLEY_COMPOSITE(op, kind, min_in, max_in, min_out, max_out, infer_rule, lower_rule, section, inputs, types, \
                         result, meaning, lowers_to)                                                                 \
  {Kind::composite, schema::Op::op, schema::Attributes::kind, #section, inputs, types, result, meaning, lowers_to},
#include "graph/ops.inc"
  };
  return all;
}

namespace {

std::string without_comments(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result += line.substr(0, line.find("//")) + '\n';
  return result;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \n\t"), end = text.find_last_not_of(" \n\t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

Fields read_fields(const std::string& schema) {
  const std::string text = without_comments(schema);
  Fields fields;
  for (size_t at = text.find("\ntable "); at != std::string::npos; at = text.find("\ntable ", at + 1)) {
    const size_t open = text.find('{', at), close = text.find('}', at);
    if (open == std::string::npos || close == std::string::npos) break;
    auto& names = fields[trimmed(text.substr(at + 7, open - at - 7))];
    std::istringstream parts(text.substr(open + 1, close - open - 1));
    for (std::string field; std::getline(parts, field, ';');)
      if (const size_t colon = field.find(':'); colon != std::string::npos)
        names.push_back(trimmed(field.substr(0, colon)));
  }
  return fields;
}

}  // namespace motley::op_table
