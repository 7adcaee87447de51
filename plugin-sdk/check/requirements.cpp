// What exec_requirements promises: enough scratch, whatever it holds; an alignment that is enough; an honest account.
#include <algorithm>
#include <stdexcept>

#include "allocation_hooks.hpp"
#include "checks.hpp"

namespace motley::check {

namespace {

// As many cases of as many labels as `count` allows that ask for scratch.
int with_scratch(Scene& scene, int count, const std::function<void(const Case&, Program&)>& body) {
  constexpr int kTries = 3;  // per label: not every form needs scratch
  int ran = 0, tries = 0;
  std::string last;
  for (const Case& c : scene.cases) {
    if (ran == count || scene.out_of_time()) break;
    if (c.label != last) tries = 0;
    last = c.label;
    if (tries == kTries || !scene.refusal(c).empty()) continue;
    ++tries;
    scene.reporter.stage(c.label + ", " + c.detail);
    Program program(scene.device(), c.graph);
    if (!program.requirements().scratch_bytes) continue;
    try {
      body(c, program);
    } catch (const Unsupported&) {
      continue;  // the oracle does not define it
    } catch (const std::exception& e) {
      throw std::runtime_error(c.label + ", " + c.detail + ": " + e.what());
    }
    tries = kTries;
    ++ran;
  }
  if (!ran) throw Unsupported("no executable asks for scratch");
  return ran;
}

// Scratch comes as large as asked and full of garbage, another each time.
int scratch(Scene& scene) {
  return with_scratch(scene, scene.options.by_depth(20, 100, 1000), [&](const Case& c, Program& program) {
    const Prepared p = scene.prepare(c, scene.options.seed);
    for (const std::byte garbage : {std::byte{0xff}, std::byte{0}, std::byte{0x7f}})
      for (const Placing placing : {Placing::at_end, Placing::at_front})
        expect_equal(c.graph, p.expected, program.run(p.inputs, {placing, garbage}), " with garbage in its scratch");
  });
}

// The same executable asked twice, and a second one of the same graph, say the same.
int stable(Scene& scene) {
  if (!scene.api().exec_requirements) throw Unsupported("exec_requirements is NULL");
  const Case& c = scene.simple();
  Program program(scene.device(), c.graph), other(scene.device(), c.graph);
  motley_exec_requirements again{};
  again.struct_size = sizeof again;
  if (call("exec_requirements", [&] { return scene.api().exec_requirements(program.handle(), &again); }) != MOTLEY_OK)
    throw std::runtime_error("exec_requirements fails the second time");
  for (const motley_exec_requirements& r : {again, other.requirements()})
    if (r.alignment != program.requirements().alignment || r.scratch_bytes != program.requirements().scratch_bytes ||
        r.resident_bytes != program.requirements().resident_bytes)
      throw std::runtime_error("exec_requirements gives two answers for one graph");
  return 2;
}

// A host of an older minor gives a smaller struct: nothing past it is written.
int short_struct(Scene& scene) {
  if (!scene.api().exec_requirements) throw Unsupported("exec_requirements is NULL");
  Program program(scene.device(), scene.simple().graph);
  motley_exec_requirements r{};
  std::fill_n(reinterpret_cast<std::byte*>(&r), sizeof r, std::byte{0x5a});
  r.struct_size = offsetof(motley_exec_requirements, resident_bytes);
  const uint64_t canary = r.resident_bytes;
  call("exec_requirements", [&] { return scene.api().exec_requirements(program.handle(), &r); });
  if (r.resident_bytes != canary)
    throw std::runtime_error("exec_requirements writes past struct_size (" +
                             std::to_string(offsetof(motley_exec_requirements, resident_bytes)) + " bytes were given)");
  return 1;
}

// 2 MiB of weights as a constant; what compiling allocates on the heap must be told.
Case heavy() {
  CaseList list;
  schema::MatMulAttributesT a;
  CaseList::Input weights{{512, 1024}, schema::DataType::float32, {-1, 1}, true};
  list.add(schema::Op::MatMul, a, {{{3, 512}}, weights}, 1, "3x512 by 512x1024");
  schema::ConvAttributesT conv;
  conv.strides = conv.dilations = {1, 1};
  conv.pads = {0, 0, 0, 0};
  CaseList::Input kernels{{1024, 512, 1, 1}, schema::DataType::float32, {-1, 1}, true};
  list.add(schema::Op::Conv, conv, {{{1, 512, 2, 2}}, kernels}, 1, "512 to 1024 channels");
  return list.cases.at(0);
}

int resident(Scene& scene) {
  constexpr int kCount = 4;
  constexpr uint64_t kSlack = 256 << 10;  // executables hold more than weights
  const Case c = heavy();
  const std::string refused = scene.refusal(c);
  if (!refused.empty()) throw Unsupported("large weights are not claimed: " + refused);
  { Program warm(scene.device(), c.graph); }
  const int64_t before = allocation_count().live_bytes;
  std::vector<std::unique_ptr<Program>> programs;
  for (int i = 0; i < kCount; ++i) programs.push_back(std::make_unique<Program>(scene.device(), c.graph));
  const auto held = static_cast<uint64_t>(std::max<int64_t>(allocation_count().live_bytes - before, 0)) / kCount;
  const uint64_t told = programs[0]->requirements().resident_bytes;
  const std::string numbers =
      "resident_bytes is " + std::to_string(told) + "; one executable holds " + std::to_string(held) + " bytes of heap";
  if (held > told + told / 4 + kSlack) throw std::runtime_error(numbers);
  if (told > (uint64_t{64} << 20)) throw std::runtime_error(numbers + ", with 2 MiB of weights");
  return kCount;
}

}  // namespace

void add_requirement_checks(Plan& plan) {
  plan.push_back({"requirements", "scratch", "no more scratch than asked for, and nothing expected in it", scratch});
  plan.push_back({"requirements", "stable", "the same graph has the same requirements", stable});
  plan.push_back({"requirements", "short_struct", "a shorter struct is not written past", short_struct});
  plan.push_back({"requirements", "resident", "resident_bytes covers what an executable holds", resident});
}

}  // namespace motley::check
