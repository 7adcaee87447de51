// Reads what the auto-tuning community exchanges: T4 results, T1 spaces, and Kernel Tuner's cache files.
#pragma once

#include <filesystem>
#include <string>

#include "formats/recording.hpp"

namespace motley::tuner {

// All readers are strict about the text: no key twice, 16 levels deep at most; but NaN and Infinity, which Python
// writes, count as null. A row of results that lacks something, or whose times are none, costs only itself
// (Recording::damaged), as long as some config works. They throw
// Error(invalid_argument) or Error(limit) with one sentence that names `what` ("the file \"x.json\"") and the place.

// T4: {schema_version, metadata, results: [...]}. A row's `invalidity` says whether it counts; the values of failed
// rows are ignored.
Recording read_t4(const std::string& text, const std::string& what);

// Kernel Tuner's cache: {device_name, kernel_name, tune_params_keys, tune_params, cache: {"v1,v2": {...}}}.
Recording read_cache(const std::string& text, const std::string& what);

// A file of either kind, also compressed with gzip.
Recording read_recording(const std::filesystem::path& path);

// A T1 file: a kernel's name and its space. A default that is none of the values becomes the first value, as
// published files have such ones.
struct PublishedSpace {
  std::string kernel;
  Space space;
};
PublishedSpace read_t1(const std::string& text, const std::string& what);

}  // namespace motley::tuner
