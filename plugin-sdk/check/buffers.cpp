// Device memory: allocating, mapping, importing, and offsets within it.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "checks.hpp"
#include "usage.hpp"

namespace motley::check {

namespace {

void need_buffers(Scene& scene) {
  if (!scene.api().buffer_alloc) throw Unsupported("buffer_alloc is NULL: the device works on host memory");
}

int round_trip(Scene& scene) {
  need_buffers(scene);
  int sizes = 0;
  for (const uint64_t size : {1u, 3u, 64u, 4095u, 4097u, 1u << 20}) {
    scene.reporter.stage("a buffer of " + std::to_string(size) + " bytes");
    const auto a = device_block(scene.device(), size), b = device_block(scene.device(), size);
    const auto pattern = [](uint64_t i, int salt) { return static_cast<std::byte>(i * 7 + i / 251 + salt); };
    for (int salt : {1, 2})
      (salt == 1 ? a : b)->visit([&](std::byte* bytes) {
        for (uint64_t i = 0; i < size; ++i) bytes[i] = pattern(i, salt);
      });
    for (int salt : {1, 2})
      (salt == 1 ? a : b)->visit([&](std::byte* bytes) {
        for (uint64_t i = 0; i < size; ++i)
          if (bytes[i] != pattern(i, salt))
            throw std::runtime_error("byte " + std::to_string(i) + " of a buffer of " + std::to_string(size) +
                                     " bytes is another after unmapping and mapping again");
      });
    ++sizes;
  }
  return sizes;
}

// Read and written in turn, each time mapped for that alone, or for both.
int map_for(Scene& scene) {
  need_buffers(scene);
  if (!scene.api().buffer_map_for) throw Unsupported("buffer_map_for is NULL: memory is mapped for both");
  const auto pattern = [](uint64_t i, uint64_t salt) { return static_cast<std::byte>(i * 5 + i / 239 + salt); };
  int tried = 0;
  for (const uint64_t size : {1u, 64u, 2047u, 5000u, 1u << 20}) {
    scene.reporter.stage("a buffer of " + std::to_string(size) + " bytes");
    const auto block = device_block(scene.device(), size);
    const auto expect = [&](uint32_t access, uint64_t salt, uint64_t salt_of_first, const char* when) {
      block->visit(
          [&](const std::byte* bytes) {
            for (uint64_t i = 0; i < size; ++i)
              if (bytes[i] != pattern(i, i ? salt : salt_of_first))
                throw std::runtime_error("byte " + std::to_string(i) + " of a buffer of " + std::to_string(size) +
                                         " bytes is another " + when);
          },
          access);
    };
    for (const uint64_t salt : {1u, 2u}) {
      block->visit(
          [&](std::byte* bytes) {
            for (uint64_t i = 0; i < size; ++i) bytes[i] = pattern(i, salt);
          },
          MOTLEY_MAP_WRITE);
      expect(MOTLEY_MAP_READ, salt, salt, "after it was mapped for writing");
      expect(MOTLEY_MAP_READ | MOTLEY_MAP_WRITE, salt, salt, "after it was mapped for reading");
      block->visit([&](std::byte* bytes) { bytes[0] = pattern(0, salt + 7); });
      expect(MOTLEY_MAP_READ, salt, salt + 7, "after one byte of it was written, mapped for both");
    }
    ++tried;
  }
  return tried;
}

int odd_sizes(Scene& scene) {
  need_buffers(scene);
  for (const uint64_t size : {uint64_t{0}, uint64_t{1} << 62, UINT64_MAX}) {
    scene.reporter.stage("a buffer of " + std::to_string(size) + " bytes");
    ErrorBuffer message;
    motley_buffer* buffer = nullptr;
    const motley_status status = call("buffer_alloc", [&] {
      return scene.api().buffer_alloc(scene.device().handle(), size, &buffer, &message.error);
    });
    if (status == MOTLEY_OK && buffer) scene.api().buffer_release(buffer);
    if (status == MOTLEY_OK && size)
      throw std::runtime_error("buffer_alloc gives a buffer of " + std::to_string(size) + " bytes");
    if (status != MOTLEY_OK && message.text[0] == 0)
      throw std::runtime_error("buffer_alloc refuses " + std::to_string(size) + " bytes without a sentence");
  }
  return 3;
}

int leaks(Scene& scene) {
  need_buffers(scene);
  const int rounds = scene.options.by_depth(50, 200, 2000);
  const std::string left = growth(
      [&] { device_block(scene.device(), 10000)->visit([](std::byte* bytes) { std::memset(bytes, 1, 10000); }); }, 20,
      rounds);
  if (!left.empty()) throw std::runtime_error("allocating, mapping and releasing a buffer " + left);
  return rounds;
}

int in_layout(Scene& scene, Placing placing, const char* when) {
  const Case& c = scene.simple();
  Program program(scene.device(), c.graph);
  int runs = 0;
  for (const uint64_t seed : {1, 2}) {
    const Prepared p = scene.prepare(c, seed);
    for (const std::byte garbage : {std::byte{0xff}, std::byte{0xa5}}) {
      scene.reporter.stage(c.label + when);
      expect_equal(c.graph, p.expected, program.run(p.inputs, {placing, garbage}), when);
      ++runs;
    }
  }
  return runs;
}

int imported(Scene& scene) {
  if (!scene.api().buffer_import) throw Unsupported("buffer_import is NULL");
  return in_layout(scene, Placing::imported, " in imported memory");
}

// The host keeps imported memory: what it wrote before is seen, and releasing the buffer does not free it.
int import_keeps_owner(Scene& scene) {
  if (!scene.api().buffer_import) throw Unsupported("buffer_import is NULL");
  constexpr uint64_t kSize = 8192;
  GuardedPages pages(kSize, "memory to import");
  for (int round = 0; round < 3; ++round) {
    std::fill(pages.begin(), pages.end(), static_cast<std::byte>(round + 1));
    ErrorBuffer message;
    motley_buffer* buffer = nullptr;
    const motley_status status = call("buffer_import", [&] {
      return scene.api().buffer_import(scene.device().handle(), pages.begin(), kSize, &buffer, &message.error);
    });
    if (status == MOTLEY_UNSUPPORTED) throw Unsupported(std::string("buffer_import: ") + message.text);
    if (status != MOTLEY_OK) throw std::runtime_error(std::string("buffer_import failed: ") + message.text);
    void* mapped = nullptr;
    succeed("buffer_map", message, [&] { return scene.api().buffer_map(buffer, &mapped, &message.error); });
    const auto* bytes = static_cast<const std::byte*>(mapped);
    const bool same =
        std::all_of(bytes, bytes + kSize, [&](std::byte b) { return b == static_cast<std::byte>(round + 1); });
    scene.api().buffer_unmap(buffer);
    scene.api().buffer_release(buffer);
    if (!same) throw std::runtime_error("a buffer does not hold what the imported memory held");
    std::fill(pages.begin(), pages.end(), std::byte{0});  // faults if the plugin gave it away
  }
  return 3;
}

// Memory that begins or ends anywhere: refused with a sentence, or it works.
int import_unaligned(Scene& scene) {
  if (!scene.api().buffer_import) throw Unsupported("buffer_import is NULL");
  GuardedPages pages(8192, "memory to import");
  int tried = 0;
  for (const uint64_t offset : {1u, 4u, 64u})
    for (const uint64_t size : {1u, 100u, 4096u}) {
      std::fill(pages.begin(), pages.end(), std::byte{0x42});
      ErrorBuffer message;
      motley_buffer* buffer = nullptr;
      const motley_status status = call("buffer_import", [&] {
        return scene.api().buffer_import(scene.device().handle(), pages.begin() + offset, size, &buffer,
                                         &message.error);
      });
      ++tried;
      if (status != MOTLEY_OK) {
        if (message.text[0] == 0) throw std::runtime_error("buffer_import refuses memory without a sentence");
        continue;
      }
      void* mapped = nullptr;
      succeed("buffer_map", message, [&] { return scene.api().buffer_map(buffer, &mapped, &message.error); });
      const bool same = static_cast<std::byte*>(mapped)[0] == std::byte{0x42};
      scene.api().buffer_unmap(buffer);
      scene.api().buffer_release(buffer);
      if (!same)
        throw std::runtime_error("buffer_import accepts memory at an address that ends in " + std::to_string(offset) +
                                 ", and maps other bytes");
    }
  return tried;
}

}  // namespace

void add_buffer_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, Body body) {
    plan.push_back({"memory", name, about, std::move(body)});
  };
  add("ends", "nothing past the end of any tensor, constant or scratch is touched",
      [](Scene& s) { return in_layout(s, Placing::at_end, " with memory that ends where its bytes do"); });
  add("begins", "nothing before any tensor is touched",
      [](Scene& s) { return in_layout(s, Placing::at_front, " with memory that begins where its bytes do"); });
  add("offsets", "bindings at an offset, the least aligned that is allowed",
      [](Scene& s) { return in_layout(s, Placing::offset, " with memory bound at an offset"); });
  add("arena", "all tensors and scratch in one piece of memory",
      [](Scene& s) { return in_layout(s, Placing::arena, " with all memory in one piece"); });
  add("round_trip", "a buffer holds what was written to it", round_trip);
  add("map_for", "buffers mapped for reading or writing alone keep what they should", map_for);
  add("odd_sizes", "buffers of no size and of too much are handled", odd_sizes);
  add("leaks", "buffers leave nothing behind", leaks);
  add("imported", "runs on imported host memory", imported);
  add("import_keeps_owner", "imported memory stays the host's", import_keeps_owner);
  add("import_unaligned", "odd addresses are refused with a sentence, or work", import_unaligned);
}

}  // namespace motley::check
