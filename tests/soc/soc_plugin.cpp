// Devices from JSON files: the reference plugin's results, simulated times. All work in the background as far as the
// host can tell; what is submitted is done on return. "flagship.npu" is device npu of phones/flagship.json.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "motley/plugin.hpp"
#include "plugin_library.hpp"
#include "soc_layout.hpp"

namespace motley::test {
namespace {

using nlohmann::json;
using sdk::guarded;
using sdk::read_struct;
using sdk::StatusError;

const motley_plugin* kernels = nullptr;

struct Model {
  std::string id;
  json facts;

  double rate(const std::string& op) const {
    return facts.at("gflops").value(op, facts["gflops"].at("*").get<double>());
  }
  bool has_nhwc(const std::string& op) const {
    if (!facts.contains("nhwc")) return false;
    return std::find(facts["nhwc"].begin(), facts["nhwc"].end(), op) != facts["nhwc"].end();
  }
  bool runs(const std::string& op) const {
    if (!facts.contains("ops") || op == "Reshape") return true;
    for (const json& name : facts["ops"])
      if (name == op) return true;
    return false;
  }
};
std::vector<Model>& models() {
  static auto& all = *new std::vector<Model>;
  return all;
}

std::string op_of(const sdk::NodeView& node) { return schema::EnumNameOp(node.op()); }

double bytes_of(const sdk::TensorView* tensor) { return tensor ? static_cast<double>(tensor->bytes()) : 0; }

// Multiplications and additions of a product, else one operation per element.
double operations(const sdk::NodeView& node) {
  const sdk::TensorView *out = node.output(0), *weights = node.input(1);
  const double elements = static_cast<double>(out->elements());
  if (!weights || weights->shape.size() == 0) return elements;
  const int rank = weights->shape.rank();
  if (node.op() == sdk::Op::Conv) return 2 * elements * static_cast<double>(weights->shape.elements(1, rank));
  if (node.op() == sdk::Op::MatMul)
    return 2 * elements * static_cast<double>(weights->shape[static_cast<size_t>(std::max(0, rank - 2))]);
  return elements;
}

// A chip that works in nhwc brings what is row-major into it, and the result back, inside of its kernels; for what
// looks at one element at a time it need not.
double converting_ns(const Model& model, const sdk::NodeView& node) {
  if (!model.has_nhwc(op_of(node)) || node.op() == sdk::Op::Unary || node.op() == sdk::Op::Binary) return 0;
  double bytes = bytes_of(node.output(0));
  for (uint32_t i = 0; i < node.input_count(); ++i)
    if (node.input(i) && sdk::may_be_nhwc(*node.input(i))) bytes += bytes_of(node.input(i));
  return 2 * bytes / model.facts.at("gbps").get<double>();
}

// In the layout that the node's tensors are in.
double kernel_ns(const Model& model, const sdk::NodeView& node) {
  if (!node.output(0) || node.op() == sdk::Op::Reshape) return 0;
  double bytes = bytes_of(node.output(0));
  for (uint32_t i = 0; i < node.input_count(); ++i) bytes += bytes_of(node.input(i));
  const double compute = operations(node) / model.rate(op_of(node)),
               memory = bytes / model.facts.at("gbps").get<double>();
  return model.facts.at("dispatch_ns").get<double>() + std::max(compute, memory);
}

double simulated_ns(const Model& model, const sdk::NodeView& node) {
  if (node.op() == sdk::Op::StridedCopy && std::getenv("MOTLEY_SOC_CHEAP_NHWC")) return 1;
  return kernel_ns(model, node) + (sdk::is_in_nhwc(node) ? 0 : converting_ns(model, node));
}

// What a chip with "fuses" runs as one kernel: a convolution and the unary operation on its result, which costs no start of
// its own and goes through no memory. One with "half" runs convolutions in float16 that many times as fast.
constexpr const char* kFused = "fuse=unary";
constexpr const char* kHalf = "precision=f16";

double half_ns(const Model& model, const sdk::NodeView& node) {
  const double start = model.facts.at("dispatch_ns");
  return start + (simulated_ns(model, node) - start) / model.facts.at("half").get<double>();
}
double unary_ns(const Model& model, const sdk::NodeView& unary) { return operations(unary) / model.rate(op_of(unary)); }
double fused_ns(const Model& model, const sdk::NodeView& product, const sdk::NodeView& unary) {
  return simulated_ns(model, product) + unary_ns(model, unary);
}

struct Device {
  const Model* model;
  motley_device* inner;
};
Device& device(motley_device* d) { return *reinterpret_cast<Device*>(d); }

struct Executable {
  motley_executable* inner;
  std::vector<double> node_ns;
};
Executable& executable(motley_executable* e) { return *reinterpret_cast<Executable*>(e); }

// An imported one keeps a copy of its own while it is the device's, so that whoever touches the host's bytes out of
// turn gets wrong results.
struct Buffer {
  std::vector<std::max_align_t> memory;
  void* host = nullptr;  // imported
  uint64_t size = 0;
  bool mapped = false;
  void* begin() { return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64); }
};
Buffer& buffer(motley_buffer* b) { return *reinterpret_cast<Buffer*>(b); }

motley_binding on_host(const motley_binding& b) {
  return b.buffer ? motley_binding{nullptr, buffer(b.buffer).begin(), b.offset, b.size} : b;
}

void fill_devices(motley_plugin& p) {
  p.enumerate_devices = [](void* context, void (*found)(void*, const motley_device_info*), motley_error*) {
    for (uint32_t i = 0; i < models().size(); ++i) {
      const json& facts = models()[i].facts;
      const std::string kind = facts.at("kind");
      motley_device_info info = sdk::device_info(i,
                                                 kind == "cpu"   ? MOTLEY_DEVICE_CPU
                                                 : kind == "gpu" ? MOTLEY_DEVICE_GPU
                                                 : kind == "dsp" ? MOTLEY_DEVICE_DSP
                                                                 : MOTLEY_DEVICE_NPU,
                                                 models()[i].id, "Simulated " + kind, "Motley tests");
      info.memory_flags = facts.value("own_memory", false) ? 0 : MOTLEY_MEMORY_HOST_POINTERS;
      info.memory_bytes = facts.value("memory_bytes", uint64_t{0});
      info.peak_gflops = models()[i].rate("Conv");
      info.bandwidth_gbps = facts.at("gbps");
      info.dispatch_ns = facts.at("dispatch_ns");
      if (facts.contains("nhwc")) info.preferred_layouts = 1u << static_cast<uint32_t>(schema::Layout::nhwc);
      found(context, &info);
    }
    return MOTLEY_OK;
  };
  p.device_open = [](uint32_t index, motley_device** d, motley_error* error) {
    return guarded(error, [&] {
      auto made = std::make_unique<Device>(Device{&models().at(index), nullptr});
      if (const motley_status status = kernels->device_open(0, &made->inner, error); status != MOTLEY_OK)
        throw StatusError(status, "the kernels' device cannot be opened");
      *d = reinterpret_cast<motley_device*>(made.release());
    });
  };
  p.device_close = [](motley_device* d) {
    kernels->device_close(device(d).inner);
    delete &device(d);
  };
  p.device_fingerprint = [](motley_device* d, const motley_sink* sink) {
    const std::string text = "hw soc=" + device(d).model->id + "\nkernels build=1\n";
    sink->write(sink->context, text.data(), text.size());
    return MOTLEY_OK;
  };
}

// Passes on what the kernels say of ops that the device runs.
struct Answers {
  const motley_support_sink* sink;
  const sdk::GraphView* view;
  const Model* model;
  std::vector<bool> runs = {};
};

void offer(const Answers& a, const std::vector<uint32_t>& nodes, uint32_t precision, double cost, const char* config) {
  for (uint32_t n : nodes)
    if (!a.runs[n]) return;
  const motley_candidate candidate{sizeof candidate, static_cast<uint32_t>(nodes.size()), nodes.data(), 0, precision,
                                   cost,             config};
  a.sink->candidate(a.sink->context, &candidate);
}

// Of names between commas; of any where there is no list.
bool is_among(const char* names, std::string_view name) {
  return !names || (',' + std::string(names) + ',').find(',' + std::string(name) + ',') != std::string::npos;
}

// Kernels whose computed tensors are all in nhwc. Of two operands neither is stretched.
void offer_nhwc(const Answers& a, uint32_t n) {
  const sdk::NodeView node = a.view->node(n);
  if (!a.runs[n] || !a.model->has_nhwc(op_of(node)) || !is_among(std::getenv("MOTLEY_SOC_NHWC"), node.name())) return;
  const sdk::TensorView *x = node.input(0), *other = node.input(1);
  if (!x || !node.output(0) || x->is_constant() || x->shape.size() != 4 || node.output(0)->shape.size() != 4) return;
  if (node.op() == sdk::Op::Binary && (!other || other->is_constant() || !(other->shape == x->shape))) return;
  sdk::offer_in_nhwc(*a.sink, {n}, x->type, std::getenv("MOTLEY_SOC_CHEAP_NHWC") ? 1 : kernel_ns(*a.model, node));
  for (uint32_t m = n + 1; m < a.view->node_count() && a.model->facts.value("fuses", false); ++m) {
    const sdk::NodeView next = a.view->node(m);
    if (node.op() == sdk::Op::Conv && next.op() == sdk::Op::Unary && next.input(0) == node.output(0) && a.runs[m])
      sdk::offer_in_nhwc(*a.sink, {n, m}, x->type, kernel_ns(*a.model, node) + unary_ns(*a.model, next), kFused);
  }
}

void offer_all(const Answers& a) {
  if (std::getenv("MOTLEY_SOC_PLAIN")) return;
  const json& facts = a.model->facts;
  for (uint32_t n = 0; n < a.view->node_count(); ++n) {
    const sdk::NodeView node = a.view->node(n);
    offer_nhwc(a, n);
    if (node.op() != sdk::Op::Conv) continue;
    if (facts.contains("half"))
      offer(a, {n}, static_cast<uint32_t>(schema::DataType::float16), half_ns(*a.model, node), kHalf);
    for (uint32_t m = n + 1; m < a.view->node_count() && facts.value("fuses", false); ++m) {
      const sdk::NodeView next = a.view->node(m);
      if (next.op() == sdk::Op::Unary && next.input(0) == node.output(0))
        offer(a, {n, m}, static_cast<uint32_t>(schema::DataType::float32), fused_ns(*a.model, node, next), kFused);
    }
  }
}

// Times of a segment's nodes with the configs that they got. A fused kernel's time stands at the first.
std::vector<double> times_of(const Model& model, const sdk::GraphView& view, const motley_compile_options& options) {
  std::vector<std::string> config(view.node_count());
  for (uint32_t i = 0; i < options.config_count; ++i) config.at(options.configs[i].node) = options.configs[i].config;
  std::vector<double> times;
  for (uint32_t n = 0; n < view.node_count(); ++n) times.push_back(simulated_ns(model, view.node(n)));
  for (uint32_t n = 0; n < view.node_count(); ++n) {
    if (config[n] == kHalf) times[n] = half_ns(model, view.node(n));
    else if (config[n] == kFused) {
      uint32_t m = n + 1;
      while (m < view.node_count() && view.node(m).input(0) != view.node(n).output(0)) ++m;
      if (m == view.node_count()) throw std::runtime_error("one half of a fused kernel is missing");
      times[n] = fused_ns(model, view.node(n), view.node(m));
      times[m] = 0;
    } else if (!config[n].empty()) {
      throw std::runtime_error("there is no config " + config[n]);
    }
  }
  return times;
}

void fill_compiling(motley_plugin& p) {
  p.query_support = [](motley_device* d, const motley_graph* graph, const motley_support_sink* sink,
                       motley_error* error) {
    return guarded(error, [&] {
      const sdk::GraphView view(read_struct(graph));
      Answers answers{sink, &view, device(d).model};
      answers.runs.resize(view.node_count());
      motley_support_sink filter{};
      filter.struct_size = sizeof filter;
      filter.context = &answers;
      filter.node = [](void* context, uint32_t node, motley_status status, const char* reason) {
        Answers& a = *static_cast<Answers*>(context);
        a.runs[node] = status == MOTLEY_OK && a.model->runs(op_of(a.view->node(node)));
        if (a.model->runs(op_of(a.view->node(node)))) a.sink->node(a.sink->context, node, status, reason);
        else a.sink->node(a.sink->context, node, MOTLEY_UNSUPPORTED, "the chip does not have it");
      };
      filter.candidate = [](void*, const motley_candidate*) {};
      if (kernels->query_support(device(d).inner, graph, &filter, error) != MOTLEY_OK)
        throw std::runtime_error("no answer");
      offer_all(answers);
    });
  };
  p.estimate_cost = [](motley_device* d, const motley_graph* graph, uint32_t node, double* cost) {
    return guarded(nullptr, [&] {
      const sdk::GraphView view(read_struct(graph));
      *cost = simulated_ns(*device(d).model, view.node(node));
    });
  };
  p.compile = [](motley_device* d, const motley_graph* segment, const motley_compile_options* options,
                 motley_executable** result, motley_error* error) {
    return guarded(error, [&] {
      auto made = std::make_unique<Executable>();
      const sdk::GraphView view(read_struct(segment));
      if (const char* refused = std::getenv("MOTLEY_SOC_REFUSE"))
        for (uint32_t n = 0; n < view.node_count(); ++n)
          if (view.node(n).name() == refused) throw StatusError(MOTLEY_UNSUPPORTED, "a node that it refuses");
      made->node_ns = times_of(*device(d).model, view, read_struct(options));
      motley_graph row_major = read_struct(segment);
      flatbuffers::DetachedBuffer rewritten;
      for (uint32_t n = 0; n < view.node_count() && !rewritten.data(); ++n) {
        if (!sdk::is_in_nhwc(view.node(n))) continue;
        if (!device(d).model->has_nhwc(op_of(view.node(n))))
          throw StatusError(MOTLEY_UNSUPPORTED, "a layout that it lacks");
        if (std::getenv("MOTLEY_SOC_REFUSE_NHWC")) throw StatusError(MOTLEY_UNSUPPORTED, "it refuses nhwc");
        rewritten = row_major_inside(row_major);
      }
      if (rewritten.data()) row_major.model = {rewritten.data(), rewritten.size()};
      motley_compile_options plain = read_struct(options);
      plain.config_count = 0;
      if (const motley_status status = kernels->compile(device(d).inner, &row_major, &plain, &made->inner, error);
          status != MOTLEY_OK)
        throw StatusError(status, "the kernels cannot be compiled");
      *result = reinterpret_cast<motley_executable*>(made.release());
    });
  };
  p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
    return kernels->exec_requirements(executable(e).inner, r);
  };
  p.exec_release = [](motley_executable* e) {
    kernels->exec_release(executable(e).inner);
    delete &executable(e);
  };
  // One node after another, from 1 on: only the lengths mean something.
  p.profile_read = [](motley_executable* e, const motley_profile_sink* sink) {
    double at = 1;
    for (uint32_t n = 0; n < executable(e).node_ns.size(); ++n) {
      const double end = at + executable(e).node_ns[n];
      const motley_profile_row row{sizeof row, n, static_cast<uint64_t>(at), static_cast<uint64_t>(end), "simulated"};
      sink->row(sink->context, &row);
      at = end;
    }
    return MOTLEY_OK;
  };
}

