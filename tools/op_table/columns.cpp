// The columns of devices that a document already has.
#include <algorithm>

#include "table.hpp"

namespace motley::op_table {

namespace {

// "| a | b |" → a, b.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> parts;
  for (size_t begin = line.find('|'); begin != std::string::npos;) {
    const size_t end = line.find('|', begin + 1);
    if (end == std::string::npos) break;
    std::string cell = line.substr(begin + 1, end - begin - 1);
    cell.erase(0, cell.find_first_not_of(' '));
    cell.erase(cell.find_last_not_of(' ') + 1);
    parts.push_back(std::move(cell));
    begin = end;
  }
  return parts;
}

}  // namespace

std::vector<Device> columns_of(const std::string& document) {
  const std::string begin = "<!-- ops: ";
  std::vector<Device> devices;
  std::string section;
  std::vector<std::string> head;
  for (size_t at = 0; at < document.size();) {
    const size_t end = std::min(document.find('\n', at), document.size());
    const std::string line = document.substr(at, end - at);
    at = end + 1;
    if (line.rfind(begin, 0) == 0) section = line.substr(begin.size(), line.find(" -->") - begin.size());
    if (line.rfind("<!-- end", 0) == 0) section.clear();
    if (section.empty() || line.rfind("| ", 0) != 0) continue;
    const std::vector<std::string> row = cells(line);
    if (row.front() == "op") {
      head = row;
      continue;
    }
    const std::string last_own = section == "functions" ? "functions" : "what it does";
    auto own = std::find(head.begin(), head.end(), "lowers to");
    if (own == head.end()) own = std::find(head.begin(), head.end(), last_own);
    if (own == head.end() || row.size() != head.size()) continue;
    for (auto i = static_cast<size_t>(own - head.begin()) + 1; i < head.size(); ++i) {
      auto device = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.name == head[i]; });
      if (device == devices.end()) device = devices.insert(devices.end(), Device{head[i], {}, {}});
      device->kept[section + "/" + row.front()] = row[i];
    }
  }
  return devices;
}

}  // namespace motley::op_table
