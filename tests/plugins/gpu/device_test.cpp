// Memory, queues, fences, cancelling, slices, profiles and caches of a GPU plugin.
#include <array>
#include <thread>

#include "tested_plugin.hpp"

namespace motley::test {

namespace {

NodeCase product(int64_t n = 48) {
  return node_case(Op::MatMul, schema::MatMulAttributesT(), {random_value({n, n}, 1), constant(random_value({n, n}, 2))}, {output_of<float>({n, n})});
}

// A case compiled, with device memory for all that it needs.
class Running {
 public:
  explicit Running(const NodeCase& c, motley_device* device = tested_device()) : device_(device), case_(c), node_(c) {
    ErrorText e;
    if (api().compile(device_, &node_.graph(), nullptr, &executable, &e.error) != MOTLEY_OK) throw std::runtime_error(e.text);
    allocate();
  }
  // From a cache.
  Running(const NodeCase& c, motley_executable* imported) : executable(imported), device_(tested_device()), case_(c), node_(c) { allocate(); }
  ~Running() {
    for (motley_buffer* b : buffers_) api().buffer_release(b);
    api().exec_release(executable);
  }
  const motley_plugin& api() const { return *tested_plugin(); }

  motley_status submit(motley_queue* queue, uint64_t value, const uint32_t* cancel = nullptr, std::vector<motley_fence> waits = {}) {
    motley_submission s{};
    s.struct_size = sizeof s;
    s.inputs = &in_, s.input_count = 1, s.outputs = &out_, s.output_count = 1;
    s.scratch = scratch_;
    s.signal_value = value;
    s.cancel = cancel;
    s.waits = waits.data(), s.wait_count = static_cast<uint32_t>(waits.size());
    ErrorText e;
    return api().submit(device_, queue, executable, &s, &e.error);
  }
  Value result() {
    void* mapped = nullptr;
    EXPECT_EQ(api().buffer_map(out_.buffer, &mapped, nullptr), MOTLEY_OK);
    Value v = output_of(case_.outputs[0].type, case_.outputs[0].shape);
    v.bytes.assign(static_cast<uint8_t*>(mapped) + out_.offset, static_cast<uint8_t*>(mapped) + out_.offset + out_.size);
    api().buffer_unmap(out_.buffer);
    return v;
  }
  void expect_right() {
    const NodeResult want = run_node(*reference_plugin(), case_);
    const std::vector<double> a = as_doubles(result()), b = as_doubles(want.outputs[0]);
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4) << i;
  }

  motley_executable* executable = nullptr;

 private:
  void allocate() {
    motley_exec_requirements need{};
    need.struct_size = sizeof need;
    api().exec_requirements(executable, &need);
    const auto make = [&](uint64_t size) {
      // At an offset, as an arena would give it.
      motley_buffer* b = nullptr;
      if (api().buffer_alloc(device_, size + need.alignment, &b, nullptr) != MOTLEY_OK) throw std::runtime_error("no memory");
      buffers_.push_back(b);
      return motley_binding{b, nullptr, need.alignment, size};
    };
    in_ = make(case_.inputs[0].byte_size());
    out_ = make(case_.outputs[0].byte_size());
    if (need.scratch_bytes) scratch_ = make(need.scratch_bytes);
    void* mapped = nullptr;
    api().buffer_map(in_.buffer, &mapped, nullptr);
    std::memcpy(static_cast<uint8_t*>(mapped) + in_.offset, case_.inputs[0].bytes.data(), in_.size);
    api().buffer_unmap(in_.buffer);
  }
  motley_device* device_;
  NodeCase case_;
  NodeGraph node_;
  motley_binding in_{}, out_{}, scratch_{};
  std::vector<motley_buffer*> buffers_;
};

class TestQueue {
 public:
  TestQueue() { EXPECT_EQ(tested_plugin()->queue_create(tested_device(), &queue, nullptr), MOTLEY_OK); }
  ~TestQueue() { tested_plugin()->queue_destroy(queue); }
  motley_status wait(uint64_t value, uint64_t timeout = UINT64_MAX) { return tested_plugin()->fence_wait(queue, value, timeout, nullptr); }
  motley_queue* queue = nullptr;
};

}  // namespace

