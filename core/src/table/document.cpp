// From a table's text to its rows.
#include "table/document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "table/fields.hpp"

namespace motley::table {

using nlohmann::json;

namespace {

const std::string& text_at(const json& object, const char* key) {
  return object.find(key)->get_ref<const std::string&>();
}

// Index of the device that has this id, or -1.
int32_t find_device(const json& devices, const std::string& id) {
  for (size_t i = 0; i < devices.size(); ++i)
    if (text_at(devices[i], "id") == id) return static_cast<int32_t>(i);
  return -1;
}

void check_schema(const json& document, const std::string& what) {
  if (!document.is_object())
    base::fail(ErrorCode::invalid_argument, "% is % and not an object: write { … }", {what, base::short_text(document)});
  const auto schema = document.find("schema");
  if (schema == document.end()) base::fail(ErrorCode::invalid_argument, "% lacks \"schema\": add it", {what});
  if (*schema != kSchema)
    base::fail(ErrorCode::invalid_argument, "% has another \"schema\" (%) than this version reads (%): tune again",
               {what, base::short_text(*schema), kSchema});
}

void check_hash(const json& document, const std::string& text, const std::string& what) {
  const auto given = document.find("sha256");
  if (given == document.end()) base::fail(ErrorCode::invalid_argument, "% lacks \"sha256\": add it", {what});
  const std::string hash = hash_of(text);
  if (hash.empty())
    base::fail(ErrorCode::invalid_argument,
               "% has no line \"sha256\" of its own at the top level: write it as the tool does", {what});
  if (*given != hash)
    base::fail(ErrorCode::invalid_argument, "% has another hash (%) than its \"sha256\" says (%): it is damaged or was edited",
               {what, hash, base::short_text(*given)});
}

void check_device(const json& devices, const std::string& id, const std::string& where) {
  if (find_device(devices, id) < 0)
    base::fail(ErrorCode::invalid_argument, "% names a device (%) that is not among \"devices\": list it", {where, id});
}

void check_devices(const json& document, const std::string& what) {
  const json& devices = *document.find("devices");
  if (devices.size() > kMostDevices)
    base::fail(ErrorCode::limit, "% lists too many devices (%, at most %): split it", {what, devices.size(), kMostDevices});
  for (size_t i = 0; i < devices.size(); ++i)
    if (find_device(devices, text_at(devices[i], "id")) != static_cast<int32_t>(i))
      base::fail(ErrorCode::invalid_argument, "% lists a device twice (%): remove one", {what, text_at(devices[i], "id")});
  for (const json& row : *document.find("kernels"))
    check_device(devices, text_at(row, "device"), base::text("a row of \"kernels\" of %", {what}));
  for (const json& row : *document.find("transfers"))
    for (const char* end : {"from", "to"})
      if (text_at(row, end) != "host")
        check_device(devices, text_at(row, end), base::text("a row of \"transfers\" of %", {what}));
  for (const json& plan : *document.find("plans")) {
    const std::string where = base::text("a row of \"plans\" of %", {what});
    for (const json& id : *plan.find("devices")) check_device(devices, id.get_ref<const std::string&>(), where);
    for (const json& segment : *plan.find("segments")) check_device(devices, text_at(segment, "device"), where);
  }
}

// The upper end of an interval lies above its middle.
void check_ratios(const json& document, const std::string& what) {
  for (const json& row : *document.find("kernels"))
    if (row.find("ratio_high")->get<double>() < row.find("ratio_vs_default")->get<double>())
      base::fail(ErrorCode::invalid_argument, "a row of \"kernels\" of % has a \"ratio_high\" below its \"ratio_vs_default\" (%): correct it",
                 {what, text_at(row, "problem_key")});
}

std::string lines_of(const json& object) {
  std::string lines;
  for (const auto& [key, value] : object.get_ref<const json::object_t&>())  // ascending
    lines += base::text("%=%\n", {key, value.get_ref<const std::string&>()});
  return lines;
}

}  // namespace

std::string hash_of(const std::string& text) {
  static constexpr char kBegin[] = "\n \"sha256\": \"";
  const size_t at = text.find(kBegin);
  if (at == std::string::npos) return {};
  const size_t end = text.find('\n', at + 1);
  if (end == std::string::npos) return {};
  const std::string rest = text.substr(0, at) + text.substr(end);
  return base::sha256_hex(rest.data(), rest.size());
}

json parse_document(const std::string& text, const std::string& what) {
  json document = base::parse_json(text, what, ErrorCode::invalid_argument, {kMostBytes, kMostDepth});
  check_schema(document, what);
  check_hash(document, text, what);
  check_fields(document, kDocument, what);
  check_devices(document, what);
  check_ratios(document, what);
  return document;
}

Table table_of(const json& document) {
  Table table;
  const json& devices = *document.find("devices");
  for (const json& d : devices) {
    const json& print = *d.find("fingerprint");
    table.devices.push_back({text_at(d, "id"), text_at(d, "plugin"),
                             {lines_of(*print.find("hw")), lines_of(*print.find("driver")), lines_of(*print.find("kernels"))}});
  }
  for (const json& k : *document.find("kernels")) {
    KernelRow row;
    row.problem = text_at(k, "problem_key");
    row.config = text_at(k, "config");
    row.device = static_cast<uint32_t>(find_device(devices, text_at(k, "device")));
    row.runs = k.find("runs")->get<uint32_t>();
    row.median_ns = k.find("median_ns")->get<uint64_t>();
    row.mad_ns = k.find("mad_ns")->get<uint64_t>();
    row.ratio = k.find("ratio_vs_default")->get<double>();
    row.ratio_high = k.find("ratio_high")->get<double>();
    table.kernels.push_back(std::move(row));
  }
  return table;
}

json read_document(const std::filesystem::path& path) {
  return parse_document(base::read_small_file(path, kMostBytes), base::text("the table \"%\"", {path.string()}));
}

Table read_table(const std::filesystem::path& path) {
  Table table = table_of(read_document(path));
  table.path = path;
  return table;
}

}  // namespace motley::table