void fill_memory(motley_plugin& p) {
  p.buffer_alloc = [](motley_device*, uint64_t size, motley_buffer** b, motley_error* error) {
    return guarded(error, [&] {
      auto made = std::make_unique<Buffer>();
      made->memory.resize(size / sizeof(std::max_align_t) + 8);
      *b = reinterpret_cast<motley_buffer*>(made.release());
    });
  };
  p.buffer_import = [](motley_device* d, void* host, uint64_t size, motley_buffer** b, motley_error* error) {
    return guarded(error, [&] {
      if (!device(d).model->facts.value("imports", false)) throw std::runtime_error("it imports nothing");
      auto made = std::make_unique<Buffer>();
      made->memory.resize(size / sizeof(std::max_align_t) + 8);
      made->host = host;
      made->size = size;
      std::memcpy(made->begin(), host, size);
      *b = reinterpret_cast<motley_buffer*>(made.release());
    });
  };
  p.edge_caps = [](motley_device* d, motley_device* other, motley_edge_caps* caps) {
    if (!other && device(d).model->facts.value("imports", false)) caps->read = caps->write = MOTLEY_EDGE_IMPORT;
    return MOTLEY_OK;
  };
  p.buffer_map = [](motley_buffer* b, void** host, motley_error*) {
    Buffer& own = buffer(b);
    own.mapped = true;
    *host = own.host ? std::memcpy(own.host, own.begin(), own.size) : own.begin();
    return MOTLEY_OK;
  };
  p.buffer_unmap = [](motley_buffer* b) {
    Buffer& own = buffer(b);
    own.mapped = false;
    if (own.host) std::memcpy(own.begin(), own.host, own.size);
  };
  p.buffer_release = [](motley_buffer* b) { delete &buffer(b); };
}

