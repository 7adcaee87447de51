// Asking libmotley_tables, which reads dispatch tables. It is loaded when the first session names one.
#pragma once

#include "table/entry.hpp"

namespace motley::table {

// Throws Error(not_found) where the library is not there or is of another build. [any]
//
// The library stands beside libmotley, or in the folder lib beside a program's own; MOTLEY_TABLE_READER names another
// file, or "off" for none.
const TableReader& load_reader();

// A table's file by way of the library. Throws as load_reader() and read_table().
std::shared_ptr<const Table> load_table(const std::filesystem::path& path);

}  // namespace motley::table
