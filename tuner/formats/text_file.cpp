// Files of text that may be compressed.
#include "formats/text_file.hpp"

#include <zlib.h>

#include "base/file.hpp"
#include "base/text.hpp"

namespace motley::tuner {

namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;

bool is_gzip(const std::string& data) { return data.size() >= 2 && data[0] == '\x1f' && data[1] == '\x8b'; }

// One gzip member ends and another may follow; zlib has to be told to go on.
class Inflater {
 public:
  explicit Inflater(const std::string& data) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) base::fail(ErrorCode::out_of_memory, "cannot start zlib");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // The next piece, "" at the end; false where the data is damaged or cut.
  bool next(std::string& piece) {
    piece.resize(1 << 16);
    stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_.avail_out = static_cast<uInt>(piece.size());
    if (ended_) {
      if (stream_.avail_in == 0) return piece.clear(), true;
      if (inflateReset(&stream_) != Z_OK) return false;
      ended_ = false;
    }
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) return false;
    ended_ = status == Z_STREAM_END;
    piece.resize(piece.size() - stream_.avail_out);
    return !piece.empty() || ended_;
  }
  bool ended() const { return ended_ && stream_.avail_in == 0; }

 private:
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

std::string read_text_file(const std::filesystem::path& path, uint64_t limit) {
  const std::string data = base::read_small_file(path, limit);
  if (!is_gzip(data)) return data;
  Inflater inflater(data);
  std::string text, piece;
  do {
    if (!inflater.next(piece))
      base::fail(ErrorCode::invalid_argument, "the file \"%\" is damaged or cut short (gzip): get it again",
                 {path.string()});
    text += piece;
    if (text.size() > limit)
      base::fail(ErrorCode::limit, "the file \"%\" holds more than % bytes of text: split it", {path.string(), limit});
  } while (!inflater.ended());
  return text;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipOnly, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    base::fail(ErrorCode::out_of_memory, "cannot start zlib");
  std::string result(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  const int status = deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) base::fail(ErrorCode::internal, "zlib cannot compress a text of % bytes", {text.size()});
  return result;
}

}  // namespace motley::tuner
