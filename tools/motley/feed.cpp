// Files into the inputs of a session.
#include "feed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "common.hpp"
#include "io/file.hpp"
#include "io/npy.hpp"
#include "io/tensor_pb.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

const TensorInfo* find_input(const std::vector<TensorInfo>& inputs, const std::string& name) {
  const auto at = std::find_if(inputs.begin(), inputs.end(), [&](const TensorInfo& t) { return t.name == name; });
  return at == inputs.end() ? nullptr : &*at;
}

std::string name_list(const std::vector<TensorInfo>& inputs) {
  std::string names;
  for (const TensorInfo& input : inputs) names += (names.empty() ? "" : ", ") + input.name;
  return names;
}

void check(const TensorInfo& input, const io::Tensor& tensor, const std::string& file) {
  bool fits = tensor.type == input.type && tensor.shape.size() == input.shape.size();
  for (size_t i = 0; fits && i < input.shape.size(); ++i)
    fits = input.shape[i] < 0 || input.shape[i] == tensor.shape[i];
  if (fits) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("the input \"{}\" takes {} {}, \"{}\" holds {} {}; give an array of that type and shape",
                          input.name, to_string(input.type), shape_text(input.shape, input.symbols), file,
                          to_string(tensor.type), shape_text(tensor.shape)));
}

bool is_picture(const std::string& file) {
  const io::MappedFile mapped(file);
  return io::is_image(mapped.bytes());
}

}  // namespace

std::vector<Assignment> assign_files(const Model& model, const std::vector<std::string>& named,
                                     const std::vector<std::string>& files) {
  const std::vector<TensorInfo> inputs = model.inputs();
  Assignment fixed;
  for (const std::string& text : named) {
    // The name ends at the first '=' that makes it an input's, so that both names and paths may hold the sign.
    size_t at = text.find('=');
    while (at != std::string::npos && !find_input(inputs, text.substr(0, at))) at = text.find('=', at + 1);
    if (at == std::string::npos)
      throw Error(ErrorCode::not_found, fmt::format("--input ({}) names no input of the model; write {}=FILE", text,
                                                    inputs.empty() ? "NAME" : name_list(inputs)));
    fixed[text.substr(0, at)] = text.substr(at + 1);
  }
  std::vector<std::string> open;
  for (const TensorInfo& input : inputs)
    if (!fixed.contains(input.name)) open.push_back(input.name);
  if (open.empty() && files.empty()) return {fixed};
  if (files.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the input \"{}\" has no file; give one with --input {}=FILE", open.front(), open.front()));
  if (open.empty() || files.size() % open.size() != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} files do not go round {} inputs; give one per input and run, or name them with --input",
                            files.size(), open.size()));
  std::vector<Assignment> runs;
  for (size_t i = 0; i < files.size(); i += open.size()) {
    runs.push_back(fixed);
    for (size_t k = 0; k < open.size(); ++k) runs.back()[open[k]] = files[i + k];
  }
  return runs;
}

InputShapes Feed::shapes() const {
  InputShapes result;
  for (const auto& [name, tensor] : tensors) result[name] = tensor.shape;
  return result;
}

Feed read_files(const Model& model, const Assignment& files, const Preprocessing& options) {
  const std::vector<TensorInfo> inputs = model.inputs();
  Feed feed;
  for (const auto& [name, file] : files) {
    const TensorInfo& input = *find_input(inputs, name);
    const std::string extension = std::filesystem::path(file).extension().string();
    io::Tensor tensor;
    if (extension == ".npy") {
      tensor = io::read_npy(file);
    } else if (extension == ".pb") {
      tensor = io::read_tensor_pb(file);
    } else if (is_picture(file)) {
      PreparedImage image = prepare_image(file, input, options);
      tensor = std::move(image.tensor);
      if (feed.picture.empty()) {
        feed.picture = file;
        feed.geometry = image.geometry;
      }
    } else {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the file \"{}\" is no picture and no tensor; give .npy, .pb, JPEG, PNG or BMP", file));
    }
    check(input, tensor, file);
    feed.tensors[name] = std::move(tensor);
  }
  return feed;
}

void copy_into(Session& session, const Feed& feed) {
  for (const auto& [name, tensor] : feed.tensors) session.input(name).copy_from_bytes(tensor.bytes);
}

}  // namespace motley::cli
