// What libmotley_tables shows.
#include "table/entry.hpp"

#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

namespace motley::table {

namespace {

std::shared_ptr<const Table> read_safely(const std::string& text, const std::string& what, Refusal& refusal) {
  try {
    return std::make_shared<const Table>(table_of(parse_document(text, what)));
  } catch (const Error& error) {
    refusal = {error.code(), error.what()};
  } catch (const std::exception& error) {
    refusal.sentence = error.what();
  }
  return nullptr;
}

}  // namespace

const TableReader kTableReader{read_safely, make_lookup};

}  // namespace motley::table

extern "C" __attribute__((visibility("default"))) const motley::table::TableReader* motley_tables_entry(
    const char* build, size_t table_bytes, size_t answer_bytes) {
  using namespace motley::table;
  const bool same =
      std::strcmp(build, MOTLEY_VERSION) == 0 && table_bytes == sizeof(Table) && answer_bytes == sizeof(Answer);
  return same ? &kTableReader : nullptr;
}
