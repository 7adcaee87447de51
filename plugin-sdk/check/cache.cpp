// The cache: what exec_export gives makes the same executable again; anything else is refused, or works all the same.
#include <random>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

struct Cached {
  const Case* c;
  Prepared prepared;
  Bytes bytes;
};

Bytes export_of(Program& program) {
  Bytes bytes;
  const motley_sink sink{sizeof sink, &bytes, [](void* context, const void* data, uint64_t size) {
                           const auto* begin = static_cast<const std::byte*>(data);
                           auto& to = *static_cast<Bytes*>(context);
                           to.insert(to.end(), begin, begin + size);
                         }};
  ErrorBuffer message;
  const motley_status status =
      call("exec_export", [&] { return program.device().api().exec_export(program.handle(), &sink, &message.error); });
  if (status == MOTLEY_UNSUPPORTED) throw Unsupported(std::string("exec_export: ") + message.text);
  if (status != MOTLEY_OK) throw std::runtime_error(std::string("exec_export failed: ") + message.text);
  if (bytes.empty()) throw std::runtime_error("exec_export gives no bytes");
  return bytes;
}

Cached make_cache(Scene& scene) {
  if (!scene.api().exec_export) throw Unsupported("exec_export is NULL");
  const Case& c = scene.simple();
  Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  return {&c, std::move(p), export_of(program)};
}

motley_cache_verdict verdict_of(Scene& scene, const Bytes& bytes) {
  GuardedPages pages(bytes.size(), "the cache (valid for the call)");
  std::byte* begin = pages.end() - bytes.size();
  std::copy(bytes.begin(), bytes.end(), begin);
  pages.make_read_only();
  const motley_cache_verdict verdict = scene.api().cache_verdict(scene.device().handle(), {begin, bytes.size()});
  if (static_cast<unsigned>(verdict) > MOTLEY_CACHE_INCOMPATIBLE)
    throw std::runtime_error("cache_verdict returns a value that is none");
  return verdict;
}

// A cache that is not the one that was exported: the import fails, or what it gives is right.
void refused_or_right(Scene& scene, const Case& c, const Prepared& p, const Bytes& bytes, const std::string& what) {
  scene.reporter.stage("importing a cache " + what);
  verdict_of(scene, bytes);
  std::unique_ptr<Program> program;
  try {
    program = std::make_unique<Program>(scene.device(), c.graph, bytes);
  } catch (const std::exception& e) {
    if (std::string(e.what()).find("border") != std::string::npos) throw;  // an exception came out of the plugin
    return;
  }
  std::string difference;
  try {
    expect_equal(c.graph, p.expected, program->run(p.inputs));
  } catch (const std::exception& e) {
    difference = e.what();
  }
  if (!difference.empty()) throw std::runtime_error("a cache " + what + " is accepted, and then " + difference);
}

int round_trip(Scene& scene) {
  const Cached cached = make_cache(scene);
  const Case& c = *cached.c;
  if (verdict_of(scene, cached.bytes) == MOTLEY_CACHE_INCOMPATIBLE)
    throw std::runtime_error("cache_verdict calls a fresh export INCOMPATIBLE");
  const auto same = [&](Program& program, const char* when) {
    expect_equal(c.graph, cached.prepared.expected, program.run(cached.prepared.inputs), when);
  };
  {
    Program imported(scene.device(), c.graph, cached.bytes);
    same(imported, " from the cache");
    Program third(scene.device(), c.graph, export_of(imported));
    same(third, " from the cache of a cache");
  }
  scene.close_device();  // a cache outlives the device's handle
  Program later(scene.device(), c.graph, cached.bytes);
  same(later, " from the cache after the device was closed");
  return 3;
}

// Every claimed label once: what was exported gives the same results.
int every_op(Scene& scene) {
  if (!scene.api().exec_export) throw Unsupported("exec_export is NULL");
  std::string last;
  int done = 0;
  const int most = scene.options.by_depth(10, 1000, 1000);
  for (const Case& c : scene.cases) {
    if (done == most || (done && scene.out_of_time())) break;
    if (c.label == last || !scene.refusal(c).empty()) continue;
    scene.reporter.stage(c.label + ", " + c.detail);
    try {
      const Prepared p = scene.prepare(c, 1);
      Program program(scene.device(), c.graph);
      Program imported(scene.device(), c.graph, export_of(program));
      expect_equal(c.graph, p.expected, imported.run(p.inputs), " from the cache");
    } catch (const Unsupported&) {
      continue;
    } catch (const std::exception& e) {
      throw std::runtime_error(c.label + ", " + c.detail + ": " + e.what());
    }
    last = c.label;
    ++done;
  }
  if (!done) throw Unsupported("no executable can be exported");
  return done;
}

