// Slices: how launches are cut, on a device whose times are made up, and that the plugin really cuts them.
#include "pacing.hpp"

#include <chrono>
#include <set>

#include "motley/sdk/executable.hpp"
#include "tested_plugin.hpp"

namespace motley::test {

namespace {

using gpu::Cut;
using gpu::Launch;
using gpu::Pacer;
using gpu::Piece;

constexpr uint64_t kMs = 1'000'000;

Launch launch(std::array<uint32_t, 3> groups, double estimated_ns) {
  Launch l;
  l.groups = groups;
  l.estimated_ns = estimated_ns;
  return l;
}

// Each group of launch i takes ns_per_group[i].
uint64_t simulated_ns(const Cut& cut, const Cut::Slice& slice, const std::vector<double>& ns_per_group) {
  double ns = 0;
  for (uint32_t at = slice.begin; at < slice.end; ++at) {
    const Piece& p = cut.pieces[at];
    ns += static_cast<double>(p.groups[0]) * p.groups[1] * p.groups[2] * ns_per_group[p.launch];
  }
  return static_cast<uint64_t>(ns);
}
uint64_t longest_ns(const Cut& cut, const std::vector<double>& ns_per_group) {
  uint64_t most = 0;
  for (const Cut::Slice& s : cut.slices) most = std::max(most, simulated_ns(cut, s, ns_per_group));
  return most;
}
void run(Pacer& pacer, const std::vector<double>& ns_per_group) {
  const auto cut = pacer.cut();
  for (size_t i = 0; i < cut->slices.size(); ++i) pacer.took(*cut, i, simulated_ns(*cut, cut->slices[i], ns_per_group));
}

void expect_every_group_once(const Cut& cut, const std::vector<Launch>& launches) {
  std::vector<std::set<std::array<uint32_t, 3>>> seen(launches.size());
  uint32_t last = 0;
  for (const Piece& p : cut.pieces) {
    EXPECT_GE(p.launch, last) << "launches keep their order";
    last = p.launch;
    for (uint32_t x = 0; x < p.groups[0]; ++x)
      for (uint32_t y = 0; y < p.groups[1]; ++y)
        for (uint32_t z = 0; z < p.groups[2]; ++z)
          EXPECT_TRUE(seen[p.launch].insert({p.first[0] + x, p.first[1] + y, p.first[2] + z}).second) << "twice";
  }
  for (size_t i = 0; i < launches.size(); ++i) {
    const auto& g = launches[i].groups;
    EXPECT_EQ(seen[i].size(), size_t{g[0]} * g[1] * g[2]) << "launch " << i;
  }
  uint32_t next = 0;
  for (const Cut::Slice& s : cut.slices) {
    EXPECT_EQ(s.begin, next);
    EXPECT_GT(s.end, s.begin);
    next = s.end;
  }
  EXPECT_EQ(next, cut.pieces.size());
}

}  // namespace

TEST(Pacing, WithoutALimitAllIsOneSlice) {
  const std::vector<Launch> launches{launch({100, 3, 2}, 1e9), launch({7, 1, 1}, 0)};
  Pacer pacer(launches, {});
  const auto cut = pacer.cut();
  EXPECT_EQ(cut->slices.size(), 1u);
  EXPECT_EQ(cut->pieces.size(), 2u);
  expect_every_group_once(*cut, launches);
  pacer.took(*cut, 0, 1'000'000'000'000);
  EXPECT_EQ(pacer.cut(), cut);
  EXPECT_FALSE(pacer.wants_times());
}

TEST(Pacing, LongLaunchesAreCutAndShortOnesShareASlice) {
  std::vector<Launch> launches{launch({40, 30, 2}, 20e6), launch({5, 1, 1}, 1000), launch({3, 3, 3}, 2000), launch({1, 1, 1}, 50e6),
                               launch({2, 900, 1}, 7e6)};
  Pacer pacer(launches, {4 * kMs, 3});
  const auto cut = pacer.cut();
  expect_every_group_once(*cut, launches);
  size_t single = 0;
  for (const Cut::Slice& s : cut->slices) {
    const bool alone = s.end == s.begin + 1 && cut->pieces[s.begin].launch == 3;
    if (alone) ++single;
    else EXPECT_LE(s.estimated_ns, 4e6) << "slice of launch " << cut->pieces[s.begin].launch;
  }
  EXPECT_EQ(single, 1u) << "one group can't be cut";
  std::set<std::pair<uint32_t, uint32_t>> shared;
  for (const Cut::Slice& s : cut->slices)
    if (s.end == s.begin + 2) shared.insert({cut->pieces[s.begin].launch, cut->pieces[s.begin + 1].launch});
  EXPECT_EQ(shared, (std::set<std::pair<uint32_t, uint32_t>>{{1, 2}}));
}

TEST(Pacing, EmptyWorkHasNoSlices) { EXPECT_TRUE(Pacer({}, {kMs, 3}).cut()->slices.empty()); }

// A device ten times slower than estimated, and one a hundred times faster: after one run no slice is too long, and there are no
// more than are needed.
TEST(Pacing, MeasuredTimesCorrectTheCut) {
  const std::vector<Launch> launches{launch({64, 64, 1}, 8e6), launch({10, 1, 1}, 10000), launch({500, 2, 2}, 3e6)};
  for (const double factor : {10.0, 1.0, 0.01}) {
    Pacer pacer(launches, {2 * kMs, 3});
    const std::vector<double> truth{factor * 8e6 / 4096, factor * 1000, factor * 3e6 / 2000};
    run(pacer, truth);
    const auto cut = pacer.cut();
    expect_every_group_once(*cut, launches);
    EXPECT_LE(longest_ns(*cut, truth), 2 * kMs) << factor;
    const double total = factor * 11.01e6;
    EXPECT_LE(static_cast<double>(cut->slices.size()), 3 + 2 * total / (2e6 * 0.75)) << factor;
    // Nothing new: nothing changes.
    for (int i = 0; i < 50; ++i) run(pacer, truth);
    EXPECT_EQ(pacer.cut()->slices.size(), cut->slices.size()) << factor;
  }
}

TEST(Pacing, OneLateSliceIsForgottenAndASlowerDeviceIsNot) {
  const std::vector<Launch> launches{launch({1000, 1, 1}, 10e6)};
  Pacer pacer(launches, {kMs, 3});
  const std::vector<double> truth{10e3}, throttled{30e3};
  run(pacer, truth);
  run(pacer, truth);
  const size_t usual = pacer.cut()->slices.size();
  {
    const auto cut = pacer.cut();
    pacer.took(*cut, 0, 50 * kMs);
  }
  for (int i = 0; i < 60; ++i) run(pacer, truth);
  EXPECT_LE(pacer.cut()->slices.size(), usual * 5 / 3 + 1);
  for (int i = 0; i < 10; ++i) run(pacer, throttled);
  EXPECT_LE(longest_ns(*pacer.cut(), throttled), kMs);
}

TEST(Pacing, TinyLimitsAreRaised) {
  const std::vector<Launch> launches{launch({1000000, 1, 1}, 1e9)};
  Pacer pacer(launches, {1, 3});
  EXPECT_EQ(pacer.pacing().slice_ns, Pacer::kLeastSliceNs);
  EXPECT_LE(pacer.cut()->slices.size(), 1e9 / (0.25 * Pacer::kLeastSliceNs) * 1.5);
}

// ---- the plugin ----

namespace {

struct Row {
  uint64_t begin, end;
};

// Runs the case some times with a slice, profiled; the last run's pieces and the result.
NodeResult run_in_slices(const NodeCase& c, uint64_t slice_ns, int runs, std::vector<Row>& rows) {
  const motley_plugin& api = *tested_plugin();
  const NodeGraph node(c);
  motley_compile_options options{};
  options.struct_size = sizeof options;
  options.slice_ns = slice_ns;
  motley_executable* executable = nullptr;
  ErrorText e;
  NodeResult result;
  result.status = api.compile(tested_device(), &node.graph(), &options, &executable, &e.error);
  result.text = e.text;
  if (result.status != MOTLEY_OK) return result;
  const motley_profile_sink sink{sizeof sink, &rows, [](void* to, const motley_profile_row* row) {
                                   static_cast<std::vector<Row>*>(to)->push_back({row->begin_ns, row->end_ns});
                                 }};
  api.profile_read(executable, &sink);
  for (int i = 0; i < runs && result.status == MOTLEY_OK; ++i) {
    result.outputs.clear();
    submit_node(api, tested_device(), executable, c, result);
  }
  rows.clear();
  api.profile_read(executable, &sink);
  api.exec_release(executable);
  return result;
}

void expect_same(const NodeResult& a, const NodeResult& b) {
  ASSERT_EQ(a.status, MOTLEY_OK) << a.text;
  ASSERT_EQ(b.status, MOTLEY_OK) << b.text;
  ASSERT_EQ(a.outputs.size(), b.outputs.size());
  for (size_t i = 0; i < a.outputs.size(); ++i) EXPECT_EQ(a.outputs[i].bytes, b.outputs[i].bytes);
}

}  // namespace

// The same kernels in pieces: bit for bit the same result, and as many pieces as the time asks for.
TEST(GpuPacing, ALongKernelIsCut) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = node_case(Op::MatMul, schema::MatMulAttributesT(), {random_value({160, 512}, 1), constant(random_value({512, 320}, 2))},
                               {output_of<float>({160, 320})});
  std::vector<Row> whole, cut, later;
  const NodeResult a = run_in_slices(c, MOTLEY_SLICE_UNLIMITED, 1, whole);
  ASSERT_EQ(a.status, MOTLEY_OK) << a.text;
  if (whole.empty()) GTEST_SKIP() << "the device has no clock";
  EXPECT_EQ(whole.size(), 1u) << "one product is one launch";
  // Estimated at a millisecond, and of a guess a quarter of the limit is used.
  const NodeResult b = run_in_slices(c, 100'000, 1, cut);
  expect_same(a, b);
  EXPECT_GE(cut.size(), 30u);
  for (size_t i = 1; i < cut.size(); ++i) EXPECT_GE(cut[i].begin, cut[i - 1].begin);
  expect_same(a, run_in_slices(c, 100'000, 4, later));
  EXPECT_GE(later.size(), 1u);
}

// Several launches over scratch, in slices, profiled and not, again and again on the same memory.
TEST(GpuPacing, SlicesOfSeveralLaunchesGiveTheSame) {
  SKIP_WITHOUT_DEVICE();
  schema::ConvAttributesT a;
  a.pads = {1, 1, 1, 1};
  Value w = random_value({24, 16, 3, 3}, 2);
  w.constant = true;
  const NodeCase c = node_case(Op::Conv, a, {random_value({1, 16, 33, 35}, 1), w, none(), none()}, {output_of<float>({1, 24, 33, 35})});
  const NodeGraph node(c);
  std::vector<Row> rows;
  const NodeResult want = run_in_slices(c, MOTLEY_SLICE_UNLIMITED, 1, rows);
  for (const uint64_t slice_ns : {uint64_t{1}, uint64_t{100'000}, kMs}) {
    const NodeResult got = run_in_slices(c, slice_ns, 5, rows);
    expect_same(want, got);
    motley_compile_options options{};
    options.struct_size = sizeof options;
    options.slice_ns = slice_ns;
    motley_executable* executable = nullptr;
    ASSERT_EQ(tested_plugin()->compile(tested_device(), &node.graph(), &options, &executable, nullptr), MOTLEY_OK);
    for (int i = 0; i < 40; ++i) {
      NodeResult again;
      submit_node(*tested_plugin(), tested_device(), executable, c, again);
      if (i % 13 == 0) expect_same(want, again);
    }
    tested_plugin()->exec_release(executable);
  }
}

// An option struct of before the field existed still works.
TEST(GpuPacing, OptionsWithoutASlice) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = node_case(Op::Softmax, schema::SoftmaxAttributesT(), {random_value({30, 20}, 1)}, {output_of<float>({30, 20})});
  const NodeGraph node(c);
  motley_compile_options options{};
  options.struct_size = offsetof(motley_compile_options, slice_ns);
  options.slice_ns = 1;
  motley_executable* executable = nullptr;
  ASSERT_EQ(tested_plugin()->compile(tested_device(), &node.graph(), &options, &executable, nullptr), MOTLEY_OK);
  NodeResult got;
  submit_node(*tested_plugin(), tested_device(), executable, c, got);
  EXPECT_EQ(got.status, MOTLEY_OK) << got.text;
  tested_plugin()->exec_release(executable);
}

}  // namespace motley::test
