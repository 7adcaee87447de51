// What a device says about graphs: once per node, with reasons, the same twice, whatever bytes the graph is made of.
#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

const motley_tuning* tuning_of(const motley_plugin& api) {
  return api.get_extension ? static_cast<const motley_tuning*>(api.get_extension(MOTLEY_TUNING_EXTENSION)) : nullptr;
}

bool has_space(Scene& scene, const motley_graph& graph) {
  const motley_tuning* tuning = tuning_of(scene.api());
  if (!tuning || !tuning->space) return false;
  bool any = false;
  const motley_parameter_sink sink{
      sizeof sink, &any,
      [](void* context, const char*, const char*, const char*) { *static_cast<bool*>(context) = true; },
      [](void*, uint32_t, uint64_t) {}};
  return tuning->space(scene.device().handle(), &graph, &sink) == MOTLEY_OK && any;
}

int survey(Scene& scene) {
  int asked = 0;
  for (size_t i = 0; i < scene.cases.size(); ++i) {
    const Case& c = scene.cases[i];
    if (asked % 16 == 0) scene.reporter.stage(c.label + ", " + c.detail);
    const model::SerializedGraph serialized = model::serialize(c.graph);
    const motley_graph view = serialized.view();
    const std::string why = query(scene.device(), view).front();
    if (why == "(no reason given)") throw std::runtime_error(c.label + ", " + c.detail + ": refused without a reason");
    if (why.empty()) scene.reporter.fact("claimed", std::to_string(i));
    else scene.reporter.fact("refused", c.label + "\x1f" + why);
    if (why.empty() && has_space(scene, view)) scene.reporter.fact("tunable", std::to_string(i));
    scene.reporter.count(++asked);
  }
  return asked;
}

int repeatable(Scene& scene) {
  int asked = 0;
  for (size_t i = 0; i < scene.cases.size(); i += 7) {
    scene.reporter.stage(scene.cases[i].label + ", " + scene.cases[i].detail);
    const std::string first = scene.refusal(scene.cases[i]);
    if (scene.refusal(scene.cases[i]) != first)
      throw std::runtime_error(scene.cases[i].label + ", " + scene.cases[i].detail + ": two queries, two answers");
    ++asked;
  }
  return asked;
}

// Query and compile must refuse a damaged FlatBuffer, whatever byte is wrong.
int damaged_graphs(Scene& scene) {
  const Case& c = scene.simple();
  OpenDevice& device = scene.device();
  const model::SerializedGraph serialized = model::serialize(c.graph);
  std::vector<uint8_t> bytes(serialized.model.data(), serialized.model.data() + serialized.model.size());
  const motley_support_sink sink{sizeof sink, nullptr, [](void*, uint32_t, motley_status, const char*) {},
                                 [](void*, const motley_candidate*) {}};
  int tried = 0;
  const auto attempt = [&](size_t size) {
    GuardedPages pages(size, "a damaged graph");
    uint8_t* begin = reinterpret_cast<uint8_t*>(pages.begin()) + (pages.size() - size) / 16 * 16;
    if (size) std::memcpy(begin, bytes.data(), size);
    motley_graph view = serialized.view();
    view.model = {begin, size};
    ErrorBuffer message;
    motley_executable* executable = nullptr;
    const motley_compile_options options{sizeof options, 0, nullptr, 0};
    call("query_support", [&] { return device.api().query_support(device.handle(), &view, &sink, &message.error); });
    const motley_status status = call(
        "compile", [&] { return device.api().compile(device.handle(), &view, &options, &executable, &message.error); });
    if (status == MOTLEY_OK && executable) device.api().exec_release(executable);
    ++tried;
  };
  const size_t step = scene.options.by_depth<size_t>(5, 1, 1);
  for (size_t i = 0; i < bytes.size(); i += step) {
    scene.reporter.stage("a graph whose byte " + std::to_string(i) + " is inverted");
    bytes[i] ^= 0xff;
    attempt(bytes.size());
    bytes[i] ^= 0xff;
  }
  for (size_t size = 0; size < bytes.size(); size += 8 * step) {
    scene.reporter.stage("a graph cut to " + std::to_string(size) + " bytes");
    attempt(size);
  }
  return tried;
}

