// Ten thousand damaged tables: each is refused or used, and no result changes.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "samples.hpp"
#include "table/document.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

constexpr int kTables = 10'000;

std::string mutate_bytes(std::string text, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
    const size_t at = random() % text.size();
    switch (random() % 6) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text[at] = static_cast<char>(text[at] ^ (1 << random() % 8)); break;
      case 2: text.erase(at, 1 + random() % 8); break;
      case 3: text.insert(at, text.substr(random() % text.size(), 1 + random() % 40)); break;
      case 4: text.resize(at); break;
      default: text[at] = "{}[],:\"0159-.eE \\"[random() % 17]; break;
    }
  }
  return text;
}

json* member_of(json& value, std::mt19937& random) {
  if (!value.is_structured() || value.empty()) return nullptr;
  auto at = value.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random() % value.size()));
  return &*at;
}

// Any value of the tree, deep ones as likely as shallow ones.
json& any_place(json& root, std::mt19937& random) {
  json* place = &root;
  while (json* member = member_of(*place, random)) {
    place = member;
    if (random() % 5 == 0) break;
  }
  return *place;
}

json any_value(std::mt19937& random) {
  static const std::vector<json> kValues = {nullptr,
                                            true,
                                            -1,
                                            0,
                                            1,
                                            12,
                                            1.5,
                                            1e300,
                                            -0.0,
                                            (1ull << 53) - 1,
                                            1ull << 53,
                                            UINT64_MAX,
                                            "",
                                            "here",
                                            "cpu",
                                            "host",
                                            "mc=48",
                                            "algorithm=im2col",
                                            "algorithm=direct,kc=512",
                                            "mc=65536,kc=65536,nc=65536",
                                            "algorithm=winograd",
                                            "nc=768,mc=384,kc=512",
                                            "a=b",
                                            std::string(4096, 'k'),
                                            std::string(5000, 'k'),
                                            "é",
                                            "conv f32",
                                            "measure",
                                            json::array(),
                                            json::object(),
                                            json::array({1, 2}),
                                            json::object({{"a", "b"}})};
  return kValues[random() % kValues.size()];
}

json mutate_tree(json document, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
    json& place = any_place(document, random);
    switch (random() % 7) {
      case 0: place = any_value(random); break;
      case 1:
        if (place.is_object() && !place.empty())
          place.erase(std::next(place.begin(), static_cast<std::ptrdiff_t>(random() % place.size())));
        else if (place.is_array() && !place.empty()) place.erase(random() % place.size());
        break;
      case 2:
        if (place.is_array() && !place.empty()) place.push_back(place[random() % place.size()]);
        break;
      case 3: {
        json copy = any_place(document, random);
        if (copy.dump(-1, ' ', false, json::error_handler_t::ignore).size() < 5000)
          any_place(document, random) = std::move(copy);
        break;
      }
      case 4: {  // what a table may well say: another config
        json& rows = document.is_object() && document.contains("kernels") ? document["kernels"] : document;
        json* row = rows.is_array() ? member_of(rows, random) : nullptr;
        if (row && row->is_object()) (*row)["config"] = any_value(random);
        break;
      }
      case 5:
        if (place.is_number_unsigned()) place = place.get<uint64_t>() ^ (1ull << random() % 64);
        else if (place.is_number()) place = place.get<double>() * std::pow(10, static_cast<int>(random() % 9) - 4);
        break;
      default:
        if (place.is_string()) place = mutate_bytes(place.get<std::string>(), random);
        break;
    }
  }
  return document;
}

// Strings with bytes that are no UTF-8 cannot be dumped strictly; they are dumped as they are by the writer below.
std::string sealed_or_plain(const json& document) {
  try {
    return sealed(document);
  } catch (const json::exception&) {
    return resealed(document.dump(1, ' ', false, json::error_handler_t::ignore));
  }
}

std::string mutated(const json& document, const std::string& text, std::mt19937& random) {
  switch (random() % 3) {
    case 0: return mutate_bytes(text, random);
    case 1: return resealed(mutate_bytes(text, random));
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
