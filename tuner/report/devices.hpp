// The devices that the inputs of a report name: those of tables by id, those of journals by fingerprint.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "table/document.hpp"

namespace motley::tuner {

class ReportDevices {
 public:
  // The devices of a document as table::parse_document returns it.
  void add_table(const nlohmann::json& document);
  // The id of a journal's fingerprint ("class key=value" lines). A device of a table with the same hardware and driver
  // is that device; else it is a new one, named after the hash of its fingerprint.
  const std::string& of_journal(const std::string& fingerprint);

  // [{id, plugin, fingerprint: {hw, driver, kernels}}]; `plugin` is "" where only a journal names the device.
  nlohmann::json facts() const;

 private:
  std::vector<table::DeviceRow> devices_;
  std::map<std::string, std::string> by_journal_;  // fingerprint → id
};

}  // namespace motley::tuner
