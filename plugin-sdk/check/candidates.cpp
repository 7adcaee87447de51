// Candidates: each kernel that query_support offers, for one node or several, is compiled as offered and must give what
// the nodes give one by one; one in nhwc gets its tensors and gives them so.
#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

using schema::DataType;
using schema::UnaryFunction;

// Appends Unary to the case's output 0.
void then_unary(Case& c, UnaryFunction function) {
  schema::UnaryAttributesT a;
  a.function = function;
  a.alpha = function == UnaryFunction::clip ? -0.5f : 0.3f;
  a.beta = function == UnaryFunction::clip ? 1.5f : 0.6f;
  graph::Tensor out = c.graph.tensor(c.graph.outputs[0]);
  out.name = "after_" + std::to_string(c.graph.nodes.size());
  const graph::TensorId id = c.graph.add_tensor(std::move(out));
  c.graph.add_node("unary" + std::to_string(c.graph.nodes.size()), schema::Op::Unary, {c.graph.outputs[0]}, {id}, a);
  c.graph.outputs = {id};
  c.detail += std::string(", then ") + schema::EnumNameUnaryFunction(function);
}

// Appends Binary(add) with another input of the same shape: a residual.
void then_add(Case& c) {
  const graph::Tensor like = c.graph.tensor(c.graph.outputs[0]);
  graph::Tensor other = like, out = like;
  other.name = "residual";
  out.name = "sum";
  const graph::TensorId in = c.graph.add_tensor(std::move(other)), id = c.graph.add_tensor(std::move(out));
  schema::BinaryAttributesT a;
  a.function = schema::BinaryFunction::add;
  c.graph.add_node("add", schema::Op::Binary, {c.graph.outputs[0], in}, {id}, a);
  c.graph.inputs.push_back(in);
  c.graph.outputs = {id};
  c.fills.push_back({});
  c.detail += ", then add";
}

// Graphs that plugins fuse: something, then what is done to each of its elements.
std::vector<Case> fusible(Scene& scene) {
  std::vector<Case> list;
  std::set<std::string> labels;
  for (const Case& c : scene.cases) {
    const graph::Tensor& out = c.graph.tensor(c.graph.outputs[0]);
    if (c.graph.outputs.size() != 1 || out.type != DataType::float32 || out.elements() < 15) continue;
    if (!labels.insert(c.label + (c.graph.nodes[0].op == schema::Op::Conv ? c.detail : "")).second) continue;
    for (const UnaryFunction f : {UnaryFunction::relu, UnaryFunction::clip, UnaryFunction::sigmoid}) {
      Case one = c;
      then_unary(one, f);
      list.push_back(std::move(one));
    }
    Case residual = c;
    then_add(residual);
    list.push_back(residual);
    then_unary(residual, UnaryFunction::relu);
    list.push_back(std::move(residual));
  }
  return list;
}

// The nodes of an offer as a graph: in comes what they read from elsewhere, out goes what others or the graph read.
Case part_of(const Case& whole, const Offer& offer) {
  Case part;
  part.label = whole.label;
  part.detail = whole.detail;
  part.graph.tensors = whole.graph.tensors;
  std::set<uint32_t> inside(offer.nodes.begin(), offer.nodes.end());
  const std::vector<int32_t> producers = whole.graph.producers();
  const auto consumers = whole.graph.consumers();
  const auto made_inside = [&](graph::TensorId id) {
    const int32_t p = producers[static_cast<size_t>(id)];
    return p >= 0 && inside.count(static_cast<uint32_t>(p));
  };
  for (const uint32_t n : inside) {
    const graph::Node& node = whole.graph.nodes[n];
    part.graph.nodes.push_back(node);
    for (const graph::TensorId id : node.inputs)
      if (id >= 0 && !part.graph.tensor(id).is_constant() && !made_inside(id) &&
          std::count(part.graph.inputs.begin(), part.graph.inputs.end(), id) == 0) {
        part.graph.inputs.push_back(id);
        part.fills.push_back({});
      }
    for (const graph::TensorId id : node.outputs) {
      bool wanted = whole.graph.is_output(id);
      for (const int32_t reader : consumers[static_cast<size_t>(id)])
        wanted = wanted || !inside.count(static_cast<uint32_t>(reader));
      if (wanted) part.graph.outputs.push_back(id);
    }
  }
  return part;
}

