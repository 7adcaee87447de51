// Tables, journals and models to report on. Names in them are such as no sane tool would give.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "graph/graph.hpp"

namespace motley::tuner {

// Ends a script element, begins an image with a handler, and has the two line ends that JSON allows and old JavaScript
// does not.
inline constexpr const char* kHostile = "</script><img src=x onerror=alert(1)>\"'&\xE2\x80\xA8\xE2\x80\xA9<!--";

// A table with one device of plugin "cpu" and `problems` problems; `pace` scales the times of all but the defaults.
nlohmann::json sample_table(size_t problems, double pace = 1);

// A journal of the same device with two problems of 3 parameters and 60 configs, most of which work; some are wrong,
// hang, crash, are invalid, or were never finished; and notes as the tuner writes them.
void write_sample_journal(const std::filesystem::path& path);

// A network of `blocks` blocks of 5 nodes with two branches each; every second block's right branch is named "far…".
// Some names are hostile.
graph::Module sample_network(size_t blocks);

}  // namespace motley::tuner