int truncated(Scene& scene) {
  const Cached cached = make_cache(scene);
  const size_t n = cached.bytes.size();
  std::vector<size_t> lengths = {0, 1, 3, 4, 8, 16, n / 4, n / 2, n - n / 4, n - 8, n - 4, n - 1};
  std::mt19937_64 random(scene.options.seed);
  const size_t more = scene.options.by_depth<size_t>(8, 100, n);
  for (size_t i = 0; i < more; ++i) lengths.push_back(more == n ? i : random() % n);
  int tried = 0;
  for (const size_t length : lengths) {
    if (length >= n) continue;
    if (tried && scene.out_of_time()) break;
    Bytes bytes(cached.bytes.begin(), cached.bytes.begin() + static_cast<std::ptrdiff_t>(length));
    refused_or_right(scene, *cached.c, cached.prepared, bytes, "cut to " + std::to_string(length) + " bytes");
    ++tried;
  }
  return tried;
}

int flipped(Scene& scene) {
  const Cached cached = make_cache(scene);
  const size_t bits = cached.bytes.size() * 8;
  const size_t most = scene.options.by_depth<size_t>(200, 2000, bits);
  std::mt19937_64 random(scene.options.seed);
  int tried = 0;
  for (size_t i = 0; i < std::min(most, bits) && !(tried && scene.out_of_time()); ++i) {
    const size_t bit = most >= bits ? i : i < 128 ? i : random() % bits;  // the head, and a sample of the rest
    Bytes bytes = cached.bytes;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    refused_or_right(scene, *cached.c, cached.prepared, bytes,
                     "with bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8) + " inverted");
    scene.reporter.count(++tried);
  }
  return tried;
}

int appended(Scene& scene) {
  const Cached cached = make_cache(scene);
  for (const size_t more : {1, 64}) {
    Bytes bytes = cached.bytes;
    bytes.resize(bytes.size() + more, std::byte{0x55});
    refused_or_right(scene, *cached.c, cached.prepared, bytes, "with " + std::to_string(more) + " bytes more");
  }
  Bytes zeros(cached.bytes.size());
  refused_or_right(scene, *cached.c, cached.prepared, zeros, "of zeros");
  return 3;
}

// Bytes of another graph: of other shapes, and of another op where the device has one.
int other_graph(Scene& scene) {
  const Cached cached = make_cache(scene);
  int tried = 0;
  const int most = scene.options.by_depth(4, 20, 200);
  for (const Case& c : scene.cases) {
    if (tried == most || (tried && scene.out_of_time())) break;
    if (&c == cached.c || !scene.refusal(c).empty()) continue;
    try {
      const Prepared p = scene.prepare(c, 1);
      refused_or_right(scene, c, p, cached.bytes, "of another graph (" + cached.c->detail + " for " + c.detail + ")");
      ++tried;
    } catch (const Unsupported&) {
    }
  }
  return tried;
}

int other_device(Scene& scene) {
  const Cached cached = make_cache(scene);
  int tried = 0;
  for (const motley_device_info& info : enumerate(scene.api())) {
    if (std::string(info.id) == scene.info().id) continue;
    scene.reporter.stage(std::string("importing the cache into the device \"") + info.id + "\"");
    OpenDevice other(scene.api(), info);
    try {
      Program program(other, cached.c->graph, cached.bytes);
      expect_equal(cached.c->graph, cached.prepared.expected, program.run(cached.prepared.inputs),
                   std::string(" from the cache of this device on the device \"") + info.id + "\"");
    } catch (const std::exception& e) {
      if (std::string(e.what()).rfind("exec_import failed", 0) != 0) throw;
    }
    ++tried;
  }
  if (!tried) throw Unsupported("the plugin has one device");
  return tried;
}

}  // namespace

void add_cache_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"cache", name, about, body});
  };
  add("round_trip", "an exported executable can be imported and gives the same results", round_trip);
  add("every_op", "the same for every op that is claimed", every_op);
  add("truncated", "a cache cut short is refused, or works", truncated);
  add("flipped", "a cache with one bit wrong is refused, or works", flipped);
  add("appended", "a cache with bytes behind it, or of zeros, is refused, or works", appended);
  add("other_graph", "a cache of another graph is refused, or works", other_graph);
  add("other_device", "a cache of another device is refused, or works", other_device);
}

}  // namespace motley::check