TEST(GpuDevice, DescribesItself) {
  SKIP_WITHOUT_DEVICE();
  tested_plugin()->enumerate_devices(
      nullptr,
      [](void*, const motley_device_info* info) {
        EXPECT_NE(std::string(info->name), "");
        EXPECT_NE(std::string(info->id), "");
        EXPECT_GT(info->peak_gflops, 0);
        EXPECT_EQ(info->memory_flags & MOTLEY_MEMORY_HOST_POINTERS, 0u);
      },
      nullptr);
}

// In place where kernels work on the host's bytes themselves, and by mapping.
TEST(GpuDevice, ImportedMemoryIsSeenByBothSides) {
  SKIP_WITHOUT_DEVICE();
  const motley_plugin& api = *tested_plugin();
  schema::UnaryAttributesT relu;
  relu.function = schema::UnaryFunction::relu;
  const NodeCase c = node_case(Op::Unary, relu, {random_value({1024}, 1)}, {output_of<float>({1024})});
  const NodeGraph node(c);
  for (const char* workaround : {"", "map_imports"}) {
    setenv("MOTLEY_OPENCL_WORKAROUNDS", workaround, 1);
    motley_device* device = nullptr;
    ASSERT_EQ(api.device_open(0, &device, nullptr), MOTLEY_OK);
    unsetenv("MOTLEY_OPENCL_WORKAROUNDS");
    alignas(4096) static std::array<float, 1024> x, y;
    motley_buffer *in = nullptr, *out = nullptr;
    if (api.buffer_import(device, x.data(), sizeof x, &in, nullptr) != MOTLEY_OK) {
      api.device_close(device);
      GTEST_SKIP() << "the device does not import the host's memory";
    }
    ASSERT_EQ(api.buffer_import(device, y.data(), sizeof y, &out, nullptr), MOTLEY_OK);
    motley_executable* executable = nullptr;
    motley_queue* queue = nullptr;
    ASSERT_EQ(api.compile(device, &node.graph(), nullptr, &executable, nullptr), MOTLEY_OK);
    ASSERT_EQ(api.queue_create(device, &queue, nullptr), MOTLEY_OK);
    for (uint64_t run = 1; run <= 3; ++run) {
      void* mapped = nullptr;
      ASSERT_EQ(api.buffer_map(in, &mapped, nullptr), MOTLEY_OK);
      EXPECT_EQ(mapped, x.data());
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * run) - 700;
      api.buffer_unmap(in);
      const motley_binding from{in, nullptr, 0, sizeof x}, to{out, nullptr, 0, sizeof y};
      motley_submission s{};
      s.struct_size = sizeof s;
      s.inputs = &from, s.input_count = 1, s.outputs = &to, s.output_count = 1;
      s.signal_value = run;
      ASSERT_EQ(api.submit(device, queue, executable, &s, nullptr), MOTLEY_OK);
      ASSERT_EQ(api.fence_wait(queue, run, UINT64_MAX, nullptr), MOTLEY_OK);
      ASSERT_EQ(api.buffer_map(out, &mapped, nullptr), MOTLEY_OK);
      EXPECT_EQ(mapped, y.data());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], std::max(x[i], 0.0F)) << i << " in run " << run;
      y.fill(-1);
      api.buffer_unmap(out);
    }
    api.queue_destroy(queue);
    api.exec_release(executable);
    api.buffer_release(in);
    api.buffer_release(out);
    api.device_close(device);
  }
}

TEST(GpuDevice, RunsOnItsOwnMemoryInOrder) {
  SKIP_WITHOUT_DEVICE();
  Running run(product());
  TestQueue queue;
  for (uint64_t i = 1; i <= 5; ++i) ASSERT_EQ(run.submit(queue.queue, i), MOTLEY_OK);
  EXPECT_EQ(queue.wait(5), MOTLEY_OK);
  EXPECT_EQ(queue.wait(3, 0), MOTLEY_OK);
  EXPECT_EQ(queue.wait(6, 0), MOTLEY_TIMEOUT);
  EXPECT_EQ(queue.wait(6, 10'000'000), MOTLEY_TIMEOUT);
  run.expect_right();
}

