// Claimed ops against the reference plugin.
#include <cstring>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

constexpr Layout kEnd{Placing::at_end, std::byte{0xff}};
constexpr Layout kFront{Placing::at_front, std::byte{0xa5}};
constexpr Layout kOffset{Placing::offset, std::byte{0xff}};
constexpr Layout kArena{Placing::arena, std::byte{0xa5}};

// NaN in the first element of the first float input: must come out where the reference lets it out, and crash nothing.
bool put_nan(const Case& c, std::vector<Bytes>& inputs) {
  if (inputs.empty() || inputs[0].size() < 4 || c.graph.tensor(c.graph.inputs[0]).type != schema::DataType::float32)
    return false;
  const uint32_t nan = 0x7fc00000;
  std::memcpy(inputs[0].data(), &nan, 4);
  return true;
}

// A config that says it computes in less is compared as such.
schema::DataType precision_of(const std::string& config) {
  for (const schema::DataType type : {schema::DataType::float16, schema::DataType::bfloat16})
    if (config.find(std::string("precision=") + schema::EnumNameDataType(type)) != std::string::npos) return type;
  return schema::DataType::undefined;
}

}  // namespace

void run_case(Scene& scene, const Case& c, const std::string& config) {
  const schema::DataType computed = precision_of(config);
  Program program(scene.device(), c.graph, config);
  const uint64_t seed = scene.options.seed;
  const Prepared first = scene.prepare(c, seed), second = scene.prepare(c, seed + 1);
  const auto equal = [&](const Prepared& p, Layout layout, const char* when) {
    expect_equal(c.graph, p.expected, program.run(p.inputs, layout), when, computed);
  };
  equal(first, kEnd, "");
  equal(second, kFront, " in its second run");
  equal(first, kOffset, " with memory bound at an offset");
  if (config.empty()) equal(second, kArena, " with all memory in one piece");
  std::vector<Bytes> inputs = first.inputs;
  if (put_nan(c, inputs)) program.run(inputs);  // the value is not prescribed for every op; staying alive is
}

void add_op_check(Plan& plan, const std::string& label, std::vector<size_t> which) {
  plan.push_back({"ops", label, "results of the op are those of the reference plugin", [=](Scene& scene) {
                    int ran = 0;
                    std::string why;
                    for (size_t i : which) {
                      const Case& c = scene.cases[i];
                      if (ran && scene.out_of_time()) break;
                      scene.reporter.stage(label + ", " + c.detail);
                      try {
                        const std::string refused = scene.refusal(c);
                        if (refused.empty()) {
                          run_case(scene, c);
                          scene.reporter.count(++ran);
                        } else if (why.empty()) {
                          why = refused;
                        }
                      } catch (const Unsupported& e) {
                        if (why.empty()) why = e.what();  // a form that the oracle does not define
                      } catch (const std::exception& e) {
                        throw std::runtime_error(c.detail + ": " + e.what());
                      }
                    }
                    if (ran == 0) throw Unsupported(why.empty() ? "no case applies" : why);
                    return ran;
                  }});
}

}  // namespace motley::check
