// Which file goes to which input, and reading them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/tensor.hpp"
#include "preprocess.hpp"

namespace motley::cli {

// Input name → file, for one run.
using Assignment = std::map<std::string, std::string>;

// `named` ("name=FILE") holds for every run; `files` go to the remaining inputs in order, and several runs' worth may
// be given. Throws Error(invalid_argument | not_found) where an input stays without a file.
std::vector<Assignment> assign_files(const Model& model, const std::vector<std::string>& named,
                                     const std::vector<std::string>& files);

struct Feed {
  std::map<std::string, io::Tensor> tensors;
  // The first picture among the files.
  std::string picture;
  std::optional<Geometry> geometry;

  InputShapes shapes() const;
};

// Reads .npy, .pb and pictures, and checks them against what the model takes. Throws Error.
Feed read_files(const Model& model, const Assignment& files, const Preprocessing& options);

// Copies every tensor into its input.
void copy_into(Session& session, const Feed& feed);

}  // namespace motley::cli
