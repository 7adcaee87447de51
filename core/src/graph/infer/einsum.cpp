// Einsum: reads the equation and finds the extent of each label.
#include <map>
#include <string_view>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

bool is_label(char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'); }

// "ij...": labels before and after the ellipsis.
struct Term {
  std::string before, after;
  bool ellipsis = false;
};

struct Equation {
  std::vector<Term> inputs;
  std::optional<Term> output;  // absent: the labels that occur once, in alphabetical order
};

Term parse_term(const Context& c, std::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_label(text[i])) {
      (term.ellipsis ? term.after : term.before) += text[i];
    } else if (text.substr(i, 3) == "..." && !term.ellipsis) {
      term.ellipsis = true;
      i += 2;
    } else {
      c.fail("the equation has an unexpected character ('%')", {std::string(1, text[i])});
    }
  }
  return term;
}

Equation parse(const Context& c, const std::string& source) {
  std::string text;
  for (char letter : source)
    if (letter != ' ') text += letter;
  Equation equation;
  std::string_view left = text;
  if (const size_t arrow = left.find("->"); arrow != std::string_view::npos) {
    equation.output = parse_term(c, left.substr(arrow + 2));
    left = left.substr(0, arrow);
  }
  while (true) {
    const size_t comma = left.find(',');
    equation.inputs.push_back(parse_term(c, left.substr(0, comma)));
    if (comma == std::string_view::npos) return equation;
    left = left.substr(comma + 1);
  }
}

// Extents of the labels, and of what the ellipses cover, broadcast together.
struct Extents {
  std::map<char, Dim> labels;
  std::map<char, int> uses;
  Dims ellipsis;

  void join(const Context& c, char label, const Dim& dim) {
    ++uses[label];
    const auto [it, added] = labels.try_emplace(label, dim);
    if (added) return;
    const std::optional<Dim> both = broadcast_dim(it->second, dim);
    if (!both)
      c.fail("label '%' has two extents (% and %)", {std::string(1, label), to_string(it->second), to_string(dim)});
    it->second = *both;
  }
  void join(const Context& c, const Term& term, const Dims& dims) {
    const size_t labels_here = term.before.size() + term.after.size();
    if (term.ellipsis ? dims.size() < labels_here : dims.size() != labels_here)
      c.fail("term \"%%%\" does not fit an input of shape %",
             {term.before, (term.ellipsis ? "..." : ""), term.after, graph::to_string(dims)});
    const size_t covered = dims.size() - labels_here;
    for (size_t i = 0; i < term.before.size(); ++i) join(c, term.before[i], dims[i]);
    for (size_t i = 0; i < term.after.size(); ++i) join(c, term.after[i], dims[term.before.size() + covered + i]);
    const auto begin = dims.begin() + static_cast<std::ptrdiff_t>(term.before.size());
    ellipsis = broadcast(c, ellipsis, Dims(begin, begin + static_cast<std::ptrdiff_t>(covered)));
  }
};

Term implied_output(const Extents& extents) {
  Term term;
  term.ellipsis = true;  // covers nothing where no input has one
  for (const auto& [label, uses] : extents.uses)
    if (uses == 1) term.after += label;
  return term;
}

}  // namespace

void einsum(Context& c) {
  const Equation equation = parse(c, c.attributes<schema::EinsumAttributesT>().equation);
  if (equation.inputs.size() != c.input_count())
    c.fail("the equation has % terms for % inputs", {equation.inputs.size(), c.input_count()});
  Extents extents;
  bool known = true;
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    c.require_type(i, kNumeric, "an input");
    c.require_same_type(i);
    known = known && c.shape(i);
    if (c.shape(i)) extents.join(c, equation.inputs[i], *c.shape(i));
  }
  if (!known) return c.set(0, c.type(0), std::nullopt);

  const Term output = equation.output ? *equation.output : implied_output(extents);
  Dims shape;
  std::string seen;
  const auto append = [&](const std::string& labels) {
    for (char label : labels) {
      const auto it = extents.labels.find(label);
      if (it == extents.labels.end()) c.fail("output label '%' is in no input", {std::string(1, label)});
      if (seen.find(label) != std::string::npos) c.fail("output label '%' occurs twice", {std::string(1, label)});
      seen += label;
      shape.push_back(it->second);
    }
  };
  append(output.before);
  if (output.ellipsis) shape.insert(shape.end(), extents.ellipsis.begin(), extents.ellipsis.end());
  append(output.after);
  c.set(0, c.type(0), std::move(shape));
}

}  // namespace motley::graph::infer
