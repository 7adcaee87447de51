// LSTM, GRU and RNN.
#include <algorithm>
#include <cctype>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

using F = schema::UnaryFunction;

// Activations by the names that recurrent ops use, with the defaults of their parameters.
struct Activation {
  const char* name;  // in lower case: spellings differ
  F function;
  bool has_alpha, has_beta;
  float alpha, beta;
};
constexpr Activation kActivations[] = {{"sigmoid", F::sigmoid, false, false, 0, 0},
                                       {"tanh", F::tanh, false, false, 0, 0},
                                       {"relu", F::relu, false, false, 0, 0},
                                       {"leakyrelu", F::leaky_relu, true, false, 0.01f, 0},
                                       {"thresholdedrelu", F::thresholded_relu, true, false, 1, 0},
                                       {"hardsigmoid", F::hard_sigmoid, true, true, 0.2f, 0.5f},
                                       {"elu", F::elu, true, false, 1, 0},
                                       {"softsign", F::softsign, false, false, 0, 0},
                                       {"softplus", F::softplus, false, false, 0, 0}};

const Activation& activation(OpContext& c, const std::string& name) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  for (const Activation& known : kActivations)
    if (lower == known.name) return known;
  c.unsupported("activation \"" + name + "\"");
}

// The file lists parameters only for the functions that take one; the IR has one of each per function.
void read_activations(OpContext& c, std::vector<std::string> defaults, schema::RecurrentAttributesT& attributes) {
  std::vector<std::string> names = c.texts("activations");
  const size_t count = defaults.size() * (attributes.direction == 2 ? 2 : 1);
  if (names.empty())
    while (names.size() < count) names.insert(names.end(), defaults.begin(), defaults.end());
  if (names.size() != count)
    c.invalid("has " + std::to_string(names.size()) + " activations (expected " + std::to_string(count) + ")");
  const std::vector<float> alphas = c.numbers("activation_alpha"), betas = c.numbers("activation_beta");
  size_t alpha = 0, beta = 0;
  for (const std::string& name : names) {
    const Activation& known = activation(c, name);
    attributes.activations.push_back(known.function);
    attributes.activation_alpha.push_back(known.has_alpha && alpha < alphas.size() ? alphas[alpha++] : known.alpha);
    attributes.activation_beta.push_back(known.has_beta && beta < betas.size() ? betas[beta++] : known.beta);
  }
}

// Where the attribute is left out, the recurrence weights tell: directions, gates · hidden size, hidden size.
int64_t hidden_size(OpContext& c) {
  const int64_t given = c.integer("hidden_size", 0);
  if (given != 0) return given;
  const auto& shape = c.shape(c.in(2));
  if (!shape || shape->size() != 3 || !(*shape)[2].known()) c.invalid("lacks the attribute hidden_size");
  return (*shape)[2].value;
}

void recurrent(OpContext& c) {
  const Op op = static_cast<Op>(c.rule().function);
  schema::RecurrentAttributesT attributes;
  attributes.direction =
      c.choice<uint8_t>("direction", "forward", {{"forward", 0}, {"reverse", 1}, {"bidirectional", 2}, {"", 0}});
  attributes.hidden_size = hidden_size(c);
  const std::vector<std::string> defaults = op == Op::LSTM  ? std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"}
                                            : op == Op::GRU ? std::vector<std::string>{"Sigmoid", "Tanh"}
                                                            : std::vector<std::string>{"Tanh"};
  read_activations(c, defaults, attributes);
  attributes.clip = c.number("clip", 0);
  attributes.layout = c.version() >= 14 && c.flag("layout", false);
  if (op == Op::LSTM) attributes.input_forget = c.flag("input_forget", false);
  if (op == Op::GRU && c.version() >= 3) attributes.linear_before_reset = c.flag("linear_before_reset", false);
  c.ignore("output_sequence");  // opset 1: whether the first output is wanted, which its being named tells too
  c.emit(op, c.inputs(), c.outputs(), std::move(attributes));
}

constexpr int code(Op op) { return static_cast<int>(op); }

constexpr OpRule kRules[] = {
    {"LSTM", 1, 3, 8, 3, recurrent, code(Op::LSTM)}, {"LSTM", 14, 3, 8, 3, recurrent, code(Op::LSTM)},
    {"GRU", 1, 3, 6, 2, recurrent, code(Op::GRU)},   {"GRU", 3, 3, 6, 2, recurrent, code(Op::GRU)},
    {"GRU", 14, 3, 6, 2, recurrent, code(Op::GRU)},  {"RNN", 1, 3, 6, 2, recurrent, code(Op::RNN)},
    {"RNN", 14, 3, 6, 2, recurrent, code(Op::RNN)},
};

}  // namespace

std::span<const OpRule> ops::recurrent() { return kRules; }

}  // namespace motley::convert
