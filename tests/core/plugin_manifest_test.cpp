// Manifests: what is read, and what each mistake is called. ELF headers.
#include "plugin/manifest.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "motley/error.hpp"
#include "motley/plugin.h"
#include "plugin/elf.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "motley_manifest_XXXXXX";
    folder = fs::canonical(mkdtemp(pattern.data()));
    std::ofstream(folder / "lib.so") << "library";
  }
  void TearDown() override { fs::remove_all(folder); }

  static json good() {
    return {{"schema", "motley.plugin/1"},
            {"id", "acme"},
            {"vendor", "Acme"},
            {"version", "1.0.0"},
            {"abi", {{"major", MOTLEY_ABI_MAJOR}, {"min_minor", 0}, {"max_minor", MOTLEY_ABI_MINOR}}},
            {"library", "lib.so"}};
  }
  Manifest parse(const json& document) const { return parse_manifest(document.dump(), folder / "m.json"); }
  std::string reason(const std::string& text) const {
    try {
      parse_manifest(text, folder / "m.json");
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("m.json"), std::string::npos) << error.what();
      return error.what();
    }
    return "";
  }
  std::string reason(const json& document) const { return reason(document.dump()); }
  std::string reason_with(const char* key, const json& value) const {
    json document = good();
    document[key] = value;
    return reason(document);
  }

  fs::path folder;
};

TEST_F(ManifestTest, IsRead) {
  json document = good();
  document["sha256"] = std::string(64, 'A');
  document["architecture"] = "x86_64";
  document["hardware"] = {{"path_exists", {"/dev/acme"}}};
  const Manifest manifest = parse(document);
  EXPECT_EQ(manifest.id, "acme");
  EXPECT_EQ(manifest.vendor, "Acme");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_EQ(manifest.library, folder / "lib.so");
  EXPECT_EQ(manifest.sha256, std::string(64, 'a'));
  EXPECT_EQ(manifest.hardware_paths, std::vector<std::string>{"/dev/acme"});
  EXPECT_EQ(manifest.remark, "");
}

TEST_F(ManifestTest, UnknownKeysAreRemarked) {
  json document = good();
  document["colour"] = "blue";
  EXPECT_EQ(parse(document).remark, "ignored keys of the manifest (colour)");
}

