// Dispatch tables: what is read, and what each mistake is called.
#include "table/document.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "table/fingerprint.hpp"

namespace motley::table {
namespace {

namespace fs = std::filesystem;
const fs::path kExamples = SCHEMA_FOLDER;

// Part of the sentence that refuses each example.
const std::map<std::string, const char*> kReasons = {
    {"blank", "not valid JSON"},
    {"byte_order_and_wide", "not valid JSON"},
    {"comment", "not valid JSON"},
    {"config_with_blank", "wrong \"config\" (\"mc = 96\")"},
    {"config_with_control", "wrong \"config\""},
    {"config_with_empty_pair", "wrong \"config\" (\"mc=96,,kc=1\")"},
    {"config_with_last_comma", "wrong \"config\" (\"mc=96,\")"},
    {"config_with_shell", "wrong \"config\" (\"mc=$(id)\")"},
    {"config_with_two_equals", "wrong \"config\" (\"mc=9=6\")"},
    {"config_without_key", "wrong \"config\" (\"=96\")"},
    {"config_without_value", "wrong \"config\" (\"mc=\")"},
    {"crlf", "has another hash"},
    {"cut", "not valid JSON"},
    {"deep_in_unknown_key", "nested too deeply"},
    {"device_id_with_blank", "wrong \"id\" (\"my gpu\")"},
    {"device_is_host", "a device with the id \"host\""},
    {"device_is_text", "\"cpu\" and not an object"},
    {"device_twice", "lists a device twice"},
    {"devices_is_object", "wrong \"devices\" (an object): give a list"},
    {"edited", "damaged or was edited"},
    {"empty", "not valid JSON"},
    {"empty_problem", "wrong \"problem_key\" (\"\")"},
    {"error_is_number", "wrong \"error\" (0): give an object"},
    {"error_negative", "wrong \"max_abs\" (-1)"},
    {"error_without_max_rel", "lacks \"max_rel\""},
    {"fact_with_new_line", "wrong \"hw\""},
    {"fingerprint_with_equals", "wrong \"hw\""},
    {"fingerprint_with_number", "wrong \"hw\" (an object): give an object of texts"},
    {"fingerprint_without_driver", "lacks \"driver\""},
    {"fractional_ns", "wrong \"median_ns\" (1.5)"},
    {"hash_is_number", "\"sha256\""},
    {"interval_below_ratio", "\"ratio_high\" below its \"ratio_vs_default\""},
    {"invalid_utf8", "not valid JSON"},
    {"kernels_is_null", "wrong \"kernels\" (null): give a list"},
    {"last_comma", "not valid JSON"},
    {"leading_zero", "not valid JSON"},
    {"list", "is a list and not an object"},
    {"long_problem", "wrong \"problem_key\""},
    {"negative_ns", "wrong \"median_ns\" (-5)"},
    {"newer_schema", "another \"schema\" (\"motley.dispatch/2\")"},
    {"no_devices", "lacks \"devices\""},
    {"no_fingerprint", "lacks \"fingerprint\""},
    {"no_kernels", "lacks \"kernels\""},
    {"no_last_brace", "not valid JSON"},
    {"no_plans", "lacks \"plans\""},
    {"no_schema", "lacks \"schema\""},
    {"no_sha256", "lacks \"sha256\""},
    {"no_tool", "lacks \"tool\""},
    {"no_transfers", "lacks \"transfers\""},
    {"not_a_number", "not valid JSON"},
    {"ns_is_text", "wrong \"median_ns\" (\"12\")"},
    {"ns_too_large", "wrong \"mad_ns\" (9007199254740992)"},
    {"ns_with_exponent", "wrong \"median_ns\""},
    {"nul_after_end", "is not valid JSON"},
    {"null", "is null and not an object"},
    {"number_out_of_range", "out of range"},
    {"on_one_line", "no line \"sha256\""},
    {"plan_config_with_blank", "wrong \"configs\" (a list): give a list of \"key=value"},
    {"plan_configs_is_text", "wrong \"configs\" (\"mc=96\")"},
    {"plan_configs_too_few", "1 \"configs\" for 2 \"nodes\""},
    {"plan_cut_negative_axis", "wrong \"axis\" (-1)"},
    {"plan_cut_node_is_number", "wrong \"node\" (1)"},
    {"plan_cut_of_nothing", "wrong \"first\" (0)"},
    {"plan_cut_without_axis", "lacks \"axis\""},
    {"plan_cuts_is_object", "wrong \"cuts\" (an object): give a list"},
    {"plan_fractional_ns", "wrong \"expected_ns\" (0.5)"},
    {"plan_negative_shape", "wrong \"shapes\""},
    {"plan_of_unknown_device", "(moon) that is not among \"devices\""},
    {"plan_unknown_objective", "wrong \"objective\" (\"beauty\")"},
    {"problem_with_new_line", "wrong \"problem_key\""},
    {"ratio_is_null", "wrong \"ratio_high\" (null)"},
    {"ratio_negative", "wrong \"ratio_high\" (-0.5)"},
    {"ratio_too_large", "wrong \"ratio_high\""},
    {"ratio_zero", "wrong \"ratio_vs_default\" (0)"},
    {"reformatted", "no line \"sha256\""},
    {"runs_too_large", "wrong \"runs\" (2147483648)"},
    {"runs_zero", "wrong \"runs\" (0)"},
    {"schema_is_number", "another \"schema\" (1)"},
    {"segment_nodes_is_text", "wrong \"nodes\" (\"conv1\")"},
    {"segment_on_unknown_device", "(moon) that is not among \"devices\""},
    {"single_quotes", "not valid JSON"},
    {"too_deep", "nested too deeply"},
    {"too_many_devices", "too many devices"},
    {"transfer_from_nowhere", "(moon) that is not among \"devices\""},
    {"transfer_negative_beta", "wrong \"beta_ps_per_byte\" (-1)"},
    {"transfer_without_alpha", "lacks \"alpha_ns\""},
    {"two_documents", "not valid JSON"},
    {"two_keys", "a key twice (runs)"},
    {"unknown_device", "(gpu7) that is not among \"devices\""},
    {"unknown_rigor", "wrong \"rigor\" (\"hasty\")"},
    {"upper_case_hash", "has another hash"},
    {"wrong_hash", "has another hash"},
};

std::string reason_of(const fs::path& path) {
  try {
    read_table(path);
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::limit) << path;
    return error.what();
  }
  return "";
}

TEST(TableDocument, ValidExamplesAreRead) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kExamples / "valid" / "dispatch_table")) {
    EXPECT_EQ(reason_of(entry.path()), "");
    ++count;
  }
  EXPECT_GE(count, 4u);
  const Table table = read_table(kExamples / "valid" / "dispatch_table" / "everything.json");
  ASSERT_EQ(table.devices.size(), 2u);
  EXPECT_EQ(table.devices[0].plugin, "cpu");
  EXPECT_EQ(table.devices[0].fingerprint.hw, "cores=8\ncpu=Example CPU 9000\nisa=AVX2\nl2=1048576\n");
  EXPECT_EQ(table.devices[1].fingerprint.driver, "version=24.1\n");
  ASSERT_EQ(table.kernels.size(), 6u);
  EXPECT_EQ(table.kernels[1].config, "algorithm=winograd");
  EXPECT_EQ(table.kernels[1].median_ns, 903000u);
  EXPECT_EQ(table.kernels[1].ratio, 0.64);
  EXPECT_EQ(table.devices[table.kernels[1].device].plugin, "vulkan");
}

