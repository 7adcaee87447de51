// The border between libmotley and libmotley_tables, which reads dispatch tables: one function, found by name. Both sides
// are of one build, which the string tells; so C++ objects cross, and Motley's exceptions don't.
#pragma once

#include "table/lookup.hpp"

namespace motley::table {

// Why a table is refused.
struct Refusal {
  ErrorCode code = ErrorCode::internal;
  std::string sentence;
};

// What the library does. [any]
struct TableReader {
  // See parse_document and table_of. Null with a reason in `refusal`.
  std::shared_ptr<const Table> (*read)(const std::string& text, const std::string& what, Refusal& refusal);
  std::unique_ptr<Lookup> (*look_up)(const Table& table, const std::string& plugin, const Fingerprint& here);
};

inline constexpr const char* kEntryName = "motley_tables_entry";
// Null where `build` is not the library's own.
using EntryFn = const TableReader* (*)(const char* build, size_t table_bytes, size_t answer_bytes);

// The reader in code that the library is linked into.
extern const TableReader kTableReader;

}  // namespace motley::table