TEST_F(ManifestTest, EachMistakeIsNamed) {
  for (const char* key : {"schema", "id", "version", "abi", "library"}) {
    json document = good();
    document.erase(key);
    EXPECT_NE(reason(document).find(std::string("lacks \"") + key), std::string::npos) << reason(document);
  }
  EXPECT_NE(reason(std::string("[]")).find("not a JSON object"), std::string::npos);
  EXPECT_NE(reason(std::string("{")).find("not valid JSON"), std::string::npos);
  EXPECT_NE(reason(std::string("{\"id\": \"a\", \"id\": \"b\"}")).find("a key twice (id)"), std::string::npos);
  EXPECT_NE(reason(std::string(kMostManifestBytes + 1, ' ')).find("too large"), std::string::npos);
  EXPECT_NE(reason(std::string(1000, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(reason_with("schema", "motley.plugin/2").find("(motley.plugin/2)"), std::string::npos);
  EXPECT_NE(reason_with("id", "Bad Id").find("(Bad Id)"), std::string::npos);
  EXPECT_NE(reason_with("id", 5).find("\"id\" (5)"), std::string::npos);
  EXPECT_NE(reason_with("id", "").find("wrong \"id\""), std::string::npos);
  EXPECT_NE(reason_with("version", std::string("a\0b", 3)).find("wrong \"version\""), std::string::npos);
  EXPECT_NE(reason_with("sha256", "123").find("(123)"), std::string::npos);
  EXPECT_NE(reason_with("sha256", std::string(64, 'g')).find("64 hexadecimal digits"), std::string::npos);
  EXPECT_NE(reason_with("abi", 1).find("\"abi\", is not a JSON object"), std::string::npos);
  EXPECT_NE(reason_with("abi", {{"major", -1}, {"min_minor", 0}, {"max_minor", 1}}).find("\"major\" (-1)"),
            std::string::npos);
  EXPECT_NE(reason_with("abi", {{"major", 0}, {"min_minor", 2}, {"max_minor", 1}}).find("min_minor above max_minor"),
            std::string::npos);
  EXPECT_NE(reason_with("hardware", {{"path_exists", "x"}}).find("list of texts"), std::string::npos);
}

TEST_F(ManifestTest, TheLibraryStaysInItsFolder) {
  EXPECT_NE(reason_with("library", "gone.so").find("not there"), std::string::npos);
  for (const char* path : {"/lib/x86_64-linux-gnu/libc.so.6", "../lib.so", "sub/../../lib.so"}) {
    EXPECT_NE(reason_with("library", path).find("outside its folder"), std::string::npos) << path;
  }
  fs::create_symlink("/proc/self/exe", folder / "link.so");
  EXPECT_NE(reason_with("library", "link.so").find("outside its folder"), std::string::npos);
  fs::create_directory(folder / "sub");
  std::ofstream(folder / "sub" / "lib.so") << "library";
  EXPECT_EQ(reason_with("library", "sub/lib.so"), "");
  fs::create_symlink("sub/lib.so", folder / "inner.so");
  EXPECT_EQ(reason_with("library", "inner.so"), "") << "a link inside the folder is fine";
}

TEST_F(ManifestTest, WhatDoesNotFitThisProcessIsRefusedBeforeLoading) {
  EXPECT_EQ(reason_against(parse(good())), "");
  json document = good();
  document["abi"] = {{"major", MOTLEY_ABI_MAJOR + 1}, {"min_minor", 0}, {"max_minor", 9}};
  EXPECT_NE(reason_against(parse(document)).find("another ABI"), std::string::npos);
  document["abi"] = {
      {"major", MOTLEY_ABI_MAJOR}, {"min_minor", MOTLEY_ABI_MINOR + 1}, {"max_minor", MOTLEY_ABI_MINOR + 1}};
  EXPECT_NE(reason_against(parse(document)).find("another ABI"), std::string::npos);
  document = good();
  document["architecture"] = "sparc";
  EXPECT_NE(reason_against(parse(document)).find("(sparc)"), std::string::npos);
  document = good();
  document["hardware"] = {{"path_exists", {"/dev/no-such-device"}}};
  EXPECT_NE(reason_against(parse(document)).find("no /dev/no-such-device"), std::string::npos);
  document["hardware"] = {{"path_exists", {"/dev/no-such-device", "/dev/null"}}};
  EXPECT_EQ(reason_against(parse(document)), "") << "one of them is enough";
}

// The examples in schema/, each beside a file of the library's name.
TEST_F(ManifestTest, ExamplesAreReadOrRefused) {
  std::ofstream(folder / "libexample.so") << "library";
  const auto examples = [](const char* kind) {
    return fs::directory_iterator(fs::path(SCHEMA_FOLDER) / kind / "plugin_manifest");
  };
  size_t valid = 0, invalid = 0;
  for (const auto& entry : examples("valid")) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
    EXPECT_NO_THROW(read_manifest(folder / entry.path().filename())) << entry.path();
    ++valid;
  }
  for (const auto& entry : examples("invalid")) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
    EXPECT_THROW(read_manifest(folder / entry.path().filename()), Error) << entry.path();
    ++invalid;
  }
  EXPECT_GE(valid, 4u);
  EXPECT_GE(invalid, 15u);
}

TEST(Elf, ArchitecturesHaveSeveralNames) {
  EXPECT_EQ(machine_of("x86_64"), machine_of("amd64"));
  EXPECT_EQ(machine_of("arm64"), machine_of("aarch64"));
  EXPECT_NE(machine_of("arm64"), machine_of("x86_64"));
  EXPECT_EQ(machine_of("sparc"), 0);
  EXPECT_EQ(machine_of(""), 0);
  EXPECT_EQ(machine_name(183), "AArch64");
  EXPECT_EQ(machine_name(9999), "machine 9999");
}

// A folder of headers, each refused with its reason.
TEST_F(ManifestTest, HeadersOfOtherMachinesAreRefused) {
  std::vector<char> header(64, '\0');
  std::ifstream("/proc/self/exe", std::ios::binary).read(header.data(), 64);
  const auto reason_of = [&](auto&& change) {
    std::vector<char> bytes = header;
    bytes[16] = 3;  // ET_DYN
    bytes.resize(64 + 56);
    bytes[32] = 64, bytes[33] = bytes[34] = bytes[35] = 0;  // one program header, of type PT_NULL, follows
    bytes[54] = 56, bytes[56] = 1, bytes[57] = 0;
    change(bytes);
    std::ofstream(folder / "e.so", std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return elf_reason_against(base::open_for_reading(folder / "e.so").get(), "e.so");
  };
  EXPECT_EQ(reason_of([](auto&) {}), "");
  const uint16_t other = host_machine() == machine_of("arm64") ? machine_of("x86_64") : machine_of("arm64");
  const std::string wrong = reason_of([&](auto& b) { b[18] = static_cast<char>(other); });
  EXPECT_NE(wrong.find("is built for " + machine_name(other) + "; this process is " + machine_name(host_machine())),
            std::string::npos)
      << wrong;
  EXPECT_NE(reason_of([](auto& b) { b[4] = 1; }).find("word size"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b[5] = 2, std::swap(b[18], b[19]); }).find("byte order"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b[16] = 2; }).find("another kind of ELF"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b[64] = 1, b[64 + 32] = 121; }).find("cut short"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b[32] = 65; }).find("cut short"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b[0] = 'x'; }).find("not a shared library"), std::string::npos);
  EXPECT_NE(reason_of([](auto& b) { b.resize(10); }).find("not a shared library"), std::string::npos);
}

}  // namespace
}  // namespace motley::plugin
