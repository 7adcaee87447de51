// The table as Markdown.
#include <set>
#include <stdexcept>

#include "table.hpp"

namespace motley::op_table {

namespace {

constexpr const char* kEnd = "<!-- end -->";

std::string attribute_text(const Row& row, const Fields& fields) {
  std::string text;
  for (const std::string& name : fields.at(schema::EnumNameAttributes(row.attributes))) {
    const bool fused = name == "activation" && row.kind == Kind::primitive;
    text += (text.empty() ? "" : ", ") + (fused ? "*" + name + "*" : name);
  }
  return text.empty() ? "–" : text;
}

// What the document says of a device that was not asked; "–" where it says nothing.
std::string kept_text(const std::string& section, const std::string& op, const Device& device) {
  const auto found = device.kept.find(section + "/" + op);
  return found == device.kept.end() ? "–" : found->second;
}

std::string claim_text(const Row& row, const Device& device) {
  if (!device.kept.empty()) return kept_text(row.section, schema::EnumNameOp(row.op), device);
  const auto found = device.claims.find(schema::EnumNameOp(row.op));
  const Claim claim = found == device.claims.end() ? Claim{} : found->second;
  if (claim.taken > 0) return claim.taken == claim.asked ? "✓" : "partly";
  return row.kind == Kind::composite ? "lowered" : row.kind == Kind::control ? "core" : "–";
}

std::string section_text(const std::string& section, const Fields& fields, const std::vector<Device>& devices) {
  bool lowered = false;
  for (const Row& row : rows()) lowered |= row.section == section && row.kind == Kind::composite;
  std::string text = "| op | inputs | attributes | types | result | what it does |";
  text += lowered ? " lowers to |" : "";
  std::string line = lowered ? "|---|---|---|---|---|---|---|" : "|---|---|---|---|---|---|";
  for (const Device& device : devices) {
    text += " " + device.name + " |";
    line += "---|";
  }
  text += "\n" + line + "\n";
  for (const Row& row : rows()) {
    if (row.section != section) continue;
    text += std::string("| ") + schema::EnumNameOp(row.op) + " | " + row.inputs + " | " + attribute_text(row, fields) +
            " | " + row.types + " | " + row.result + " | " + row.meaning + " |";
    if (lowered) text += std::string(" ") + row.lowers_to + " |";
    for (const Device& device : devices) text += " " + claim_text(row, device) + " |";
    text += "\n";
  }
  return text;
}

// "all", "all but a, b", with "(partly)" behind functions that are taken in some of the cases.
std::string functions_taken(const std::set<std::string>& labels, const Device& device) {
  std::string missing;
  size_t none = 0;
  for (const std::string& label : labels) {
    const auto found = device.claims.find(label);
    const Claim claim = found == device.claims.end() ? Claim{} : found->second;
    if (claim.asked == claim.taken) continue;
    none += claim.taken == 0;
    missing += (missing.empty() ? "" : ", ") + label.substr(label.find('(') + 1);
    missing.pop_back();
    if (claim.taken > 0) missing += " (partly)";
  }
  if (none == labels.size()) return "–";
  return missing.empty() ? "all" : "all but " + missing;
}

std::string functions_text(const std::vector<Device>& devices) {
  std::string text = "| op | functions |", line = "|---|---|";
  for (const Device& device : devices) {
    text += " " + device.name + " |";
    line += "---|";
  }
  text += "\n" + line + "\n";
  for (const Row& row : rows()) {
    const std::string prefix = std::string(schema::EnumNameOp(row.op)) + "(";
    std::set<std::string> labels;
    for (const Device& device : devices)
      for (const auto& [label, claim] : device.claims)
        if (label.rfind(prefix, 0) == 0) labels.insert(label);
    if (labels.empty()) continue;
    std::string names;
    for (const std::string& label : labels)
      names += (names.empty() ? "" : ", ") + label.substr(prefix.size(), label.size() - prefix.size() - 1);
    text += std::string("| ") + schema::EnumNameOp(row.op) + " | " + names + " |";
    for (const Device& device : devices)
      text += " " +
              (device.kept.empty() ? functions_taken(labels, device)
                                   : kept_text("functions", schema::EnumNameOp(row.op), device)) +
              " |";
    text += "\n";
  }
  return text;
}

}  // namespace

std::string fill_in(const std::string& document, const Fields& fields, const std::vector<Device>& devices) {
  std::set<std::string> sections{"functions"};
  for (const Row& row : rows()) sections.insert(row.section);
  std::string text = document;
  for (const std::string& section : sections) {
    const std::string begin = "<!-- ops: " + section + " -->\n";
    const size_t at = text.find(begin), from = at + begin.size();
    const size_t end = at == std::string::npos ? at : text.find(kEnd, from);
    if (end == std::string::npos)
      throw std::runtime_error("the document has no block for the section (" + section +
                               "); add \"<!-- ops: " + section + " -->\" and \"" + kEnd + "\" on lines of their own");
    text.replace(from, end - from,
                 section == "functions" ? functions_text(devices) : section_text(section, fields, devices));
  }
  return text;
}

}  // namespace motley::op_table
