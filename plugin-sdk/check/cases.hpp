// Small graphs of one op each, over shapes that go wrong easily.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "runner.hpp"

namespace motley::check {

// How input values are drawn.
struct Fill {
  double low = -2, high = 2;
};

struct Case {
  std::string label;        // groups cases in the report: "Unary(relu)", "Conv"
  std::string detail;       // what is special: "1x17x5x7, kernel 3x3, stride 2"
  graph::Graph graph;       // one node, concrete shapes
  std::vector<Fill> fills;  // per graph input
};

// Collects cases; adding one infers the output shapes, and drops it where the rules of the op forbid it.
class CaseList {
 public:
  struct Input {
    std::vector<int64_t> shape;
    schema::DataType type = schema::DataType::float32;
    Fill fill = {};
    bool constant = false;             // filled with seeded values and passed as a constant
    std::vector<int64_t> values = {};  // int64 constants given outright
    bool absent = false;
  };
  template <class AttributesT>
  void add(schema::Op op, AttributesT attributes, std::vector<Input> inputs, int outputs, std::string detail) {
    graph::Node node;
    node.name = "node";
    node.op = op;
    node.attributes.Set(std::move(attributes));
    node.origins = {"node"};
    add(std::move(node), inputs, outputs, std::move(detail));
  }
  std::vector<Case> cases;

 private:
  void add(graph::Node node, const std::vector<Input>& inputs, int outputs, std::string detail);
};

// "2x3x4"
std::string shape_text(const std::vector<int64_t>& shape);

// Seeded bytes for a graph input.
Bytes random_bytes(const graph::Tensor& tensor, const Fill& fill, uint64_t seed);

// One function per family of ops.
void elementwise_cases(CaseList& list);
void movement_cases(CaseList& list);
void convolution_cases(CaseList& list);
void matmul_cases(CaseList& list);
void reduction_cases(CaseList& list);
void gather_cases(CaseList& list);
void resize_cases(CaseList& list);
void recurrent_cases(CaseList& list);
void quantized_cases(CaseList& list);
void attention_cases(CaseList& list);
void data_dependent_cases(CaseList& list);

std::vector<Case> all_cases();

// "" where the outputs agree within tolerance; else what differs first. The tolerance is that of the tensor's type, or
// of `computed`, where the plugin worked in less than that.
std::string compare(const graph::Tensor& tensor, const Bytes& expected, const Bytes& got,
                    schema::DataType computed = schema::DataType::undefined);

}  // namespace motley::check