void fill_queues(motley_plugin& p) {
  static int queue;  // has no state: work is done on return
  p.queue_create = [](motley_device*, motley_queue** q, motley_error*) {
    *q = reinterpret_cast<motley_queue*>(&queue);
    return MOTLEY_OK;
  };
  p.queue_destroy = [](motley_queue*) {};
  p.fence_wait = [](motley_queue*, uint64_t, uint64_t, motley_error*) { return MOTLEY_OK; };
  p.submit = [](motley_device* d, motley_queue*, motley_executable* e, const motley_submission* submission,
                motley_error* error) {
    return guarded(error, [&] {
      if (const char* lost = std::getenv("MOTLEY_SOC_LOST"); lost && device(d).model->id == lost)
        throw StatusError(MOTLEY_DEVICE_LOST, "it is lost");
      motley_submission s = read_struct(submission);
      std::vector<motley_binding> inputs(s.inputs, s.inputs + s.input_count),
          outputs(s.outputs, s.outputs + s.output_count);
      for (const auto* list : {&inputs, &outputs})
        for (const motley_binding& b : *list)
          if (b.buffer && buffer(b.buffer).mapped) throw std::runtime_error("a buffer is mapped");
      for (motley_binding& b : inputs) b = on_host(b);
      for (motley_binding& b : outputs) b = on_host(b);
      s.inputs = inputs.data();
      s.outputs = outputs.data();
      s.scratch = on_host(s.scratch);
      s.waits = nullptr;
      s.wait_count = 0;
      if (const motley_status status = kernels->submit(device(d).inner, nullptr, executable(e).inner, &s, error);
          status != MOTLEY_OK)
        throw StatusError(status, "the kernels failed");
    });
  };
}