bool may_be_nhwc(const graph::Tensor& tensor) { return !tensor.is_constant() && tensor.extents().size() >= 3; }

// Elements of N C and any axes behind, brought into N … C, or back.
Bytes permuted(const graph::Tensor& tensor, const Bytes& bytes, bool to_nhwc) {
  if (!may_be_nhwc(tensor) || bytes.empty()) return bytes;
  const graph::Extents extents = tensor.extents();
  const size_t channels = static_cast<size_t>(extents[1]), width = graph::element_bytes(tensor.type);
  const size_t pixels = bytes.size() / width / channels / static_cast<size_t>(extents[0]);
  Bytes result(bytes.size());
  for (size_t i = 0; i < bytes.size() / width; ++i) {
    const size_t n = i / (channels * pixels), c = i / pixels % channels, p = i % pixels;
    const size_t nhwc = (n * pixels + p) * channels + c;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>((to_nhwc ? i : nhwc) * width), width,
                result.begin() + static_cast<std::ptrdiff_t>((to_nhwc ? nhwc : i) * width));
  }
  return result;
}

// The graph as it reaches a plugin that offered its nodes in nhwc: all that may be is, with the shape that it has
// there.
graph::Graph in_nhwc(graph::Graph graph) {
  for (graph::Tensor& tensor : graph.tensors) {
    if (!may_be_nhwc(tensor)) continue;
    const graph::Extents extents = tensor.extents();
    graph::Dims dims{graph::Dim(extents[0])};
    for (size_t axis = 2; axis < extents.size(); ++axis) dims.push_back(graph::Dim(extents[axis]));
    dims.push_back(graph::Dim(extents[1]));
    tensor.shape = dims;
    tensor.layout = schema::Layout::nhwc;
  }
  return graph;
}

// One that offers a layout plans with what it says of the nodes as they are then.
void check_estimate(Scene& scene, const motley_graph& graph, uint32_t nodes) {
  const motley_plugin& api = scene.api();
  for (uint32_t n = 0; n < nodes && api.estimate_cost; ++n) {
    double ns = 0;
    if (api.estimate_cost(scene.device().handle(), &graph, n, &ns) == MOTLEY_OK && (!(ns >= 0) || !std::isfinite(ns)))
      throw std::runtime_error("estimate_cost says a negative cost, or none, of a node in nhwc");
  }
}