int short_error_buffers(Scene& scene) {
  OpenDevice& device = scene.device();
  const char nonsense[16] = "not a graph";
  for (uint32_t capacity : {0u, 1u, 2u, 8u}) {
    char text[16];
    std::memset(text, 0x5a, sizeof text);
    motley_error error{sizeof error, capacity, text};
    const motley_graph graph{sizeof graph, 0, {nonsense, sizeof nonsense}, nullptr};
    const motley_compile_options options{sizeof options, 0, nullptr, 0};
    motley_executable* executable = nullptr;
    const auto compile = [&](motley_error* e) {
      return call("compile", [&] { return device.api().compile(device.handle(), &graph, &options, &executable, e); });
    };
    if (compile(&error) == MOTLEY_OK) throw std::runtime_error("compile accepts bytes that are no graph");
    for (size_t i = capacity; i < sizeof text; ++i)
      if (text[i] != 0x5a)
        throw std::runtime_error("an error text was written past its capacity of " + std::to_string(capacity));
    if (capacity && !std::memchr(text, 0, capacity))
      throw std::runtime_error("an error text is missing or not zero-terminated");
    compile(nullptr);
  }
  return 4;
}

int estimates(Scene& scene) {
  if (!scene.api().estimate_cost) throw Unsupported("estimate_cost is NULL");
  int asked = 0;
  for (size_t i = 0; i < scene.cases.size(); i += 5) {
    const Case& c = scene.cases[i];
    if (!scene.refusal(c).empty()) continue;
    const model::SerializedGraph serialized = model::serialize(c.graph);
    const motley_graph view = serialized.view();
    double cost = -1;
    const motley_status status =
        call("estimate_cost", [&] { return scene.api().estimate_cost(scene.device().handle(), &view, 0, &cost); });
    if (status != MOTLEY_OK || !(cost >= 0) || !std::isfinite(cost))
      throw std::runtime_error(c.label + ", " + c.detail + ": estimate_cost gives " + std::to_string(cost) + " (" +
                               status_name(status) + ")");
    ++asked;
  }
  return asked;
}

int fingerprint(Scene& scene) {
  if (!scene.api().device_fingerprint) throw Unsupported("device_fingerprint is NULL");
  const auto read = [&] {
    std::string text;
    const motley_sink sink{sizeof sink, &text, [](void* context, const void* data, uint64_t size) {
                             static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
                           }};
    if (call("device_fingerprint", [&] { return scene.api().device_fingerprint(scene.device().handle(), &sink); }) !=
        MOTLEY_OK)
      throw std::runtime_error("device_fingerprint failed");
    return text;
  };
  const std::string text = read();
  if (text != read()) throw std::runtime_error("device_fingerprint gives two texts for one device");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const std::string kind = line.substr(0, line.find(' '));
    const bool known = kind == "hw" || kind == "driver" || kind == "kernels";
    if (!line.empty() && (!known || line.find('=') == std::string::npos))
      throw std::runtime_error("the fingerprint's line \"" + line + "\" is not \"hw|driver|kernels key=value\"");
  }
  return 1;
}

}  // namespace

void add_survey(Plan& plan) {
  plan.push_back({"query", "answers", "every node is answered once, refusals with a reason", survey});
}
void add_query_checks(Plan& plan) {
  plan.push_back({"query", "repeatable", "the same question has the same answer", repeatable});
  plan.push_back({"query", "damaged_graphs", "no byte of a graph crashes query or compile", damaged_graphs});
  plan.push_back({"query", "short_error_buffers", "errors keep to the room given, and are there", short_error_buffers});
  plan.push_back({"query", "estimates", "cost estimates are finite and not negative", estimates});
  plan.push_back({"query", "fingerprint", "lines are \"class key=value\" and do not change", fingerprint});
}

}  // namespace motley::check
