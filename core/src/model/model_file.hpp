// Reading and writing .motley files. The format is in docs/model-format.md.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "graph/graph.hpp"
#include "motley/limits.hpp"

namespace motley::model {

// Maps the file; constants point into the mapping, which lives as long as any of them. Everything is checked before
// use: header, checksum of the graph part, FlatBuffer, and that every index, type, size and attribute kind fits. Throws
// Error(io), Error(invalid_model) or Error(limit), naming the file.
graph::Module read_model(const std::filesystem::path& path, const Limits& limits = {});
// The same from memory; constants point into `bytes`, kept alive by `owner`. `what` names it in messages.
graph::Module read_model(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner, const Limits& limits = {},
                         const std::string& what = "the model");

// As above without the two checksums, so that a fuzzer reaches what stands behind them.
graph::Module read_model_ignoring_checksums(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                                            const Limits& limits = {}, const std::string& what = "the model");

// Writes to a temporary file beside `path`, syncs and renames: the file is whole or absent. `progress` gets bytes
// written and total, may be empty. Equal constants are stored once.
void write_model(const graph::Module& module, const std::filesystem::path& path,
                 const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace motley::model
