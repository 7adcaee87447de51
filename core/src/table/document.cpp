// From a table's text to its rows.
#include "table/document.hpp"

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "table/facts.hpp"
#include "table/fields.hpp"

namespace motley::table {

using nlohmann::json;

namespace {

// Index of the device that has this id, or -1.
int32_t find_device(const json::array_t& devices, const std::string& id) {
  for (size_t i = 0; i < devices.size(); ++i)
    if (text_of(devices[i], "id") == id) return static_cast<int32_t>(i);
  return -1;
}

void check_schema(const json& document, const std::string& what) {
  if (!document.is_object())
    base::fail(ErrorCode::invalid_argument, "% is % and not an object: write { … }",
               {what, base::short_text(document)});
  const json* schema = member(document, "schema");
  if (!schema) base::fail(ErrorCode::invalid_argument, "% lacks \"schema\": add it", {what});
  if (!schema->is_string() || text_of(document, "schema") != kSchema)
    base::fail(ErrorCode::invalid_argument, "% has another \"schema\" (%) than this version reads (%): tune again",
               {what, base::short_text(*schema), kSchema});
}

void check_hash(const json& document, const std::string& text, const std::string& what) {
  const json* given = member(document, "sha256");
  if (!given) base::fail(ErrorCode::invalid_argument, "% lacks \"sha256\": add it", {what});
  const std::string hash = hash_of(text);
  if (hash.empty())
    base::fail(ErrorCode::invalid_argument,
               "% has no line \"sha256\" of its own at the top level: write it as the tool does", {what});
  if (!given->is_string() || text_of(document, "sha256") != hash)
    base::fail(ErrorCode::invalid_argument,
               "% has another hash (%) than its \"sha256\" says (%): it is damaged or was edited",
               {what, hash, base::short_text(*given)});
}

// Whether rows name devices that there are.
class DeviceCheck {
 public:
  DeviceCheck(const json& document, const std::string& what)
      : document_(document), devices_(list_of(document, "devices")), what_(what) {}

  void run() const {
    if (devices_.size() > kMostDevices)
      base::fail(ErrorCode::limit, "% lists too many devices (%, at most %): split it",
                 {what_, devices_.size(), kMostDevices});
    if (find_device(devices_, "host") >= 0)
      base::fail(
          ErrorCode::invalid_argument,
          "% lists a device with the id \"host\", by which \"transfers\" call the host's memory: give it another",
          {what_});
    for (const json& device : devices_)
      if (&devices_[static_cast<size_t>(find_device(devices_, text_of(device, "id")))] != &device)
        base::fail(ErrorCode::invalid_argument, "% lists a device twice (%): remove one",
                   {what_, text_of(device, "id")});
    for (const json& row : list_of(document_, "kernels")) check(text_of(row, "device"), "kernels");
    for (const json& row : list_of(document_, "transfers"))
      for (const char* end : {"from", "to"})
        if (text_of(row, end) != "host") check(text_of(row, end), "transfers");
    for (const json& plan : list_of(document_, "plans")) {
      for (const json& id : list_of(plan, "devices")) check(*id.get_ptr<const std::string*>(), "plans");
      for (const json& segment : list_of(plan, "segments")) check(text_of(segment, "device"), "plans");
    }
  }

 private:
  void check(const std::string& id, const char* list) const {
    if (find_device(devices_, id) < 0)
      base::fail(ErrorCode::invalid_argument,
                 "a row of \"%\" of % names a device (%) that is not among \"devices\": list it", {list, what_, id});
  }

