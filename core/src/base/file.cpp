// Files: descriptors that close themselves, whole small files, and writing that leaves the old file or the new one.
#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "base/text.hpp"
#include "motley/error.hpp"

namespace motley::base {
namespace {

namespace fs = std::filesystem;

// One call moves at most this much: Linux itself stops at 2 GiB.
constexpr size_t kMostAtOnce = 1u << 30;

std::string system_text(int code) { return std::generic_category().message(code); }

}  // namespace

void throw_io_error(const std::string& what, const fs::path& path) {
  const int code = errno;
  base::fail(code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
             "cannot % \"%\" (%): check the path and its permissions", {what, path.string(), system_text(code)});
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor open_for_reading(const fs::path& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) throw_io_error("open", path);
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0) throw_io_error("examine", path);
  if (!S_ISREG(status.st_mode))
    base::fail(ErrorCode::io, "\"%\" is not an ordinary file: name a file", {path.string()});
  return descriptor;
}

uint64_t size_of_file(int descriptor, const std::string& what) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) throw_io_error("examine", what);
  return static_cast<uint64_t>(status.st_size);
}

size_t read_at(int descriptor, uint64_t offset, void* data, size_t size, const std::string& what) {
  size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(descriptor, static_cast<char*>(data) + done, std::min(size - done, kMostAtOnce),
                                  static_cast<off_t>(offset + done));
    if (count == 0) break;
    if (count > 0) done += static_cast<size_t>(count);
    else if (errno != EINTR) throw_io_error("read", what);
  }
  return done;
}

std::string read_small_file(const fs::path& path, uint64_t limit) {
  const Descriptor descriptor = open_for_reading(path);
  const uint64_t size = size_of_file(descriptor.get(), path.string());
  if (size > limit) {
    base::fail(ErrorCode::limit,
               "\"%\" is too large (% bytes, at most %): it is not the kind of file that was expected",
               {path.string(), size, limit});
  }
  std::string text(size, '\0');
  text.resize(read_at(descriptor.get(), 0, text.data(), text.size(), path.string()));
  return text;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  static std::atomic<uint32_t> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = base::text("%.tmp%-%", {path_.string(), ::getpid(), counter++});
    descriptor_ = Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (descriptor_.get() >= 0) return;
    if (errno != EEXIST) break;
  }
  throw_io_error("create", path_);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(size - done, kMostAtOnce));
    const ssize_t count = ::write(descriptor_.get(), static_cast<const char*>(data) + done, part);
    if (count >= 0) done += static_cast<uint64_t>(count);
    else if (errno != EINTR) throw_io_error("write", path_);
  }
  written_ += size;
}

void AtomicFile::write_zeros(uint64_t size) {
  static constexpr char kZeros[4096] = {};
  while (size > 0) {
    const uint64_t part = std::min<uint64_t>(size, sizeof kZeros);
    write(kZeros, part);
    size -= part;
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_.get()) != 0) throw_io_error("write", path_);
  // Some file systems report a full disk only here.
  if (::close(descriptor_.release()) != 0) throw_io_error("write", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_io_error("replace", path_);
  temporary_.clear();
  // The new name survives a power failure only once its folder is on disk. Not every file system can sync a folder.
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() >= 0) (void)::fsync(opened.get());
}

}  // namespace motley::base
