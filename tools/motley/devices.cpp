// motley devices and motley plugins: what there is to run on, and why something is not.
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "common.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct ListOptions {
  PluginOptions plugins;
  bool json = false, explain = false;
};

std::string estimate(double value) { return value > 0 ? fmt::format("{:.0f}", value) : "?"; }

// Those that this device shares memory with, and how.
Json sharers_of(const std::string& device, const std::vector<SharedMemory>& shared) {
  Json list = Json::array();
  for (const SharedMemory& s : shared) {
    if (s.first == device) list.push_back({{"device", s.second}, {"way", s.way}});
    if (s.second == device) list.push_back({{"device", s.first}, {"way", s.way}});
  }
  return list;
}

void devices(const ListOptions& options) {
  const Runtime runtime(options.plugins.runtime());
  options.plugins.warn_of_missing(runtime.plugins());
  const std::vector<SharedMemory> shared = runtime.shared_memory();
  Json json = Json::array();
  Table table({"device", "kind", "vendor", ">GFLOP/s", ">GB/s", ">memory", "description"});
  for (const DeviceInfo& d : runtime.devices()) {
    json.push_back({{"name", d.name},
                    {"plugin", d.plugin},
                    {"kind", to_string(d.kind)},
                    {"vendor", d.vendor},
                    {"description", d.description},
                    {"peak_gflops", d.peak_gflops},
                    {"bandwidth_gbps", d.bandwidth_gbps},
                    {"memory_bytes", d.memory_bytes},
                    {"shares_memory", sharers_of(d.name, shared)}});
    table.row({d.name, to_string(d.kind), d.vendor, estimate(d.peak_gflops), estimate(d.bandwidth_gbps),
               d.memory_bytes ? bytes_text(static_cast<double>(d.memory_bytes)) : "?", d.description});
  }
  if (options.json) print_json(json);
  else if (table.empty()) fmt::print("no device: no plugin could be loaded; `motley plugins --explain` says why\n");
  else fmt::print("{}", table.text());
  for (const SharedMemory& s : shared)
    if (!options.json)
      fmt::print("{} and {} share memory ({}): tensors cross without a copy\n", s.first, s.second, s.way);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void print_explained(const PluginInfo& p) {
  fmt::print("{}  {}\n", printable(p.id), p.loaded ? "loaded" : "not loaded");
  const auto line = [](const char* title, const std::string& text) {
    if (!text.empty()) fmt::print("  {:<9} {}\n", title, printable(text));
  };
  line("why", p.reason);
  line("version", p.version);
  line("vendor", p.vendor);
  line("manifest", p.manifest.string());
  line("library", p.library.string());
  line("devices", joined(p.devices));
}

void plugins(const ListOptions& options) {
  const Runtime runtime(options.plugins.runtime());
  Json json = Json::array();
  Table table({"plugin", "version", "vendor", "loaded", "devices"});
  for (const PluginInfo& p : runtime.plugins()) {
    json.push_back({{"id", p.id},
                    {"version", p.version},
                    {"vendor", p.vendor},
                    {"manifest", p.manifest.string()},
                    {"library", p.library.string()},
                    {"loaded", p.loaded},
                    {"reason", p.reason},
                    {"devices", p.devices}});
    table.row({p.id, p.version, p.vendor, p.loaded ? "yes" : "no", joined(p.devices)});
    if (options.explain && !options.json) print_explained(p);
  }
  if (options.json) print_json(json);
  else if (table.empty())
    fmt::print("no plugin was found; give a folder with --plugin-dir, or install Motley with its plugins\n");
  else if (!options.explain) fmt::print("{}", table.text());
}

}  // namespace

void add_devices(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("devices", "List the devices that models can run on, the fastest first");
  command->footer("Example: motley devices --json");
  command->add_flag("--json", options->json, "Print JSON");
  add_plugin_options(*command, options->plugins);
  command->callback([options] { devices(*options); });
}

void add_plugins(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("plugins", "List every plugin that was found");
  command->footer("Example: motley plugins --explain");
  command->add_flag("--explain", options->explain, "Say for each manifest where it is, and why it is not loaded");
  command->add_flag("--json", options->json, "Print JSON");
  add_plugin_options(*command, options->plugins);
  command->callback([options] { plugins(*options); });
}

}  // namespace motley::cli