// Names problems, so that a table can have rows for every node; there is nothing to choose.
void fill_tuning(motley_plugin& p) {
  p.get_extension = [](const char* id) -> const void* {
    static const motley_tuning tuning{
        sizeof(motley_tuning),
        [](motley_device*, const motley_graph* segment, const motley_sink* sink) {
          return guarded(nullptr, [&] {
            const sdk::GraphView view(read_struct(segment));
            std::string key;
            const auto add = [&key](const sdk::TensorView* tensor) {
              key += " ";
              for (size_t i = 0; tensor && i < tensor->shape.size(); ++i) key += "x" + std::to_string(tensor->shape[i]);
            };
            for (uint32_t n = 0; n < view.node_count(); ++n) {
              const sdk::NodeView node = view.node(n);
              key += (n ? " then " : "") + op_of(node);
              for (uint32_t i = 0; i < node.input_count(); ++i) add(node.input(i));
              add(node.output(0));
            }
            sink->write(sink->context, key.data(), key.size());
          });
        },
        [](motley_device*, const motley_graph*, const motley_parameter_sink* sink) {
          sink->space(sink->context, 1, 0);
          return MOTLEY_OK;
        },
        [](motley_device*, const motley_graph*, const char*, motley_error*) { return MOTLEY_OK; }};
    return std::strcmp(id, MOTLEY_TUNING_EXTENSION) == 0 ? &tuning : nullptr;
  };
}

void read_phones() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(MOTLEY_SOC_PHONES)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    const json phone = json::parse(std::ifstream(path));
    for (const json& facts : phone.at("devices"))
      models().push_back({path.stem().string() + "." + facts.at("id").get<std::string>(), facts});
  }
}

}  // namespace
}  // namespace motley::test

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  using namespace motley::test;
  static motley_plugin plugin{};
  if ((abi >> 16) != MOTLEY_ABI_MAJOR) return nullptr;
  if (plugin.struct_size) return &plugin;
  kernels = plugin_of(MOTLEY_REFERENCE_LIBRARY, abi, *host);
  if (!kernels) return nullptr;
  try {
    read_phones();
  } catch (const std::exception&) {
    return nullptr;
  }
  plugin.struct_size = sizeof plugin;
  plugin.abi_version = MOTLEY_ABI_VERSION;
  plugin.id = MOTLEY_SOC_ID;
  plugin.version = plugin.build_id = "1";
  fill_devices(plugin);
  fill_compiling(plugin);
  fill_memory(plugin);
  fill_queues(plugin);
  fill_tuning(plugin);
  return &plugin;
}
