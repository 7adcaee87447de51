// Files, JSON from outside, globs and lists.
#include "base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/environment.hpp"
#include "base/glob.hpp"
#include "base/json.hpp"
#include "base/json_tree.hpp"
#include "base/sha256.hpp"

namespace motley::base {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "motley_file_XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder); }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator())); }
  fs::path folder;
};

ErrorCode code_of(auto&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

TEST_F(FileTest, AnAtomicFileAppearsWholeOrNotAtAll) {
  const fs::path path = folder / "a";
  std::ofstream(path) << "old";
  {
    AtomicFile file(path);
    file.write("half", 4);
    EXPECT_EQ(read_small_file(path, 100), "old");
  }
  EXPECT_EQ(read_small_file(path, 100), "old");
  EXPECT_EQ(files(), 1u) << "the temporary file is left";
  AtomicFile file(path);
  file.write("new", 3);
  file.write_zeros(5000);
  EXPECT_EQ(file.written(), 5003u);
  file.commit();
  EXPECT_EQ(read_small_file(path, 10000), "new" + std::string(5000, '\0'));
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(code_of([&] { read_small_file(folder / "none", 10); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { read_small_file(folder, 10); }), ErrorCode::io);
  EXPECT_EQ(code_of([&] { AtomicFile(folder / "none" / "file"); }), ErrorCode::not_found);
  std::ofstream(folder / "long") << "12345678901";
  EXPECT_EQ(code_of([&] { read_small_file(folder / "long", 10); }), ErrorCode::limit);
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { open_for_reading(folder / "fifo"); }), ErrorCode::io) << "must not wait for a writer";
}

TEST_F(FileTest, HashOfAFileIsThatOfItsBytes) {
  const std::string text(200000, 'x');
  std::ofstream(folder / "x") << text;
  const Descriptor file = open_for_reading(folder / "x");
  EXPECT_EQ(size_of_file(file.get(), "x"), text.size());
  EXPECT_EQ(sha256_hex_of_file(file.get(), "x"), sha256_hex(text.data(), text.size()));
}

TEST(Json, RefusesWhatAFileFromOutsideMayNotHave) {
  const auto parse = [](const std::string& text) { return parse_json(text, "the test", ErrorCode::plugin, {1000, 8}); };
  EXPECT_EQ(parse(R"({"a": {"b": [1, 2]}, "c": {"b": 1}})")["c"]["b"], 1);
  EXPECT_EQ(code_of([&] { parse(R"({"a": 1, "b": {"x": 1, "x": 2}})"); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse(R"({"a": 1, "a": 1})"); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse(""); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse(R"({"a": 1)"); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse("[1e999]"); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse("\"\xff\""); }), ErrorCode::plugin);
  EXPECT_EQ(code_of([&] { parse(std::string(20, '[') + std::string(20, ']')); }), ErrorCode::limit);
  EXPECT_EQ(code_of([&] { parse(std::string(500, '[')); }), ErrorCode::limit);
  EXPECT_EQ(code_of([&] { parse(std::string(1001, ' ')); }), ErrorCode::limit);
}

// What it takes and refuses, byte for byte, is what nlohmann_json takes and refuses: the document and each cut and
// change of it, but for keys that come twice.
TEST(Json, IsReadAsNlohmannJsonReadsIt) {
  const std::string good =
      "\xef\xbb\xbf {\"a\": [1, -0, 12.5e-3, 1E+2, 18446744073709551615, 18446744073709551616, -9223372036854775808, "
      "1e-400, true,false, null ,\"\\u00e9\\ud83d\\ude00\\n\\/ \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"],\r\n\t\"b\":{}, \"\":[]} ";
  const auto check = [](const std::string& text) {
    const nlohmann::json want = nlohmann::json::parse(text, nullptr, false);
    nlohmann::json got = nlohmann::json::value_t::discarded;
    try {
      got = parse_json(text, "the test", ErrorCode::plugin, {1000, 8});
    } catch (const Error& error) {
      if (std::string(error.what()).find("a key twice") != std::string::npos) return;
    }
    ASSERT_EQ(got.is_discarded(), want.is_discarded()) << text;
    if (!want.is_discarded()) ASSERT_EQ(got.dump(), want.dump()) << text;
  };
  check(good);
  for (size_t i = 0; i < good.size(); ++i) {
    check(good.substr(0, i));
    std::string shorter = good;
    check(shorter.erase(i, 1));
    for (const char c : {'"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', '.', 'd', ' ', '\x01', '\x7f', '\x80', '\xc0',
                         '\xed', '\xf4', '\xff'}) {
      std::string changed = good;
      changed[i] = c;
      check(changed);
      std::string longer = good;
      check(longer.insert(i, 1, c));
    }
  }
}

TEST(Json, ATreeKnowsItsMembers) {
  const JsonTree tree = read_tree(R"({"a": {"b": [1, "x"]}, "c": -1.50, "d": null, "e": true})", "it", ErrorCode::plugin);
  ASSERT_NE(tree.find("a"), nullptr);
  EXPECT_EQ(tree.find("x"), nullptr);
  const JsonTree* list = tree.find("a")->find("b");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->inner.size(), 2u);
  EXPECT_EQ(list->inner[0].text, "1");
  EXPECT_EQ(list->inner[1].shown(), "\"x\"");
  EXPECT_EQ(tree.find("c")->shown(), "-1.50");
  EXPECT_EQ(tree.find("d")->shown(), "null");
  EXPECT_EQ(tree.find("e")->shown(), "true");
  EXPECT_EQ(tree.shown(), "an object");
  std::string many = "[0";
  for (int i = 0; i < 5000; ++i) many += ",0";
  EXPECT_EQ(code_of([&] { read_tree(many + "]", "it", ErrorCode::plugin); }), ErrorCode::limit);
  EXPECT_EQ(code_of([&] { read_tree(R"({"x": 1, "x": 2})", "it", ErrorCode::plugin); }), ErrorCode::plugin);
}

TEST(Glob, MatchesAsAShellDoes) {
  EXPECT_TRUE(matches("*", "cpu"));
  EXPECT_TRUE(matches("acme*", "acme-gpu"));
  EXPECT_TRUE(matches("c?u", "cpu"));
  EXPECT_FALSE(matches("cpu", "cpu2"));
  EXPECT_TRUE(matches_any({"x", "[a-c]pu"}, "cpu"));
  EXPECT_FALSE(matches_any({}, "cpu"));
}

TEST(Environment, ListsAreSplitWithoutEmptyItems) {
  EXPECT_EQ(split(":a::b:", ':'), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_GE(available_cores(), 1u);
}

}  // namespace
}  // namespace motley::base
