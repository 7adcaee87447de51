// Tables, durations, sizes and shapes as text.
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace motley::cli {

namespace {

// Of the character that begins there, in UTF-8: how many bytes, where a terminal would obey it in place of showing it.
// C0 and C1 controls, and what turns the direction of writing.
size_t control_size(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) return 2;
  if (byte(0) != 0xe2) return 0;
  const bool turns = byte(1) == 0x80 ? byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xaa && byte(2) <= 0xae)
                                     : byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
  return turns ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text, Newlines newlines) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const bool newline = text[at] == '\n' && newlines == Newlines::keep;
    const size_t control = newline ? 0 : control_size(text.substr(at));
    result += control ? '?' : text[at];
    at += control ? control : 1;
  }
  return result;
}

std::string duration_text(double ns) {
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.2f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

std::string bytes_text(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.1f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.2f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string shape_text(std::span<const int64_t> shape, std::span<const std::string> symbols) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += 'x';
    if (shape[i] >= 0) text += std::to_string(shape[i]);
    else text += i < symbols.size() && !symbols[i].empty() ? symbols[i] : "?";
  }
  return text;
}

Table::Table(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
  rows_.push_back(std::move(titles));
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(right_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::string_view indent) const {
  std::vector<size_t> widths(right_.size(), 0);
  for (const auto& row : rows_)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (size_t c = 0; c < row.size(); ++c) {
      if (c) line += "  ";
      line += right_[c] ? fmt::format("{:>{}}", row[c], widths[c]) : fmt::format("{:<{}}", row[c], widths[c]);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + '\n';
  }
  return text;
}

}  // namespace motley::cli