  const json& document_;
  const json::array_t& devices_;
  const std::string& what_;
};

// One config per node, where there are any.
void check_configs(const json& document, const std::string& what) {
  for (const json& plan : list_of(document, "plans"))
    for (const json& segment : list_of(plan, "segments"))
      if (const json* configs = member(segment, "configs");
          configs && configs->size() != list_of(segment, "nodes").size())
        base::fail(ErrorCode::invalid_argument,
                   "a segment of \"plans\" of % has % \"configs\" for % \"nodes\" (plan %): give one for each",
                   {what, configs->size(), list_of(segment, "nodes").size(), text_of(plan, "graph_hash")});
}

// The upper end of an interval lies above its middle.
void check_ratios(const json& document, const std::string& what) {
  for (const json& row : list_of(document, "kernels"))
    if (number_of(row, "ratio_high") < number_of(row, "ratio_vs_default"))
      base::fail(ErrorCode::invalid_argument,
                 "a row of \"kernels\" of % has a \"ratio_high\" below its \"ratio_vs_default\" (%): correct it",
                 {what, text_of(row, "problem_key")});
}

std::string lines_of(const json& fingerprint, const char* kind) {
  std::string lines;
  for (const auto& [key, value] : *member(fingerprint, kind)->get_ptr<const json::object_t*>())
    add_fact(lines, base::text("%=%", {key, *value.get_ptr<const std::string*>()}));
  return lines;
}

// Index of a device that is known to be listed; kHostMemory for the host.
uint32_t index_of(const json::array_t& devices, const std::string& id) {
  return static_cast<uint32_t>(find_device(devices, id));
}

TransferRow transfer_of(const json& row, const json::array_t& devices) {
  return {index_of(devices, text_of(row, "from")), index_of(devices, text_of(row, "to")), text_of(row, "kind"),
          whole_of(row, "alpha_ns"), whole_of(row, "beta_ps_per_byte")};
}

PlanRow plan_of(const json& row, const json::array_t& devices) {
  PlanRow plan;
  plan.graph_hash = text_of(row, "graph_hash");
  plan.objective = text_of(row, "objective");
  plan.expected_ns = whole_of(row, "expected_ns");
  if (member(row, "error")) plan.error = number_of(row, "error");
  for (const json& id : list_of(row, "devices"))
    plan.devices.push_back(index_of(devices, *id.get_ptr<const std::string*>()));
  for (const json& segment : list_of(row, "segments")) {
    plan.segments.push_back({index_of(devices, text_of(segment, "device")), {}, {}});
    for (const json& node : list_of(segment, "nodes"))
      plan.segments.back().nodes.push_back(*node.get_ptr<const std::string*>());
    if (!member(segment, "configs")) continue;
    for (const json& config : list_of(segment, "configs"))
      plan.segments.back().configs.push_back(*config.get_ptr<const std::string*>());
  }
  if (member(row, "cuts"))
    for (const json& cut : list_of(row, "cuts"))
      plan.cuts.push_back({text_of(cut, "node"), whole_of(cut, "axis"), whole_of(cut, "first")});
  return plan;
}

}  // namespace

std::string hash_of(const std::string& text) {
  static constexpr char kBegin[] = "\n \"sha256\": \"";
  const size_t at = text.find(kBegin);
  if (at == std::string::npos) return {};
  const size_t end = text.find('\n', at + 1);
  if (end == std::string::npos) return {};
  std::string rest = text;
  rest.erase(at, end - at);
  return base::sha256_hex(rest.data(), rest.size());
}

json parse_document(const std::string& text, const std::string& what) {
  json document = base::parse_json(text, what, ErrorCode::invalid_argument, {kMostBytes, kMostDepth});
  check_schema(document, what);
  check_hash(document, text, what);
  check_fields(document, kDocument, what);
  DeviceCheck(document, what).run();
  check_ratios(document, what);
  check_configs(document, what);
  return document;
}

Table table_of(const json& document) {
  Table table;
  const json::array_t& devices = list_of(document, "devices");
  for (const json& d : devices) {
    const json& print = *member(d, "fingerprint");
    table.devices.push_back({text_of(d, "id"),
                             text_of(d, "plugin"),
                             {lines_of(print, "hw"), lines_of(print, "driver"), lines_of(print, "kernels")}});
  }
  for (const json& k : list_of(document, "kernels")) {
    KernelRow row;
    row.problem = text_of(k, "problem_key");
    row.config = text_of(k, "config");
    row.device = index_of(devices, text_of(k, "device"));
    row.runs = static_cast<uint32_t>(whole_of(k, "runs"));
    row.median_ns = whole_of(k, "median_ns");
    row.mad_ns = whole_of(k, "mad_ns");
    row.ratio = number_of(k, "ratio_vs_default");
    row.ratio_high = number_of(k, "ratio_high");
    row.max_rel = number_of(*member(k, "error"), "max_rel");
    if (member(k, "candidate")) row.candidate = text_of(k, "candidate");
    table.kernels.push_back(std::move(row));
  }
  for (const json& row : list_of(document, "transfers")) table.transfers.push_back(transfer_of(row, devices));
  for (const json& row : list_of(document, "plans")) table.plans.push_back(plan_of(row, devices));
  return table;
}

json read_document(const std::filesystem::path& path) {
  return parse_document(base::read_small_file(path, kMostBytes), base::text("the table \"%\"", {path.string()}));
}

Table read_table(const std::filesystem::path& path) { return table_of(read_document(path)); }

}  // namespace motley::table