TEST(GpuDevice, AWaitMayComeBeforeItsSubmission) {
  SKIP_WITHOUT_DEVICE();
  Running run(product());
  TestQueue queue;
  motley_status forever = MOTLEY_INTERNAL, bounded = MOTLEY_INTERNAL;
  std::thread first([&] { forever = queue.wait(4); });
  std::thread second([&] { bounded = queue.wait(4, 60'000'000'000); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const motley_status submitted = run.submit(queue.queue, 4);
  first.join();
  second.join();
  EXPECT_EQ(submitted, MOTLEY_OK);
  EXPECT_EQ(forever, MOTLEY_OK);
  EXPECT_EQ(bounded, MOTLEY_OK);
  run.expect_right();
}

// Queues use drivers' timelines again that stand where an earlier queue left them: each still counts to the end.
TEST(GpuDevice, ATimelineMayJumpToItsLastValues) {
  SKIP_WITHOUT_DEVICE();
  motley_device_kind kind = MOTLEY_DEVICE_OTHER;
  const auto keep_first = [](void* to, const motley_device_info* info) {
    if (info->index == 0) *static_cast<motley_device_kind*>(to) = info->kind;
  };
  ASSERT_EQ(tested_plugin()->enumerate_devices(&kind, keep_first, nullptr), MOTLEY_OK);
  if (kind != MOTLEY_DEVICE_CPU) GTEST_SKIP() << "drivers of GPUs bound the jumps of a timeline";
  Running run(product());
  for (int i = 0; i < 4; ++i) {
    TestQueue before;
    ASSERT_EQ(run.submit(before.queue, 1'000'000), MOTLEY_OK);
    ASSERT_EQ(before.wait(1'000'000), MOTLEY_OK);
  }
  std::array<TestQueue, 8> queues;  // of which some stand on what those left
  for (TestQueue& queue : queues) {
    ASSERT_EQ(run.submit(queue.queue, 5), MOTLEY_OK);
    for (const uint64_t value : {UINT64_MAX - 7, UINT64_MAX - 6, UINT64_MAX}) {
      EXPECT_EQ(queue.wait(value, 0), MOTLEY_TIMEOUT);
      ASSERT_EQ(run.submit(queue.queue, value), MOTLEY_OK);
      EXPECT_EQ(queue.wait(value), MOTLEY_OK);
      EXPECT_EQ(queue.wait(1'000'000), MOTLEY_OK) << "which it has passed";
    }
    TestQueue other;
    ASSERT_EQ(run.submit(other.queue, 1, nullptr, {{queue.queue, UINT64_MAX - 6}}), MOTLEY_OK);
    EXPECT_EQ(other.wait(1), MOTLEY_OK);
  }
  run.expect_right();
}

TEST(GpuDevice, QueuesWaitForOneAnother) {
  SKIP_WITHOUT_DEVICE();
  Running a(product()), b(product());
  TestQueue first, second;
  ASSERT_EQ(a.submit(first.queue, 7), MOTLEY_OK);
  ASSERT_EQ(b.submit(second.queue, 1, nullptr, {{first.queue, 7}}), MOTLEY_OK);
  EXPECT_EQ(second.wait(1), MOTLEY_OK);
  EXPECT_EQ(first.wait(7, 0), MOTLEY_OK);
  b.expect_right();
}

// Each begins at 0, whatever a queue that is gone did before.
TEST(GpuDevice, QueuesComeAndGoWithWaitsBetweenThem) {
  SKIP_WITHOUT_DEVICE();
  Running a(product()), b(product());
  for (int i = 0; i < 20; ++i) {
    TestQueue first, second;
    for (TestQueue* q : {&first, &second}) ASSERT_EQ(q->wait(1, 0), MOTLEY_TIMEOUT);
    ASSERT_EQ(a.submit(first.queue, 5), MOTLEY_OK);
    ASSERT_EQ(b.submit(second.queue, 3, nullptr, {{first.queue, 5}}), MOTLEY_OK);
    ASSERT_EQ(second.wait(3), MOTLEY_OK);
    ASSERT_EQ(first.wait(5, 0), MOTLEY_OK);
    ASSERT_EQ(second.wait(4, 0), MOTLEY_TIMEOUT);
    b.expect_right();
  }
}

TEST(GpuDevice, OneExecutableOnSeveralThreads) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = product();
  const NodeGraph node(c);
  motley_executable* executable = nullptr;
  ASSERT_EQ(tested_plugin()->compile(tested_device(), &node.graph(), nullptr, &executable, nullptr), MOTLEY_OK);
  const NodeResult want = run_node(*reference_plugin(), c);
  std::vector<std::thread> threads;
  std::vector<NodeResult> results(4);
  for (NodeResult& r : results)
    threads.emplace_back([&] {
      r.outputs.clear();
      submit_node(*tested_plugin(), tested_device(), executable, c, r);
    });
  for (std::thread& t : threads) t.join();
  for (const NodeResult& r : results) {
    ASSERT_EQ(r.status, MOTLEY_OK) << r.text;
    const std::vector<double> a = as_doubles(r.outputs[0]), b = as_doubles(want.outputs[0]);
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4);
  }
  tested_plugin()->exec_release(executable);
}

TEST(GpuDevice, Cancels) {
  SKIP_WITHOUT_DEVICE();
  Running run(product());
  TestQueue queue;
  const uint32_t yes = 1;
  EXPECT_EQ(run.submit(queue.queue, 1, &yes), MOTLEY_CANCELLED);
  EXPECT_EQ(run.submit(queue.queue, 1), MOTLEY_OK);
  EXPECT_EQ(queue.wait(1), MOTLEY_OK);
  run.expect_right();
}

TEST(GpuDevice, CutsLongWorkIntoSlices) {
  SKIP_WITHOUT_DEVICE();
  setenv("MOTLEY_GPU_SLICE_US", "1", 1);
  setenv("MOTLEY_GPU_WINDOW", "2", 1);
  {
    const OpenDevice device(*tested_plugin());
    NodeCase c = product(150);
    const NodeResult got = run_node(*tested_plugin(), device.get(), c), want = run_node(*reference_plugin(), c);
    ASSERT_EQ(got.status, MOTLEY_OK) << got.text;
    const std::vector<double> a = as_doubles(got.outputs[0]), b = as_doubles(want.outputs[0]);
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4) << i;
    const NodeCase conv = node_case(Op::Softmax, schema::SoftmaxAttributesT(), {random_value({300, 20}, 1)}, {output_of<float>({300, 20})});
    const NodeResult rows = run_node(*tested_plugin(), device.get(), conv), right = run_node(*reference_plugin(), conv);
    ASSERT_EQ(rows.status, MOTLEY_OK) << rows.text;
    const std::vector<double> x = as_doubles(rows.outputs[0]), y = as_doubles(right.outputs[0]);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-5) << i;
  }
  unsetenv("MOTLEY_GPU_SLICE_US");
  unsetenv("MOTLEY_GPU_WINDOW");
}

