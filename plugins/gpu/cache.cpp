// Compiled kernels as bytes that outlive the process.
#include "cache.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace motley::gpu {

namespace {

struct Header {
  char magic[8];
  uint64_t content_bytes, content_hash, identity_hash;
};
constexpr char kMagic[8] = {'M', 'T', 'L', 'Y', 'G', 'P', 'U', '1'};
constexpr uint64_t kMostBytes = uint64_t{1} << 30;

Header header_for(std::span<const std::byte> content, const std::string& identity) {
  Header h{};
  std::memcpy(h.magic, kMagic, sizeof kMagic);
  h.content_bytes = content.size();
  h.identity_hash = hash(identity);
  h.content_hash = hash(content, h.identity_hash);
  return h;
}

}  // namespace

uint64_t hash(std::span<const std::byte> bytes, uint64_t seed) {
  for (std::byte b : bytes) seed = (seed ^ static_cast<uint64_t>(b)) * 0x100000001b3u;
  return seed;
}

std::vector<std::byte> wrap(std::span<const std::byte> content, const std::string& identity) {
  const Header h = header_for(content, identity);
  std::vector<std::byte> bytes(sizeof h + content.size());
  std::memcpy(bytes.data(), &h, sizeof h);
  if (!content.empty()) std::memcpy(bytes.data() + sizeof h, content.data(), content.size());
  return bytes;
}

Wrapping unwrap(std::span<const std::byte> bytes, const std::string& identity, std::span<const std::byte>& content) {
  Header h;
  if (bytes.size() < sizeof h) return Wrapping::damaged;
  std::memcpy(&h, bytes.data(), sizeof h);
  content = bytes.subspan(sizeof h);
  if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0 || h.content_bytes != content.size()) return Wrapping::damaged;
  if (h.content_hash != hash(content, h.identity_hash)) return Wrapping::damaged;
  return h.identity_hash == hash(identity) ? Wrapping::intact : Wrapping::foreign;
}

void append_blob(std::vector<std::byte>& to, std::span<const std::byte> blob) {
  const uint64_t size = blob.size();
  const auto* p = reinterpret_cast<const std::byte*>(&size);
  to.insert(to.end(), p, p + sizeof size);
  to.insert(to.end(), blob.begin(), blob.end());
}

bool take_blob(std::span<const std::byte>& from, std::span<const std::byte>& blob) {
  uint64_t size;
  if (from.size() < sizeof size) return false;
  std::memcpy(&size, from.data(), sizeof size);
  if (size > from.size() - sizeof size) return false;
  blob = from.subspan(sizeof size, size);
  from = from.subspan(sizeof size + size);
  return true;
}

DiskCache::DiskCache(const std::string& plugin) {
  const char* chosen = std::getenv("MOTLEY_KERNEL_CACHE");
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (chosen && std::strcmp(chosen, "0") == 0) return;
  if (chosen && *chosen) folder_ = std::string(chosen) + "/" + plugin;
  else if (xdg && *xdg == '/') folder_ = std::string(xdg) + "/motley/" + plugin;
  else if (home && *home == '/') folder_ = std::string(home) + "/.cache/motley/" + plugin;
}

std::vector<std::byte> DiskCache::read(const std::string& name, const std::string& identity) const {
  if (folder_.empty()) return {};
  std::ifstream file(folder_ + "/" + name, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<int64_t>(file.tellg());
  if (size <= 0 || static_cast<uint64_t>(size) > kMostBytes) return {};
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) return {};
  std::span<const std::byte> content;
  if (unwrap(bytes, identity, content) != Wrapping::intact) return {};
  return {content.begin(), content.end()};
}

void DiskCache::write(const std::string& name, const std::string& identity, std::span<const std::byte> content) const {
  if (folder_.empty()) return;
  static std::atomic<uint32_t> count{0};
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return;
  // Under another name first: a reader never sees half a file, and of two writers one wins.
  const std::string path = folder_ + "/" + name;
  const std::string partial = path + "." + std::to_string(getpid()) + "." + std::to_string(count++);
  {
    const std::vector<std::byte> bytes = wrap(content, identity);
    std::ofstream file(partial, std::ios::binary);
    if (!file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
      file.close();
      std::filesystem::remove(partial, error);
      return;
    }
  }
  std::filesystem::rename(partial, path, error);
  if (error) std::filesystem::remove(partial, error);
}

}  // namespace motley::gpu
