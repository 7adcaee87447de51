// A cache for the host plugin: a head, and the model that was compiled; importing compiles it again.
#include <map>
#include <mutex>

#include "host.hpp"
#include "kind.hpp"

namespace motley::test {

namespace {

// "MCH1", the checksum and size of the model, then the model.
struct Head {
  char magic[4];
  uint32_t checksum;
  uint64_t size;
};

uint32_t checksum_of(const void* data, uint64_t size) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (uint64_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 16777619u;
  return hash;
}

// What each executable was compiled from.
std::mutex mutex;
std::map<motley_executable*, std::string>& models() {
  static auto* all = new std::map<motley_executable*, std::string>;
  return *all;
}
motley_plugin good;

motley_status compile(motley_device* device, const motley_graph* segment, const motley_compile_options* options,
                      motley_executable** executable, motley_error* error) {
  const motley_status status = good.compile(device, segment, options, executable, error);
  if (status != MOTLEY_OK) return status;
  const motley_status kept = sdk::guarded(error, [&] {
    std::string model(static_cast<const char*>(segment->model.data), segment->model.size);
    const std::lock_guard lock(mutex);
    models()[*executable] = std::move(model);
  });
  if (kept != MOTLEY_OK) {
    good.exec_release(*executable);
    *executable = nullptr;
  }
  return kept;
}

void release(motley_executable* executable) {
  {
    const std::lock_guard lock(mutex);
    models().erase(executable);
  }
  good.exec_release(executable);
}

motley_status export_model(motley_executable* executable, const motley_sink* sink, motley_error* error) {
  return sdk::guarded(error, [&] {
    const std::lock_guard lock(mutex);
    const std::string& model = models()[executable];
    Head head{{'M', 'C', 'H', '1'}, checksum_of(model.data(), model.size()), model.size()};
    if (breaks("wrong_export")) ++head.checksum;
    sink->write(sink->context, &head, sizeof head);
    if (!breaks("empty_export")) sink->write(sink->context, model.data(), model.size());
  });
}

bool is_whole(motley_bytes cache, const char** model, Head& head) {
  if (!breaks("trusts_cache_size") && cache.size < sizeof head) return false;
  std::memcpy(&head, cache.data, sizeof head);
  *model = static_cast<const char*>(cache.data) + sizeof head;
  if (std::memcmp(head.magic, "MCH1", 4) != 0) return false;
  if (!breaks("trusts_cache_size") && head.size != cache.size - sizeof head) return false;
  return breaks("no_checksum") || checksum_of(*model, head.size) == head.checksum;
}

motley_cache_verdict verdict(motley_device*, motley_bytes cache) {
  const char* model = nullptr;
  Head head{};
  if (breaks("rejects_own_cache")) return MOTLEY_CACHE_INCOMPATIBLE;
  return is_whole(cache, &model, head) ? MOTLEY_CACHE_OPTIMAL : MOTLEY_CACHE_INCOMPATIBLE;
}

motley_status import(motley_device* device, const motley_graph* segment, motley_bytes cache,
                     motley_executable** executable, motley_error* error) {
  return sdk::guarded(error, [&] {
    const char* model = nullptr;
    Head head{};
    if (!is_whole(cache, &model, head)) throw sdk::StatusError(MOTLEY_INCOMPATIBLE_CACHE, "the cache is damaged");
    const std::string bytes(model, head.size);
    const bool same =
        bytes.size() == segment->model.size && std::memcmp(bytes.data(), segment->model.data, bytes.size()) == 0;
    if (!same && !breaks("no_checksum") && !breaks("takes_any_graph"))
      throw sdk::StatusError(MOTLEY_INCOMPATIBLE_CACHE, "the cache is of another graph");
    motley_graph graph = *segment;
    graph.model = {bytes.data(), bytes.size()};
    const motley_compile_options options{sizeof options, 0, nullptr, 0};
    const motley_status status = compile(device, &graph, &options, executable, error);
    if (status != MOTLEY_OK) throw sdk::StatusError(status, "the cached graph does not compile");
  });
}

}  // namespace

void add_cache(motley_plugin& p) {
  good = p;
  p.compile = compile;
  p.exec_release = release;
  p.exec_export = export_model;
  p.cache_verdict = verdict;
  p.exec_import = import;
}

}  // namespace motley::test