TEST(GpuDevice, ProfilesEveryKernel) {
  SKIP_WITHOUT_DEVICE();
  Running run(product());
  struct Rows {
    int count = 0;
  } rows;
  const motley_profile_sink sink{sizeof sink, &rows, [](void* context, const motley_profile_row* row) {
                                   ++static_cast<Rows*>(context)->count;
                                   EXPECT_LE(row->begin_ns, row->end_ns);
                                   EXPECT_NE(std::string(row->kernel), "");
                                   EXPECT_EQ(row->node, 0u);
                                 }};
  ASSERT_EQ(tested_plugin()->profile_read(run.executable, &sink), MOTLEY_OK);
  EXPECT_EQ(rows.count, 0);
  {
    TestQueue queue;
    ASSERT_EQ(run.submit(queue.queue, 1), MOTLEY_OK);
    ASSERT_EQ(queue.wait(1), MOTLEY_OK);
    const uint32_t yes = 1;
    ASSERT_EQ(run.submit(queue.queue, 2, &yes), MOTLEY_CANCELLED);
    ASSERT_EQ(run.submit(queue.queue, 2), MOTLEY_OK);
  }
  ASSERT_EQ(tested_plugin()->profile_read(run.executable, &sink), MOTLEY_OK) << "the queue is gone, its times are not";
  EXPECT_GE(rows.count, 1);
}

