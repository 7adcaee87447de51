// One list of devices out of tables and journals.
#include "report/devices.hpp"

#include <algorithm>

#include "base/sha256.hpp"
#include "table/fingerprint.hpp"
#include "table/rows.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr size_t kHashDigits = 12;

}  // namespace

void ReportDevices::add_table(const json& document) {
  for (const table::DeviceRow& device : table::table_of(document).devices)
    if (std::none_of(devices_.begin(), devices_.end(), [&](const auto& d) { return d.id == device.id; }))
      devices_.push_back(device);
}

const std::string& ReportDevices::of_journal(const std::string& fingerprint) {
  std::string& id = by_journal_[fingerprint];
  if (!id.empty()) return id;
  const table::Fingerprint print = table::parse_fingerprint(fingerprint);
  for (const table::DeviceRow& device : devices_)
    if (!print.hw.empty() && device.fingerprint.hw == print.hw && device.fingerprint.driver == print.driver)
      return id = device.id;
  id = "device-" + base::sha256_hex(fingerprint.data(), fingerprint.size()).substr(0, kHashDigits);
  devices_.push_back({id, "", print});
  return id;
}

json ReportDevices::facts() const {
  json facts = json::array();
  for (const table::DeviceRow& device : devices_)
    facts.push_back(device_row(device.id, device.plugin, device.fingerprint));
  return facts;
}

}  // namespace motley::tuner
