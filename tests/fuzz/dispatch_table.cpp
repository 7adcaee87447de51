// The reader of dispatch tables, and what is computed from rows that it accepts. Inputs get the right hash, so that
// what stands behind that check is reached.
#include <nlohmann/json.hpp>

#include "table/document.hpp"
#include "table/lookup.hpp"
#include "target.hpp"

namespace {

class Accepting final : public motley::table::Judge {
 public:
  bool accepts(const std::string& config) override { return config.size() % 2 == 0; }
};

std::string resealed(std::string text) {
  static const std::string kBegin = "\n \"sha256\": \"";
  const size_t at = text.find(kBegin);
  const std::string hash = motley::table::hash_of(text);
  if (hash.empty() || at + kBegin.size() + hash.size() > text.size()) return text;
  return text.replace(at + kBegin.size(), hash.size(), hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size, [](std::span<const std::byte> bytes) {
    const std::string text = resealed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const motley::table::Table table = motley::table::table_of(motley::table::parse_document(text, "the table"));
    for (const motley::table::DeviceRow& device : table.devices) {
      const auto lookup = motley::table::make_lookup(table, device.plugin, device.fingerprint);
      Accepting judge;
      for (size_t i = 0; i < table.kernels.size() && i < 50; ++i) lookup->find(table.kernels[i].problem, judge);
    }
  });
}
