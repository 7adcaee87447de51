// Which of the formats a file is in.
#include "formats/read.hpp"

#include "formats/fields.hpp"
#include "formats/parts.hpp"
#include "formats/python_json.hpp"
#include "formats/text_file.hpp"

namespace motley::tuner {

namespace {

// "convolution_A100_T4.json.gz" is the kernel "convolution" on "A100", where a T4 file itself says neither.
void name_by_file(Recording& recording, const std::filesystem::path& path) {
  std::string stem = path.filename().string();
  stem = stem.substr(0, stem.find('.'));
  for (const std::string_view ending : {"_T4", "_cache"})
    if (stem.size() > ending.size() && stem.ends_with(ending)) stem.resize(stem.size() - ending.size());
  const size_t underscore = stem.find('_');
  if (recording.kernel.empty()) recording.kernel = stem.substr(0, underscore);
  if (recording.device.empty() && underscore != std::string::npos) recording.device = stem.substr(underscore + 1);
}

// Kernel Tuner leaves a cache open behind the last row's comma while it tunes, and when it is stopped.
std::string closed(std::string text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string::npos || text[last] != ',') return text;
  text.resize(last);
  return text + "}}";
}

json parse(const std::string& text, const std::string& what) {
  return parse_strictly(without_special_numbers(closed(text)), what);
}

}  // namespace

Recording read_recording(const std::filesystem::path& path) {
  const std::string what = "the file \"" + path.string() + "\"";
  const json root = parse(read_text_file(path), what);
  Recording recording;
  if (root.is_object() && root.contains("results")) recording = t4_of(root, what);
  else if (root.is_object() && root.contains("cache")) recording = cache_of(root, what);
  else
    base::fail(ErrorCode::invalid_argument,
               "% is neither T4 (it has no \"results\") nor a Kernel Tuner cache (no \"cache\"): give one of these",
               {what});
  name_by_file(recording, path);
  return recording;
}

Recording read_t4(const std::string& text, const std::string& what) { return t4_of(parse(text, what), what); }
Recording read_cache(const std::string& text, const std::string& what) { return cache_of(parse(text, what), what); }

}  // namespace motley::tuner
