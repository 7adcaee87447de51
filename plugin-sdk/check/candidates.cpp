// Fused candidates: each kernel that query_support offers for several nodes is compiled as offered and must give what
// the nodes give one by one.
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
  const Case part = part_of(whole, offer);
  const Prepared p = scene.prepare(part, scene.options.seed);
  std::vector<uint32_t> nodes(part.graph.nodes.size());
  for (uint32_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
  model::SerializedGraph segment = model::serialize_segment(part.graph, nodes, part.graph.inputs, part.graph.outputs);
  Program program(scene.device(), part.graph, std::move(segment), offer.config);
  for (const Placing placing : {Placing::at_end, Placing::arena})
    expect_equal(part.graph, p.expected, program.run(p.inputs, {placing}), " (reference: its nodes one by one)",
                 static_cast<DataType>(offer.precision));
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
  plan.push_back({"candidates", "offered", "fused kernels compile as offered and are right", offered});
}

}  // namespace motley::check
