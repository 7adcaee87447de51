// The first 64 bytes of a .motley file, little-endian.
#include "model/format.hpp"

#include <cstring>

#include "base/crc32c.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"

namespace motley::model {
namespace {

// A text editor or a transfer in text mode would break the last two bytes.
constexpr uint8_t kMagic[8] = {'M', 'O', 'T', 'L', 'E', 'Y', 0x1a, '\n'};

// Where fields lie. What is between kReserved and the checksum is zero.
constexpr size_t kVersionAt = 8, kHeaderBytesAt = 12, kGraphOffsetAt = 16, kGraphBytesAt = 24, kWeightsOffsetAt = 32,
                 kWeightsBytesAt = 40, kGraphCrcAt = 48, kReservedAt = 52, kHeaderCrcAt = 60;

template <class T>
void put(HeaderBytes& bytes, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}
template <class T>
T get(const uint8_t* bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(bytes[at + i]) << (8 * i);
  return value;
}

}  // namespace

uint64_t FileHeader::weights_offset() const { return align_to(kHeaderBytes + graph_bytes, kWeightsAlignment); }

HeaderBytes encode(const FileHeader& header) {
  HeaderBytes bytes{};
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  put(bytes, kVersionAt, kFormatVersion);
  put(bytes, kHeaderBytesAt, static_cast<uint32_t>(kHeaderBytes));
  put(bytes, kGraphOffsetAt, kHeaderBytes);
  put(bytes, kGraphBytesAt, header.graph_bytes);
  put(bytes, kWeightsOffsetAt, header.weights_offset());
  put(bytes, kWeightsBytesAt, header.weights_bytes);
  put(bytes, kGraphCrcAt, header.graph_crc);
  put(bytes, kHeaderCrcAt, base::crc32c(bytes.data(), kHeaderCrcAt));
  return bytes;
}

void check_has_header(uint64_t file_bytes, const std::string& what) {
  if (file_bytes < kHeaderBytes) {
    base::fail(ErrorCode::invalid_model,
               "% is too short for a .motley file (% bytes, at least %): fetch or convert it again",
               {what, file_bytes, kHeaderBytes});
  }
}

FileHeader decode(const uint8_t* bytes, uint64_t file_bytes, Checksums checksums, const std::string& what) {
  const auto fail = [&](const char* format, std::initializer_list<base::Piece> values = {}) {
    base::fail(ErrorCode::invalid_model, "% %", {what, base::text(format, values)});
  };
  check_has_header(file_bytes, what);
  if (std::memcmp(bytes, kMagic, sizeof kMagic) != 0)
    fail("is not a .motley file (its first bytes are others): make one with motley convert");
  if (const auto version = get<uint32_t>(bytes, kVersionAt); version != kFormatVersion) {
    fail("has another format version (%, this reads %): convert it again", {version, kFormatVersion});
  }
  if (checksums == Checksums::verify && get<uint32_t>(bytes, kHeaderCrcAt) != base::crc32c(bytes, kHeaderCrcAt)) {
    fail("has a damaged header (its checksum is wrong): fetch or convert it again");
  }
  FileHeader header;
  header.graph_bytes = get<uint64_t>(bytes, kGraphBytesAt);
  header.weights_bytes = get<uint64_t>(bytes, kWeightsBytesAt);
  header.graph_crc = get<uint32_t>(bytes, kGraphCrcAt);
  if (header.graph_bytes > kMostGraphBytes)
    fail("says that its graph has % bytes, more than a file can hold: convert it again", {header.graph_bytes});
  bool rest_is_zero = true;
  for (size_t i = kReservedAt; i < kHeaderCrcAt; ++i) rest_is_zero = rest_is_zero && bytes[i] == 0;
  if (get<uint32_t>(bytes, kHeaderBytesAt) != kHeaderBytes || get<uint64_t>(bytes, kGraphOffsetAt) != kHeaderBytes ||
      get<uint64_t>(bytes, kWeightsOffsetAt) != header.weights_offset() || !rest_is_zero) {
    fail("has a header that breaks the format (offsets do not follow from sizes): convert it again");
  }
  if (header.weights_offset() > file_bytes || header.weights_bytes != file_bytes - header.weights_offset()) {
    fail(
        "has another size than its header says (% bytes; % bytes of weights should begin at %): fetch or convert it "
        "again",
        {file_bytes, header.weights_bytes, header.weights_offset()});
  }
  return header;
}

}  // namespace motley::model
