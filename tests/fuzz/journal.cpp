// The reader of journals, and what a report makes of them. Lines get the right checksum, so that what stands behind
// that check is reached.
#include "journal/record.hpp"
#include "report/facts.hpp"
#include "target.hpp"

namespace {

using motley::tuner::encode_record;

std::string resealed(const std::string& text) {
  std::string lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    const auto record = nlohmann::json::parse(line, nullptr, false);
    try {
      lines += record.is_object() && !record.empty() ? encode_record(record) : line + "\n";
    } catch (const motley::Error&) {  // too long
      lines += line + "\n";
    }
    at = end + 1;
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size, [](std::span<const std::byte> bytes) {
    const std::string text = resealed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    motley::tuner::ReportInputs inputs;
    inputs.journals.push_back({"journal", motley::tuner::parse_journal(text, "the journal")});
    motley::tuner::report_facts(inputs);
  });
}
