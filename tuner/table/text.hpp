// The one text of a dispatch table: one row per line, keys and rows in order, and its hash.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace motley::tuner {

// A document in canonical form: devices renamed after what they are (their plugin and the hash of their fingerprint),
// the same device once, rows sorted and each once, nothing that the schema doesn't know. Two documents that say the
// same are equal afterwards. `document` has all fields but "schema" and "sha256", which need not be there. Throws
// Error(invalid_argument), Error(limit).
nlohmann::json canonical(const nlohmann::json& document);

// The text of a canonical document, with its hash. table::parse_document reads it back.
std::string table_text(const nlohmann::json& canonical_document);

// Writes the table of a document so that the old file or the new one is there whatever happens: a temporary file,
// synced, renamed, its folder synced. Throws Error(io) and what canonical() throws.
void publish_table(const nlohmann::json& document, const std::filesystem::path& path);

// An empty document, for rows to be put in.
nlohmann::json empty_document(const std::string& tool);

}  // namespace motley::tuner
