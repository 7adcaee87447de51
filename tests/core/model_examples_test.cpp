// The examples in schema/: models of every version that was released, and files that must be refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "model/model_file.hpp"

namespace motley::model {
namespace {

namespace fs = std::filesystem;
const fs::path kExamples = SCHEMA_FOLDER;

TEST(ModelExamples, ValidFilesAreRead) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kExamples / "valid" / "model")) {
    EXPECT_NO_THROW(EXPECT_FALSE(read_model(entry.path()).main().outputs.empty())) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 2u);
}

TEST(ModelExamples, InvalidFilesAreRefusedByName) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kExamples / "invalid" / "model")) {
    try {
      read_model(entry.path());
      ADD_FAILURE() << entry.path();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_model);
      EXPECT_NE(std::string(error.what()).find(entry.path().filename().string()), std::string::npos) << error.what();
    }
    ++count;
  }
  EXPECT_GE(count, 5u);
}

}  // namespace
}  // namespace motley::model
