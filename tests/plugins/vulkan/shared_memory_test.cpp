// Memory that goes from one logical device to another as a file descriptor. What every plugin must do is the checker's
// to test (group `sharing`); this is what only the driver can refuse, and what is kept to itself.
#include <fcntl.h>
#include <unistd.h>

#include "../gpu/tested_plugin.hpp"

namespace motley::test {

namespace {

const motley_external_memory* external() {
  return static_cast<const motley_external_memory*>(tested_plugin()->get_extension(MOTLEY_EXTERNAL_MEMORY_EXTENSION));
}

#define SKIP_WITHOUT_SHARED_MEMORY()                                                            \
  SKIP_WITHOUT_DEVICE();                                                                        \
  motley_device_identity own{};                                                                 \
  own.struct_size = sizeof own;                                                                 \
  if (external()->identity(tested_device(), &own) != MOTLEY_OK || !own.exports || !own.imports) \
  GTEST_SKIP() << "the driver has no VK_KHR_external_memory_fd"

motley_memory_handle exported(motley_buffer* buffer) {
  motley_memory_handle handle{};
  handle.struct_size = sizeof handle;
  handle.fd = -1;
  ErrorText e;
  EXPECT_EQ(external()->buffer_export(buffer, MOTLEY_HANDLE_OPAQUE_FD, &handle, &e.error), MOTLEY_OK) << e.text;
  return handle;
}

void fill(motley_buffer* buffer, uint64_t size, uint8_t value) {
  void* mapped = nullptr;
  ASSERT_EQ(tested_plugin()->buffer_map(buffer, &mapped, nullptr), MOTLEY_OK);
  std::memset(mapped, value, size);
  tested_plugin()->buffer_unmap(buffer);
}
uint8_t last_byte(motley_buffer* buffer, uint64_t size) {
  void* mapped = nullptr;
  EXPECT_EQ(tested_plugin()->buffer_map(buffer, &mapped, nullptr), MOTLEY_OK);
  const uint8_t value = static_cast<uint8_t*>(mapped)[size - 1];
  tested_plugin()->buffer_unmap(buffer);
  return value;
}

}  // namespace

TEST(VulkanSharedMemory, OutlivesTheDeviceThatAllocatedIt) {
  SKIP_WITHOUT_SHARED_MEMORY();
  const motley_plugin& p = *tested_plugin();
  constexpr uint64_t kSize = 100000;
  motley_device* other = nullptr;
  motley_buffer *given = nullptr, *taken = nullptr;
  ErrorText e;
  ASSERT_EQ(p.device_open(0, &other, &e.error), MOTLEY_OK) << e.text;
  ASSERT_EQ(external()->buffer_alloc(other, kSize, MOTLEY_HANDLE_OPAQUE_FD, &given, &e.error), MOTLEY_OK) << e.text;
  fill(given, kSize, 42);
  const motley_memory_handle handle = exported(given);
  ASSERT_EQ(external()->buffer_import(tested_device(), &handle, &taken, &e.error), MOTLEY_OK) << e.text;
  close(handle.fd);
  p.buffer_release(given);
  p.device_close(other);
  EXPECT_EQ(last_byte(taken, kSize), 42);
  fill(taken, kSize, 43);
  EXPECT_EQ(last_byte(taken, kSize), 43);
  p.buffer_release(taken);
}

TEST(VulkanSharedMemory, OrdinaryBuffersAreNotGivenAway) {
  SKIP_WITHOUT_SHARED_MEMORY();
  motley_buffer* buffer = nullptr;
  ErrorText e;
  ASSERT_EQ(tested_plugin()->buffer_alloc(tested_device(), 4096, &buffer, &e.error), MOTLEY_OK);
  motley_memory_handle handle{};
  handle.struct_size = sizeof handle;
  handle.fd = -1;
  EXPECT_EQ(external()->buffer_export(buffer, MOTLEY_HANDLE_OPAQUE_FD, &handle, &e.error), MOTLEY_UNSUPPORTED);
  EXPECT_NE(std::string(e.text).find("not allocated to be shared"), std::string::npos) << e.text;
  EXPECT_EQ(handle.fd, -1);
  tested_plugin()->buffer_release(buffer);
}

TEST(VulkanSharedMemory, HandlesThatTheDriverDoesNotKnowAreRefused) {
  SKIP_WITHOUT_SHARED_MEMORY();
  motley_buffer *buffer = nullptr, *taken = nullptr;
  ErrorText e;
  ASSERT_EQ(external()->buffer_alloc(tested_device(), 4096, MOTLEY_HANDLE_OPAQUE_FD, &buffer, &e.error), MOTLEY_OK);
  motley_memory_handle good = exported(buffer);
  const auto refused = [&](motley_memory_handle handle, const char* what) {
    e.text[0] = 0;
    EXPECT_NE(external()->buffer_import(tested_device(), &handle, &taken, &e.error), MOTLEY_OK) << what;
    EXPECT_STRNE(e.text, "") << what;
    EXPECT_GE(fcntl(good.fd, F_GETFD), 0) << what;
  };
  motley_memory_handle wrong = good;
  wrong.memory_type = 77;
  refused(wrong, "memory type");
  wrong = good;
  wrong.offset = 1;
  wrong.size = 16;
  refused(wrong, "an odd offset");
  wrong = good;
  wrong.fd = open("/dev/null", O_RDWR);
  // Of a real GPU's driver nothing is expected here: it may look at nothing.
  if (std::string(reinterpret_cast<const char*>(own.device_uuid), 4) == "mesa") refused(wrong, "another file");
  close(wrong.fd);
  close(good.fd);
  tested_plugin()->buffer_release(buffer);
}

}  // namespace motley::test