void check_offer(Scene& scene, const Case& whole, const Offer& offer) {
  const size_t count = whole.graph.nodes.size();
  std::set<uint32_t> distinct(offer.nodes.begin(), offer.nodes.end());
  if (offer.nodes.empty() || distinct.size() != offer.nodes.size() || *distinct.rbegin() >= count)
    throw std::runtime_error("a candidate names no nodes, one twice, or one that the graph does not have");
  if (offer.layout > static_cast<uint32_t>(schema::Layout::nhwc))
    throw std::runtime_error("a candidate's layout is no Layout");
  if (offer.precision == 0 || offer.precision > static_cast<uint32_t>(DataType::bool_))
    throw std::runtime_error("a candidate's precision is no DataType");
  if (!(offer.cost_ns >= 0) || !std::isfinite(offer.cost_ns))
    throw std::runtime_error("a candidate's cost is negative or not finite");
  if (offer.layout != 0 && offer.layout != static_cast<uint32_t>(schema::Layout::nhwc))
    throw Unsupported("a candidate in a layout that no plan uses");
  const Case part = part_of(whole, offer);
  const Prepared p = scene.prepare(part, scene.options.seed);
  std::vector<uint32_t> nodes(part.graph.nodes.size());
  for (uint32_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
  const bool is_nhwc = offer.layout != 0;
  const graph::Graph graph = is_nhwc ? in_nhwc(part.graph) : part.graph;
  model::SerializedGraph segment = model::serialize_segment(graph, nodes, graph.inputs, graph.outputs);
  if (is_nhwc) check_estimate(scene, segment.view(), offer.nodes.size());
  std::vector<Bytes> inputs = p.inputs;
  for (size_t i = 0; i < inputs.size() && is_nhwc; ++i)
    inputs[i] = permuted(part.graph.tensor(part.graph.inputs[i]), inputs[i], true);
  Program program(scene.device(), graph, std::move(segment), offer.config);
  for (const Placing placing : {Placing::at_end, Placing::arena}) {
    std::vector<Bytes> got = program.run(inputs, {placing});
    for (size_t i = 0; i < got.size() && is_nhwc; ++i)
      got[i] = permuted(part.graph.tensor(part.graph.outputs[i]), got[i], false);
    expect_equal(part.graph, p.expected, got,
                 is_nhwc ? " (in nhwc; reference: its nodes one by one)" : " (reference: its nodes one by one)",
                 static_cast<DataType>(offer.precision));
  }
}

int offered(Scene& scene) {
  int done = 0;
  for (const Case& c : fusible(scene)) {
    const model::SerializedGraph serialized = model::serialize(c.graph);
    const std::string where = c.label + ", " + c.detail;
    scene.reporter.stage(where);
    if (done && scene.out_of_time()) break;
    for (const Offer& offer : ask(scene.device(), serialized.view()).offers) {
      try {
        check_offer(scene, c, offer);
      } catch (const Unsupported&) {
        continue;
      } catch (const std::exception& e) {
        throw std::runtime_error(where + ", candidate of " + std::to_string(offer.nodes.size()) + " nodes \"" +
                                 offer.config + "\": " + e.what());
      }
      scene.reporter.count(++done);
    }
  }
  if (!done) throw Unsupported("query_support offers no candidate for the checker's graphs");
  return done;
}

// The same graphs compiled whole, where all their nodes are claimed: what a plugin fuses by itself.
int segments(Scene& scene) {
  int done = 0;
  const std::vector<Case> graphs = fusible(scene);
  const size_t step = scene.options.by_depth<size_t>(3, 1, 1);
  for (size_t i = 0; i < graphs.size(); i += step) {
    const Case& c = graphs[i];
    if (!scene.refusal(c).empty()) continue;
    if (done && scene.out_of_time()) break;
    scene.reporter.stage(c.label + ", " + c.detail);
    try {
      const Prepared p = scene.prepare(c, scene.options.seed);
      Program program(scene.device(), c.graph);
      for (const Placing placing : {Placing::at_end, Placing::arena})
        expect_equal(c.graph, p.expected, program.run(p.inputs, {placing}));
    } catch (const Unsupported&) {
      continue;
    } catch (const std::exception& e) {
      throw std::runtime_error(c.label + ", " + c.detail + ": " + e.what());
    }
    scene.reporter.count(++done);
  }
  if (!done) throw Unsupported("no graph of several nodes is claimed whole");
  return done;
}

// Nodes that follow one another in one segment, what is between them in scratch.
int rows(Scene& scene) {
  for (const int length : {2, 7}) {
    const Case c = chained(scene, length);
    const Prepared p = scene.prepare(c, scene.options.seed);
    scene.reporter.stage(c.label + ", " + c.detail);
    Program program(scene.device(), c.graph);
    for (const Placing placing : {Placing::at_end, Placing::at_front, Placing::arena})
      expect_equal(c.graph, p.expected, program.run(p.inputs, {placing}), ", " + c.detail);
  }
  return 2;
}

}  // namespace

void add_candidate_checks(Plan& plan) {
  plan.push_back({"segments", "rows", "nodes in a row are one segment", rows});
  plan.push_back({"segments", "graphs", "small graphs of claimed nodes are one segment", segments});
  plan.push_back({"candidates", "offered", "kernels that candidates name compile as offered and are right", offered});
}

}  // namespace motley::check
