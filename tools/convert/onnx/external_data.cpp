// Tensor data that a model keeps in files beside it.
#include "onnx/external_data.hpp"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>

namespace motley::convert {
namespace {

constexpr uintptr_t kAlignment = 16;  // of constants that are used in place; more than any element needs

uint64_t number(const std::string& text, const char* key, const std::string& what) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorCode::invalid_model, what + " has external data with a bad " + key + " (\"" + text + "\")");
  return value;
}

struct Place {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

Place place_of(const onnx::TensorProto& proto, const std::string& what) {
  Place place;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") place.location = entry.value();
    else if (entry.key() == "offset") place.offset = number(entry.value(), "offset", what);
    else if (entry.key() == "length") place.length = number(entry.value(), "length", what);
    // "checksum" and keys of other tools don't change where the bytes are.
  }
  if (place.location.empty()) throw Error(ErrorCode::invalid_model, what + " has external data without a location");
  return place;
}

}  // namespace

std::shared_ptr<io::MappedFile> ExternalData::open(const std::string& location, const std::string& what) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::invalid_model, what + " has external data at \"" + location + "\", which " + why +
                                              "; only files in the model's folder are read");
  };
  if (folder_.empty()) refuse("cannot be found without the model's folder");
  const std::filesystem::path relative(location);
  if (relative.is_absolute() || location.find('\0') != std::string::npos) refuse("is not a relative path");
  if (std::find(relative.begin(), relative.end(), "..") != relative.end()) refuse("leads out of the folder");
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder_, error);
  if (error) refuse("is in a folder that cannot be read");
  const std::filesystem::path target = std::filesystem::canonical(root / relative, error);
  if (error)
    throw Error(ErrorCode::io,
                what + " has external data at \"" + location + "\", which cannot be opened (" + error.message() + ")");
  const auto [end, ignored] = std::mismatch(root.begin(), root.end(), target.begin(), target.end());
  if (end != root.end()) refuse("leads out of the folder by a link");
  return files_[location] = std::make_shared<io::MappedFile>(target);
}

graph::Constant ExternalData::read(const onnx::TensorProto& proto, uint64_t bytes, const std::string& what) {
  const Place place = place_of(proto, what);
  if (place.length && *place.length != bytes)
    throw Error(ErrorCode::invalid_model, what + " has external data of " + std::to_string(*place.length) +
                                              " bytes, and its shape needs " + std::to_string(bytes));
  const std::shared_ptr<io::MappedFile> file = open(place.location, what);
  const uint64_t size = file->bytes().size();
  if (place.offset > size || bytes > size - place.offset)
    throw Error(ErrorCode::invalid_model, what + " has external data past the end of \"" + place.location +
                                              "\" (offset " + std::to_string(place.offset) + ", " +
                                              std::to_string(bytes) + " bytes; the file has " + std::to_string(size) +
                                              ")");
  const std::byte* data = file->bytes().data() + place.offset;
  if (bytes == 0 || reinterpret_cast<uintptr_t>(data) % kAlignment != 0) return graph::Constant::copy_of(data, bytes);
  graph::Constant constant;
  constant.data = data;
  constant.bytes = bytes;
  constant.owner = file;
  return constant;
}

}  // namespace motley::convert
