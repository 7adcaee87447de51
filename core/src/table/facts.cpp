// The facts of a fingerprint: in order, and compared.
#include "table/facts.hpp"

#include <algorithm>

#include "base/environment.hpp"

namespace motley::table {

void add_fact(std::string& lines, std::string fact) {
  fact += '\n';
  size_t at = 0;
  while (at < lines.size()) {
    const size_t end = lines.find('\n', at) + 1;
    const int order = fact.compare(0, fact.size(), lines, at, end - at);
    if (order == 0) return;
    if (order < 0) break;
    at = end;
  }
  lines.insert(at, fact);
}

double agreement(const std::string& a, const std::string& b) {
  const std::vector<std::string> facts = base::split(a, '\n'), others = base::split(b, '\n');
  size_t same = 0;
  for (const std::string& fact : facts) same += std::find(others.begin(), others.end(), fact) != others.end();
  const size_t all = facts.size() + others.size() - same;
  return all == 0 ? 0 : static_cast<double>(same) / static_cast<double>(all);
}

bool has_pairs(const std::string& config, const std::string& pairs) {
  const std::vector<std::string> has = base::split(config, ',');
  for (const std::string& pair : base::split(pairs, ','))
    if (std::find(has.begin(), has.end(), pair) == has.end()) return false;
  return true;
}

}  // namespace motley::table