TEST(TableDocument, InvalidExamplesAreRefusedWithTheReason) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kExamples / "invalid" / "dispatch_table")) {
    const std::string name = entry.path().stem(), reason = reason_of(entry.path());
    const auto expected = kReasons.find(name);
    const std::string missing = name.starts_with("kernel_without_") ? "lacks \"" + name.substr(15) + "\"" : "";
    ASSERT_TRUE(expected != kReasons.end() || !missing.empty()) << name << " has no reason in this test: " << reason;
    EXPECT_NE(reason.find(missing.empty() ? expected->second : missing), std::string::npos) << name << ": " << reason;
    EXPECT_NE(reason.find(name + ".json"), std::string::npos) << reason;
    EXPECT_EQ(reason.find('\n'), std::string::npos) << reason;
    ++count;
  }
  EXPECT_GE(count, kReasons.size() + 10);
}

TEST(TableDocument, EverySingleFlippedBitIsDetected) {
  const std::string text =
      base::read_small_file(kExamples / "valid" / "dispatch_table" / "everything.json", kMostBytes);
  for (size_t byte = 0; byte < text.size(); ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      EXPECT_THROW(parse_document(flipped, "the table"), Error) << "byte " << byte << ", bit " << bit;
    }
}

TEST(TableDocument, AFileCutAnywhereIsRefused) {
  const std::string text =
      base::read_small_file(kExamples / "valid" / "dispatch_table" / "everything.json", kMostBytes);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_THROW(parse_document(text.substr(0, size), "the table"), Error) << size;
}

TEST(TableDocument, FilesThatAreNoneAreErrors) {
  const fs::path folder = fs::temp_directory_path() / ("motley_table_" + std::to_string(::getpid()));
  fs::create_directory(folder);
  EXPECT_THROW(read_table(folder), Error);
  EXPECT_THROW(read_table(folder / "none.json"), Error);
  std::ofstream(folder / "large.json").close();
  fs::resize_file(folder / "large.json", kMostBytes + 1);
  EXPECT_NE(reason_of(folder / "large.json").find("too large"), std::string::npos);
  fs::remove_all(folder);
}

TEST(TableFingerprint, LinesAreSortedByClass) {
  const Fingerprint print =
      parse_fingerprint("hw b=2\nkernels build=x\nhw a=1\ndriver v=3\nnonsense\nhw nothing\nother a=1\n");
  EXPECT_EQ(print.hw, "a=1\nb=2\n");
  EXPECT_EQ(print.driver, "v=3\n");
  EXPECT_EQ(print.kernels, "build=x\n");
}

// A file's keys and a plugin's lines do not ascend alike: "l" comes before "l2", "l=" after "l2=".
TEST(TableFingerprint, AFilesFactsAreThoseOfThePlugin) {
  const fs::path example = kExamples / "valid" / "dispatch_table" / "everything.json";
  nlohmann::json document = read_document(example);
  document["devices"][0]["fingerprint"]["hw"] = {{"l", "1"}, {"l2", "2"}, {"l.x", "3"}};
  EXPECT_EQ(table_of(document).devices[0].fingerprint.hw, parse_fingerprint("hw l2=2\nhw l=1\nhw l.x=3\nhw l=1\n").hw);
}

TEST(TableFingerprint, AgreementIsTheShareOfFacts) {
  EXPECT_EQ(agreement("a=1\nb=2\n", "a=1\nb=2\n"), 1);
  EXPECT_EQ(agreement("a=1\nb=2\n", "a=1\nb=3\n"), 1.0 / 3);
  EXPECT_EQ(agreement("a=1\n", ""), 0);
  EXPECT_EQ(agreement("", ""), 0);
}

}  // namespace
}  // namespace motley::table
