// Ten thousand damaged tables: each is refused or used, and no result changes.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "mutated_json.hpp"
#include "samples.hpp"
#include "table/document.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

constexpr int kTables = 10'000;

// Strings with bytes that are no UTF-8 cannot be dumped strictly; they are dumped as they are by the writer below.
std::string sealed_or_plain(const json& document) {
  try {
    return sealed(document);
  } catch (const json::exception&) {
    return resealed(document.dump(1, ' ', false, json::error_handler_t::ignore));
  }
}

std::string mutated(const json& document, const std::string& text, std::mt19937& random) {
  switch (random() % 4) {
    case 0: return mutate_bytes(text, random);
    case 1: return resealed(mutate_bytes(text, random));
    case 2: return resealed(put_in_oddity(text, random));
    default: return sealed_or_plain(mutate_tree(document, random));
  }
}

std::vector<float> run(Session& session) {
  session.input("image").copy_from(noise(192, 4));
  session.run();
  const auto p = session.output("prob").as<float>();
  return {p.begin(), p.end()};
}

TEST(MutatedTables, AreRefusedOrUsedAndNoResultChanges) {
  const Folder folder;
  const json document = tuner::canonical(table_for_small_cnn());
  const std::string text = tuner::table_text(document);
  const json sealed_document = json::parse(text);
  const Runtime runtime = runtime_with();
  const Model model = small_cnn();
  Session plain = runtime.compile(model, {.devices = {"cpu"}});
  const std::vector<float> expected = run(plain);

  std::mt19937 random(20);
  size_t refused = 0, used = 0, with_configs = 0, with_misses = 0;
  std::set<std::string> reasons;
  for (int i = 0; i < kTables; ++i) {
    const std::string changed = mutated(sealed_document, text, random);
    bool readable = true;
    try {
      table::parse_document(changed, "the table");
    } catch (const Error& error) {
      readable = false;
      ASSERT_TRUE(error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::limit) << error.what();
      std::string reason = error.what();
      reasons.insert(reason.substr(0, 30));
    }
    // Those that are refused are all alike to a session: every tenth is tried.
    if (!readable && ++refused % 10 != 0) continue;
    write(folder / "t.json", changed);
    Session session = runtime.compile(model, {.devices = {"cpu"}, .table = folder / "t.json"});
    const Explanation e = session.explain();
    ASSERT_EQ(e.table.problem.empty(), readable) << e.table.problem;
    if (readable) {
      ++used;
      for (const Placement& p : e.nodes) with_configs += !p.config.empty();
      with_misses += e.table.lookups.count("none");
    }
    const std::vector<float> got = run(session);
    for (size_t k = 0; k < expected.size(); ++k)
      ASSERT_NEAR(got[k], expected[k], 1e-6f) << "table " << i << "\n" << changed;
  }
  std::printf("%d tables: %zu refused, %zu used (%zu configs passed on, %zu with misses), %zu kinds of reasons\n",
              kTables, refused, used, with_configs, with_misses, reasons.size());
  EXPECT_GT(refused, 5000u);
  EXPECT_GT(used, 200u) << "some mutations leave a table that can be used";
  EXPECT_GT(with_configs, 100u);
  EXPECT_GT(with_misses, 20u);
}

}  // namespace
}  // namespace motley::test
