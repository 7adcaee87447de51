// The extension motley.external_memory/1: memory that goes from device to device as a file descriptor.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "checks.hpp"
#include "usage.hpp"

namespace motley::check {

namespace {

constexpr uint32_t kKind = MOTLEY_HANDLE_OPAQUE_FD;

motley_external_memory extension_of(const motley_plugin& api) {
  motley_external_memory copy{};
  const auto* external =
      api.get_extension
          ? static_cast<const motley_external_memory*>(api.get_extension(MOTLEY_EXTERNAL_MEMORY_EXTENSION))
          : nullptr;
  if (!external) throw Unsupported("the plugin has no extension " MOTLEY_EXTERNAL_MEMORY_EXTENSION);
  std::memcpy(&copy, external, std::min<size_t>(external->struct_size, sizeof copy));
  return copy;
}

motley_device_identity identity_of(const motley_external_memory& external, motley_device* device) {
  if (!external.identity) throw std::runtime_error("the extension has no function identity (required)");
  motley_device_identity identity{};
  identity.struct_size = sizeof identity;
  const motley_status status = call("identity", [&] { return external.identity(device, &identity); });
  if (status == MOTLEY_UNSUPPORTED) throw Unsupported("identity: the driver shares no memory");
  if (status != MOTLEY_OK) throw std::runtime_error(std::string("identity failed: ") + status_name(status));
  return identity;
}

// The extension on a device that takes descriptors; most is shown by one that gives them itself.
struct Sharing {
  enum class Needs { both, taking };
  explicit Sharing(Scene& scene, Needs needs = Needs::both)
      : api(scene.api()),
        external(extension_of(api)),
        device(scene.device().handle()),
        identity(identity_of(external, device)) {
    if (needs == Needs::both && !gives()) throw Unsupported("the device gives no memory as file descriptors");
    if (!(identity.imports >> kKind & 1)) throw Unsupported("the device takes no memory by file descriptor");
  }
  bool gives() const { return (identity.exports >> kKind & 1) != 0; }
  const motley_plugin& api;
  motley_external_memory external;
  motley_device* device;
  motley_device_identity identity;
};

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// A descriptor of the host's.
class Handle {
 public:
  Handle(Sharing& s, motley_buffer* buffer) {
    ErrorBuffer message;
    raw.struct_size = sizeof raw;
    raw.fd = -1;
    succeed("buffer_export", message, [&] { return s.external.buffer_export(buffer, kKind, &raw, &message.error); });
    if (raw.fd < 0 || !is_open(raw.fd)) throw std::runtime_error("buffer_export returned OK and no open descriptor");
  }
  // Made up, of a file of so many bytes. A device's own UUIDs, but nothing for its driver.
  Handle(const Sharing& s, uint64_t size) {
    raw.struct_size = sizeof raw;
    raw.kind = kKind;
    raw.size = raw.memory_size = size;
    raw.memory_type = UINT32_MAX;
    std::memcpy(raw.device_uuid, s.identity.device_uuid, sizeof raw.device_uuid);
    std::memcpy(raw.driver_uuid, s.identity.driver_uuid, sizeof raw.driver_uuid);
    raw.fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    if (raw.fd < 0) throw std::runtime_error("/dev/zero cannot be opened");
  }
  ~Handle() { close(raw.fd); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void expect_open(const char* when) const {
    if (!is_open(raw.fd)) throw std::runtime_error(std::string(when) + " closed the host's descriptor");
  }
  motley_memory_handle raw{};
};

class Buffer {
 public:
  // Fresh, to be shared.
  Buffer(Sharing& s, uint64_t size) : s_(s) {
    ErrorBuffer message;
    succeed("buffer_alloc of " MOTLEY_EXTERNAL_MEMORY_EXTENSION, message,
            [&] { return s_.external.buffer_alloc(s_.device, size, kKind, &buffer_, &message.error); });
    need();
  }
  // Over what the handle gives.
  Buffer(Sharing& s, const motley_memory_handle& handle) : s_(s) {
    ErrorBuffer message;
    succeed("buffer_import of " MOTLEY_EXTERNAL_MEMORY_EXTENSION, message,
            [&] { return s_.external.buffer_import(s_.device, &handle, &buffer_, &message.error); });
    need();
  }
  ~Buffer() { release(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void release() {
    if (buffer_) s_.api.buffer_release(buffer_);
    buffer_ = nullptr;
  }
  motley_buffer* get() const { return buffer_; }
  void visit(const std::function<void(std::byte*)>& look) const {
    ErrorBuffer message;
    void* mapped = nullptr;
    succeed("buffer_map", message, [&] { return s_.api.buffer_map(buffer_, &mapped, &message.error); });
    if (!mapped) throw std::runtime_error("buffer_map returned OK and no address");
    look(static_cast<std::byte*>(mapped));
    s_.api.buffer_unmap(buffer_);
  }

 private:
  void need() const {
    if (!buffer_) throw std::runtime_error("the extension returned OK and no buffer");
  }
  Sharing& s_;
  motley_buffer* buffer_ = nullptr;
};

int identity(Scene& scene) {
  const motley_external_memory external = extension_of(scene.api());
  motley_device* const device = scene.device().handle();
  const motley_device_identity first = identity_of(external, device), second = identity_of(external, device);
  const auto is_zero = [](const uint8_t(&uuid)[16]) {
    return std::all_of(std::begin(uuid), std::end(uuid), [](uint8_t byte) { return byte == 0; });
  };
  if (is_zero(first.device_uuid)) throw std::runtime_error("device_uuid is all zeros: it would match other devices");
  if (is_zero(first.driver_uuid)) throw std::runtime_error("driver_uuid is all zeros: it would match other drivers");
  if (std::memcmp(&first, &second, sizeof first) != 0)
    throw std::runtime_error("identity says something else the second time");
  if (!first.exports && !first.imports)
    throw std::runtime_error("identity gives UUIDs, and no handle is given or taken");
  if (first.exports && (!external.buffer_alloc || !external.buffer_export))
    throw std::runtime_error("the device exports memory, yet buffer_alloc or buffer_export of the extension is NULL");
  if (first.imports && !external.buffer_import)
    throw std::runtime_error("the device imports memory, yet buffer_import of the extension is NULL");
  return 2;
}

void check_handle(const Sharing& s, const motley_memory_handle& handle, uint64_t size) {
  if (handle.kind != kKind) throw std::runtime_error("buffer_export gives another kind of handle than was asked for");
  if (handle.size != size)
    throw std::runtime_error("the handle of a buffer of " + std::to_string(size) + " bytes says " +
                             std::to_string(handle.size));
  if (handle.offset > handle.memory_size || handle.memory_size - handle.offset < size)
    throw std::runtime_error("the handle's buffer does not lie in its memory");
  if (std::memcmp(handle.device_uuid, s.identity.device_uuid, 16) != 0 ||
      std::memcmp(handle.driver_uuid, s.identity.driver_uuid, 16) != 0)
    throw std::runtime_error("the handle has other UUIDs than identity gives");
}

std::byte pattern(uint64_t i, int salt) {
  return static_cast<std::byte>(i * 7 + i / 251 + static_cast<uint64_t>(salt));
}

void write(const Buffer& buffer, uint64_t size, int salt) {
  buffer.visit([&](std::byte* bytes) {
    for (uint64_t i = 0; i < size; ++i) bytes[i] = pattern(i, salt);
  });
}
void expect(const Buffer& buffer, uint64_t size, int salt, const char* what) {
  buffer.visit([&](const std::byte* bytes) {
    for (uint64_t i = 0; i < size; ++i)
      if (bytes[i] != pattern(i, salt)) throw std::runtime_error(std::string(what) + " shows other bytes");
  });
}

int round_trip(Scene& scene) {
  Sharing s(scene);
  int sizes = 0;
  for (const uint64_t size : {1u, 3u, 64u, 4095u, 4097u, 1u << 20}) {
    scene.reporter.stage("shared memory of " + std::to_string(size) + " bytes");
    Buffer own(s, size);
    write(own, size, 1);
    Handle handle(s, own.get());
    const Handle second(s, own.get());
    handle.expect_open("a second buffer_export");
    check_handle(s, handle.raw, size);
    const Buffer other(s, handle.raw);
    handle.expect_open("buffer_import");
    expect(other, size, 1, "a buffer that was imported");
    write(other, size, 2);
    expect(own, size, 2, "a buffer whose memory was written to through another");
    const Buffer third(s, second.raw);
    own.release();
    expect(other, size, 2, "a buffer that was imported, after the exported one was released,");
    write(other, size, 3);
    expect(third, size, 3, "a second buffer over the same memory");
    ++sizes;
  }
  return sizes;
}

// Kernels read and write imported memory; what they wrote is seen through the buffer that was exported.
int runs(Scene& scene) {
  Sharing s(scene);
  const Case& c = scene.simple();
  Program program(scene.device(), c.graph);
  int done = 0;
  for (const uint64_t seed : {1, 2, 3}) {
    scene.reporter.stage(c.label + " on imported memory");
    const auto p = scene.prepare(c, seed);
    std::vector<std::unique_ptr<Buffer>> own, taken;
    std::vector<motley_binding> bindings;
    const auto add = [&](uint64_t size) {
      own.push_back(std::make_unique<Buffer>(s, std::max<uint64_t>(size, 1)));
      const Handle handle(s, own.back()->get());
      taken.push_back(std::make_unique<Buffer>(s, handle.raw));
      bindings.push_back({taken.back()->get(), nullptr, 0, size});
    };
    const size_t inputs = program.input_bytes().size(), outputs = program.output_bytes().size();
    for (const uint64_t size : program.input_bytes()) add(size);
    for (const uint64_t size : program.output_bytes()) add(size);
    for (size_t i = 0; i < inputs; ++i)
      own[i]->visit([&](std::byte* bytes) { std::copy(p.inputs[i].begin(), p.inputs[i].end(), bytes); });
    std::unique_ptr<Block> scratch;
    motley_submission submission{};
    submission.struct_size = sizeof submission;
    submission.input_count = static_cast<uint32_t>(inputs);
    submission.output_count = static_cast<uint32_t>(outputs);
    submission.inputs = bindings.data();
    submission.outputs = bindings.data() + inputs;
    submission.signal_value = 1;
    if (const uint64_t bytes = program.requirements().scratch_bytes) {
      scratch = device_block(scene.device(), bytes);
      submission.scratch = scratch->binding(0, bytes);
    }
    const Queue queue(scene.device());
    ErrorBuffer message;
    succeed("submit", message,
            [&] { return s.api.submit(s.device, queue.handle(), program.handle(), &submission, &message.error); });
    succeed("fence_wait", message, [&] { return queue.wait(1, UINT64_MAX, message); });
    std::vector<Bytes> got;
    for (size_t i = 0; i < outputs; ++i)
      own[inputs + i]->visit(
          [&](const std::byte* bytes) { got.emplace_back(bytes, bytes + program.output_bytes()[i]); });
    expect_equal(c.graph, p.expected, got, " in imported memory");
    ++done;
  }
  return done;
}

// Handles that are none of the device's are refused with a sentence, and leave the descriptor alone.
int foreign(Scene& scene) {
  Sharing s(scene, Sharing::Needs::taking);
  const auto own = s.gives() ? std::make_unique<Buffer>(s, 4096) : nullptr;
  const auto given = own ? std::make_unique<Handle>(s, own->get()) : std::make_unique<Handle>(s, uint64_t{4096});
  const Handle& handle = *given;
  int tried = 0;
  const auto refuse = [&](const char* what, auto change) {
    scene.reporter.stage(std::string("a handle whose ") + what);
    motley_memory_handle wrong = handle.raw;
    change(wrong);
    ErrorBuffer message;
    motley_buffer* buffer = nullptr;
    const int before = open_descriptors();
    const motley_status status =
        call("buffer_import", [&] { return s.external.buffer_import(s.device, &wrong, &buffer, &message.error); });
    if (status == MOTLEY_OK) {
      if (buffer) s.api.buffer_release(buffer);
      throw std::runtime_error(std::string("buffer_import takes a handle whose ") + what);
    }
    if (message.text[0] == 0)
      throw std::runtime_error(std::string("buffer_import refuses, without a sentence, a handle whose ") + what);
    handle.expect_open("buffer_import, which refused a handle,");
    if (open_descriptors() != before)
      throw std::runtime_error(std::string("a descriptor is left behind by refusing a handle whose ") + what);
    ++tried;
  };
  refuse("device_uuid is that of another device", [](motley_memory_handle& h) { h.device_uuid[3] ^= 0x40; });
  refuse("driver_uuid is that of another driver", [](motley_memory_handle& h) { h.driver_uuid[7] ^= 0x40; });
  refuse("kind is not known", [](motley_memory_handle& h) { h.kind = 31; });
  refuse("buffer does not lie in the memory", [](motley_memory_handle& h) { h.size = h.memory_size + 1; });
  refuse("buffer does not lie in the memory (by its offset)",
         [](motley_memory_handle& h) { h.offset = UINT64_MAX - 8; });
  refuse("descriptor is missing", [](motley_memory_handle& h) { h.fd = -1; });
  if (!s.gives()) return tried;
  ErrorBuffer message;
  motley_buffer* buffer = nullptr;
  const motley_status status =
      call("buffer_alloc", [&] { return s.external.buffer_alloc(s.device, 64, 31, &buffer, &message.error); });
  if (status == MOTLEY_OK)
    throw std::runtime_error("buffer_alloc makes memory for handles of a kind that is not known");
  return tried + 1;
}

int leaks(Scene& scene) {
  Sharing s(scene);
  const int rounds = scene.options.by_depth(50, 200, 2000);
  const std::string left = growth(
      [&] {
        const Buffer own(s, 10000);
        const Handle handle(s, own.get());
        const Buffer other(s, handle.raw);
        other.visit([](std::byte* bytes) { std::memset(bytes, 1, 10000); });
      },
      20, rounds);
  if (!left.empty()) throw std::runtime_error("sharing a buffer " + left);
  return rounds;
}

}  // namespace

void add_sharing_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"sharing", name, about, body});
  };
  add("identity", "the device says which hardware it is, and the same twice", identity);
  add("round_trip", "buffers over one memory show the same bytes, whichever is released first", round_trip);
  add("runs", "kernels work on imported memory", runs);
  add("foreign", "handles of other devices, and those that cannot be, are refused with a sentence", foreign);
  add("leaks", "sharing leaves nothing behind", leaks);
}

}  // namespace motley::check
