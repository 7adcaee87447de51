// Tables for tests.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "graphs.hpp"

namespace motley::test {

// A folder that goes away with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

nlohmann::json kernel_row(const std::string& problem, const std::string& device, const std::string& config,
                          double ratio);

// What a tuner could have written on this machine for the convolutions and the product of small_cnn() on the cpu
// plugin: every second convolution, from the first on, gets "algorithm=im2col" with small blocks. The device is called
// "here".
nlohmann::json table_for_small_cnn();

// A random document: devices that are alike in part, observations of few problems and configs, transfers, plans.
nlohmann::json random_document(std::mt19937& random);

void write(const std::filesystem::path& path, const std::string& text);

// The text of any document as a table's, with the right hash; the document need not be a valid one.
std::string sealed(const nlohmann::json& document);
// Puts the right hash into a text that has a line for it.
std::string resealed(std::string text);

}  // namespace motley::test
