// Finding and calling the library that reads tables.
#include "table/reader.hpp"

#include "base/file.hpp"
#include "base/part.hpp"
#include "base/text.hpp"

namespace motley::table {

const TableReader& load_reader() {
  static base::Part part{"libmotley_tables.so", "MOTLEY_TABLE_READER", kEntryName};
  std::string wrong;
  const auto entry = reinterpret_cast<EntryFn>(base::load_part(part, wrong));
  const TableReader* const reader = entry ? entry(MOTLEY_VERSION, sizeof(Table), sizeof(Answer)) : nullptr;
  if (entry && !reader) wrong = base::text("% is of another build than libmotley", {part.file});
  if (!reader)
    base::fail(ErrorCode::not_found, "dispatch tables cannot be read (%): put the % of this build beside libmotley",
               {wrong, part.file});
  return *reader;
}

std::shared_ptr<const Table> load_table(const std::filesystem::path& path) {
  const TableReader& reader = load_reader();
  Refusal refusal;
  auto table = reader.read(base::read_small_file(path, kMostBytes), base::text("the table \"%\"", {path.string()}), refusal);
  if (!table) throw Error(refusal.code, refusal.sentence);
  return table;
}

}  // namespace motley::table