TEST(GpuDevice, ExportsAndImportsAndRefusesDamage) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = product();
  const NodeGraph node(c);
  std::vector<uint8_t> bytes;
  {
    Running run(c);
    const motley_sink sink{sizeof sink, &bytes, [](void* context, const void* data, uint64_t size) {
                             auto& to = *static_cast<std::vector<uint8_t>*>(context);
                             to.insert(to.end(), static_cast<const uint8_t*>(data), static_cast<const uint8_t*>(data) + size);
                           }};
    ASSERT_EQ(tested_plugin()->exec_export(run.executable, &sink, nullptr), MOTLEY_OK);
  }
  ASSERT_GT(bytes.size(), 32u);
  EXPECT_EQ(tested_plugin()->cache_verdict(tested_device(), {bytes.data(), bytes.size()}), MOTLEY_CACHE_OPTIMAL);
  motley_executable* executable = nullptr;
  ASSERT_EQ(tested_plugin()->exec_import(tested_device(), &node.graph(), {bytes.data(), bytes.size()}, &executable, nullptr), MOTLEY_OK);
  {
    Running run(c, executable);
    TestQueue queue;
    ASSERT_EQ(run.submit(queue.queue, 1), MOTLEY_OK);
    ASSERT_EQ(queue.wait(1), MOTLEY_OK);
    run.expect_right();
  }
  for (size_t i = 0; i < bytes.size(); i += 1 + bytes.size() / 97) {
    std::vector<uint8_t> bad = bytes;
    bad[i] ^= 0x10;
    EXPECT_NE(tested_plugin()->cache_verdict(tested_device(), {bad.data(), bad.size()}), MOTLEY_CACHE_OPTIMAL) << "bit of byte " << i;
    motley_executable* none = nullptr;
    EXPECT_EQ(tested_plugin()->exec_import(tested_device(), &node.graph(), {bad.data(), bad.size()}, &none, nullptr), MOTLEY_INCOMPATIBLE_CACHE);
    EXPECT_EQ(tested_plugin()->cache_verdict(tested_device(), {bytes.data(), i}), MOTLEY_CACHE_INCOMPATIBLE) << "cut to " << i;
  }
}

TEST(GpuDevice, RefusesBadBindings) {
  SKIP_WITHOUT_DEVICE();
  Running run(product());
  motley_submission s{};
  s.struct_size = sizeof s;
  ErrorText e;
  EXPECT_EQ(tested_plugin()->submit(tested_device(), nullptr, run.executable, &s, &e.error), MOTLEY_INVALID_ARGUMENT);
  EXPECT_NE(std::string(e.text).find("0 inputs"), std::string::npos) << e.text;
}

TEST(GpuDevice, RefusesConfigsThatItDoesNotOffer) {
  SKIP_WITHOUT_DEVICE();
  NodeCase c = product();
  for (const char* config : {"no_such_parameter=1", "mr=no_such_value", "mr=", "mr", "mr=3", ","}) {
    c.config = config;
    const NodeResult result = run_node(*tested_plugin(), tested_device(), c);
    EXPECT_EQ(result.status, MOTLEY_INVALID_ARGUMENT) << config;
    EXPECT_NE(result.text, "") << config;
  }
}

TEST(GpuDevice, SaysWhyNot) {
  SKIP_WITHOUT_DEVICE();
  EXPECT_NE(reason_of(node_case(Op::NonZero, schema::NoAttributesT(), {random_value({3}, 1)}, {output_of<int64_t>({1, 3})})), "");
  const NodeCase doubles = node_case(Op::Softmax, schema::SoftmaxAttributesT(), {value<double>({2}, {1, 2})}, {output_of<double>({2})});
  EXPECT_NE(reason_of(doubles).find("float64"), std::string::npos) << reason_of(doubles);
}

}  // namespace motley::test
