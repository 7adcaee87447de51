// The queued device, doing one thing wrong with buffers, queues or fences.
#include "../../runtime/plugins/queued_device.hpp"

#include "kind.hpp"

namespace motley::test {

namespace {

using namespace queued;

motley_plugin good;

void break_buffers(motley_plugin& p) {
  if (breaks("ignores_buffer_offset"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      motley_submission copy = *s;
      std::vector<motley_binding> outputs(s->outputs, s->outputs + s->output_count);
      for (motley_binding& b : outputs) b.offset = 0;
      copy.outputs = outputs.data();
      return good.submit(d, q, e, &copy, error);
    };
  if (breaks("writes_behind_buffer"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      for (uint32_t i = 0; i < s->output_count; ++i) {
        const motley_binding& b = s->outputs[i];
        if (b.offset) static_cast<char*>(as_buffer(b.buffer)->memory)[b.offset + b.size] = 1;
      }
      return good.submit(d, q, e, s, error);
    };
  if (breaks("forgets_writes"))
    p.buffer_unmap = [](motley_buffer* b) {
      if (as_buffer(b)->owned.size() > 100) static_cast<char*>(as_buffer(b)->memory)[10] = 0;
    };
  if (breaks("loses_kept_bytes"))  // takes reading for writing: what the device held is not brought
    p.buffer_map_for = [](motley_buffer* b, uint32_t access, void** host, motley_error* error) {
      const motley_status status = good.buffer_map(b, host, error);
      if (access == MOTLEY_MAP_READ) std::memset(*host, 0, as_buffer(b)->owned.size());
      return status;
    };
  if (breaks("any_size"))
    p.buffer_alloc = [](motley_device* d, uint64_t size, motley_buffer** buffer, motley_error* error) {
      return good.buffer_alloc(d, std::min<uint64_t>(size, 1 << 24), buffer, error);
    };
  if (breaks("leaks_buffers")) p.buffer_release = [](motley_buffer*) {};
  if (breaks("import_ignores_memory"))
    p.buffer_import = [](motley_device* d, void*, uint64_t size, motley_buffer** buffer, motley_error* error) {
      return good.buffer_alloc(d, size, buffer, error);
    };
  if (breaks("import_owns"))
    p.buffer_release = [](motley_buffer* b) {
      if (as_buffer(b)->owned.empty()) std::free(as_buffer(b)->memory);
      good.buffer_release(b);
    };
  if (breaks("import_silent"))
    p.buffer_import = [](motley_device* d, void* host, uint64_t size, motley_buffer** buffer, motley_error*) {
      return good.buffer_import(d, host, size, buffer, nullptr);
    };
}

motley_external_memory good_external, broken_external;

const void* broken_extension(const char* id) {
  return std::strcmp(id, MOTLEY_EXTERNAL_MEMORY_EXTENSION) == 0 ? &broken_external : nullptr;
}

void break_sharing(motley_plugin& p) {
  good_external = *static_cast<const motley_external_memory*>(p.get_extension(MOTLEY_EXTERNAL_MEMORY_EXTENSION));
  broken_external = good_external;
  p.get_extension = broken_extension;
  motley_external_memory& m = broken_external;
  if (breaks("shares_a_copy"))
    m.buffer_import = [](motley_device* d, const motley_memory_handle* h, motley_buffer** b, motley_error* error) {
      motley_buffer* shared = nullptr;
      const motley_status status = good_external.buffer_import(d, h, &shared, error);
      if (status != MOTLEY_OK) return status;
      good.buffer_alloc(d, h->size, b, error);
      std::memcpy(as_buffer(*b)->memory, as_buffer(shared)->memory, h->size);
      good.buffer_release(shared);
      return MOTLEY_OK;
    };
  if (breaks("takes_any_handle"))
    m.buffer_import = [](motley_device* d, const motley_memory_handle* h, motley_buffer** b, motley_error* error) {
      motley_memory_handle handle = *h;
      const motley_device_identity own = own_identity();
      std::memcpy(handle.device_uuid, own.device_uuid, sizeof own.device_uuid);
      return good_external.buffer_import(d, &handle, b, error);
    };
  if (breaks("takes_any_range"))
    m.buffer_import = [](motley_device* d, const motley_memory_handle* h, motley_buffer** b, motley_error* error) {
      motley_memory_handle handle = *h;
      handle.size = std::min(handle.size, handle.memory_size);
      handle.offset = 0;
      return good_external.buffer_import(d, &handle, b, error);
    };
  if (breaks("leaks_handle"))
    m.buffer_import = [](motley_device* d, const motley_memory_handle* h, motley_buffer** b, motley_error* error) {
      (void)!dup(h->fd);
      return good_external.buffer_import(d, h, b, error);
    };
  if (breaks("closes_handle"))
    m.buffer_import = [](motley_device* d, const motley_memory_handle* h, motley_buffer** b, motley_error* error) {
      const motley_status status = good_external.buffer_import(d, h, b, error);
      close(h->fd);
      return status;
    };
  if (breaks("lends_one_handle"))
    m.buffer_export = [](motley_buffer* b, uint32_t kind, motley_memory_handle* handle, motley_error* error) {
      static int fd = -1;
      const motley_status status = good_external.buffer_export(b, kind, handle, error);
      if (fd >= 0) close(fd);  // the last one, which the host may still hold
      fd = handle->fd;
      return status;
    };
  if (breaks("no_uuid"))
    m.identity = [](motley_device* d, motley_device_identity* identity) {
      good_external.identity(d, identity);
      std::memset(identity->driver_uuid, 0, sizeof identity->driver_uuid);
      return MOTLEY_OK;
    };
}

// A submission that is kept back.
struct Held {
  motley_queue* queue = nullptr;
  motley_executable* executable = nullptr;
  motley_submission submission{};
  std::vector<motley_binding> inputs, outputs;
} held;

void release_held() {
  if (!held.executable) return;
  held.submission.inputs = held.inputs.data();
  held.submission.outputs = held.outputs.data();
  good.submit(nullptr, held.queue, held.executable, &held.submission, nullptr);
  held = {};
}

void hold(motley_queue* q, motley_executable* e, const motley_submission& s) {
  held = {q, e, s, {s.inputs, s.inputs + s.input_count}, {s.outputs, s.outputs + s.output_count}};
}

motley_status fence_wait_of_held(motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error* error) {
  release_held();
  return good.fence_wait(q, value, timeout_ns, error);
}

// Submits with the job's waits or order changed.
void break_order(motley_plugin& p) {
  // What waits for something is done at once; what does not is kept back for a call, so that it is late.
  if (breaks("ignores_waits")) {
    p.submit = [](motley_device*, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      if (!s->wait_count) {
        release_held();
        hold(q, e, *s);
        return MOTLEY_OK;
      }
      motley_submission now = *s;
      now.wait_count = 0;
      const motley_status status = good.submit(nullptr, q, e, &now, error);
      if (status == MOTLEY_OK) good.fence_wait(q, now.signal_value, UINT64_MAX, nullptr);
      release_held();
      return status;
    };
    p.fence_wait = fence_wait_of_held;
  }
  // Of two submissions the second goes first, unless it waits for something; the timeline moves on as if nothing was.
  if (breaks("swaps_pairs")) {
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      if (s->wait_count) release_held();
      if (held.executable) {
        motley_submission second = *s;
        std::swap(second.signal_value, held.submission.signal_value);
        const motley_status status = good.submit(d, q, e, &second, error);
        release_held();
        return status;
      }
      if (s->wait_count) return good.submit(d, q, e, s, error);
      hold(q, e, *s);
      return MOTLEY_OK;
    };
    p.fence_wait = fence_wait_of_held;
  }
}

void break_fences(motley_plugin& p) {
  if (breaks("ignores_timeout"))
    p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t, motley_error* error) {
      return good.fence_wait(q, value, UINT64_MAX, error);
    };
  if (breaks("reaches_early"))
    p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error* error) {
      const motley_status status = good.fence_wait(q, value, std::min<uint64_t>(timeout_ns, 1000), error);
      return timeout_ns && status == MOTLEY_TIMEOUT ? MOTLEY_OK : status;
    };
  if (breaks("never_polls"))
    p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error* error) {
      return timeout_ns ? good.fence_wait(q, value, timeout_ns, error) : MOTLEY_TIMEOUT;
    };
  if (breaks("exact_values"))
    p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error* error) {
      const bool skipped = value > 6 && value < 90;  // as if only submitted values existed
      return skipped ? MOTLEY_INVALID_ARGUMENT : good.fence_wait(q, value, timeout_ns, error);
    };
  if (breaks("stuck_after_cancel"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      static std::atomic<bool> stuck{false};
      if (s->cancel && *s->cancel) stuck = true;
      return stuck && !s->cancel ? MOTLEY_BUSY : good.submit(d, q, e, s, error);
    };
  if (breaks("leaves_queue_thread")) p.queue_destroy = [](motley_queue*) {};
}

}  // namespace

}  // namespace motley::test

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host*) {
  using namespace motley::test;
  if ((abi >> 16) != MOTLEY_ABI_MAJOR) return nullptr;
  static motley_plugin plugin = queued::make_plugin();
  good = plugin;
  break_buffers(plugin);
  break_sharing(plugin);
  break_order(plugin);
  break_fences(plugin);
  return &plugin;
}
