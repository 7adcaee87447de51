// NumPy's .npy files: a magic number, a header that is a Python dictionary, the elements.
#include "io/npy.hpp"

#include <charconv>
#include <cstring>
#include <optional>

#include "io/file.hpp"
#include "io/half.hpp"

namespace motley::io {
namespace {

struct TypeRow {
  const char* descr;  // after the byte order
  DataType type;
};
constexpr TypeRow kTypes[] = {{"f4", DataType::float32}, {"f8", DataType::float64}, {"f2", DataType::float16},
                              {"i1", DataType::int8},    {"u1", DataType::uint8},   {"i2", DataType::int16},
                              {"u2", DataType::uint16},  {"i4", DataType::int32},   {"u4", DataType::uint32},
                              {"i8", DataType::int64},   {"u8", DataType::uint64},  {"b1", DataType::bool_}};

[[noreturn]] void damaged(const std::string& what, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, what + " is not a readable .npy file: " + why);
}

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// Reads just the dictionaries that NumPy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Header parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        header.descr = quoted();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = tuple();
        shape = true;
      } else {
        damaged(what_, "its header has an unknown or repeated key (" + key + ")");
      }
      if (accept('}')) break;
      expect(',');
    }
    if (!descr || !order || !shape) damaged(what_, "its header lacks descr, fortran_order or shape");
    return header;
  }

 private:
  void skip() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }
  bool accept(char c) {
    skip();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) damaged(what_, std::string("its header lacks a '") + c + "'");
  }
  std::string quoted() {
    skip();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) damaged(what_, "its header lacks a string");
    const size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) damaged(what_, "a string in its header has no end");
    std::string result(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return result;
  }
  bool boolean() {
    skip();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    damaged(what_, "fortran_order is neither True nor False");
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      skip();
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0) damaged(what_, "a dimension in its header is no number");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      values.push_back(value);
      if (values.size() > 64) damaged(what_, "it has more than 64 dimensions");
      if (accept(')')) break;
      expect(',');
    }
    return values;
  }

  std::string_view text_;
  const std::string& what_;
};

DataType type_of(const std::string& descr, const std::string& what) {
  const bool one_byte = descr.size() == 3 && descr[2] == '1';
  if (descr.size() == 3 && (descr[0] == '<' || descr[0] == '=' || (descr[0] == '|' && one_byte) || one_byte))
    for (const TypeRow& row : kTypes)
      if (descr.substr(1) == row.descr) return row.type;
  throw Error(ErrorCode::unsupported, what + " has elements of type \"" + descr +
                                          "\"; save it as little-endian numbers (float32, int64, …) or bool");
}

// First index fastest → last index fastest.
std::vector<std::byte> from_fortran(std::span<const std::byte> in, const std::vector<int64_t>& shape, size_t width) {
  std::vector<std::byte> out(in.size());
  std::vector<int64_t> index(shape.size(), 0);
  const size_t count = in.size() / width;
  for (size_t i = 0; i < count; ++i) {
    size_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      offset = offset * static_cast<size_t>(shape[d]) + static_cast<size_t>(index[d]);
    std::memcpy(out.data() + offset * width, in.data() + i * width, width);
    for (size_t d = 0; d < shape.size() && ++index[d] == shape[d]; ++d) index[d] = 0;
  }
  return out;
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what) {
  const auto byte_at = [&](size_t i) { return static_cast<uint32_t>(bytes[i]); };
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0) damaged(what, "it does not begin as one");
  const uint32_t version = byte_at(6);
  if (version < 1 || version > 3) damaged(what, "its version is " + std::to_string(version) + " (known: 1 to 3)");
  const size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) damaged(what, "its header is cut off");
  size_t length = byte_at(8) | byte_at(9) << 8;
  if (version > 1) length |= static_cast<size_t>(byte_at(10)) << 16 | static_cast<size_t>(byte_at(11)) << 24;
  if (length > bytes.size() - start) damaged(what, "its header is cut off");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, length);
  const Header header = HeaderParser(text, what).parse();

  Tensor tensor;
  tensor.type = type_of(header.descr, what);
  tensor.shape = header.shape;
  const uint64_t size = checked_bytes(tensor.type, tensor.shape, what);
  const std::span<const std::byte> data = bytes.subspan(start + length);
  if (data.size() != size)
    damaged(what, "it holds " + std::to_string(data.size()) + " bytes of elements, and its shape (" +
                      shape_text(tensor.shape) + ") needs " + std::to_string(size));
  if (header.fortran && tensor.shape.size() > 1) tensor.bytes = from_fortran(data, tensor.shape, size_of(tensor.type));
  else tensor.bytes.assign(data.begin(), data.end());
  if (tensor.type == DataType::bool_)
    for (std::byte& b : tensor.bytes) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  return tensor;
}

Tensor read_npy(const std::filesystem::path& path) {
  const MappedFile file(path);
  Tensor tensor = parse_npy(file.bytes(), "\"" + path.string() + "\"");
  tensor.name = path.stem().string();
  return tensor;
}

std::vector<std::byte> format_npy(const Tensor& tensor) {
  const bool widen = tensor.type == DataType::bfloat16;
  const DataType type = widen ? DataType::float32 : tensor.type;
  std::string descr;
  for (const TypeRow& row : kTypes)
    if (row.type == type) descr = (size_of(type) == 1 ? "|" : "<") + std::string(row.descr);
  if (descr.empty()) throw Error(ErrorCode::unsupported, "tensor \"" + tensor.name + "\" has no element type");

  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.shape) header += std::to_string(dim) + (tensor.shape.size() == 1 ? "," : ", ");
  if (tensor.shape.size() > 1) header.resize(header.size() - 2);
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');  // elements begin at a multiple of 64
  header += '\n';

  std::vector<std::byte> out(10);
  std::memcpy(out.data(), "\x93NUMPY\x01\x00", 8);
  out[8] = static_cast<std::byte>(header.size() & 255);
  out[9] = static_cast<std::byte>(header.size() >> 8);
  const auto append = [&](const void* data, size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    out.insert(out.end(), first, first + size);
  };
  append(header.data(), header.size());
  if (!widen) {
    append(tensor.bytes.data(), tensor.bytes.size());
    return out;
  }
  for (size_t i = 0; i + 1 < tensor.bytes.size(); i += 2) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + i, 2);
    const float value = bfloat_to_float(bits);
    append(&value, sizeof value);
  }
  return out;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) { write_file(path, format_npy(tensor)); }

}  // namespace motley::io
