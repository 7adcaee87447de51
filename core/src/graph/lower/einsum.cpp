// Einsum: diagonals and permutations as StridedCopy, sums as Reduce, and operands multiplied pair by pair with MatMul.
#include <algorithm>
#include <map>

#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

using Labels = std::vector<int>;  // one per dimension: a letter's code, or kEllipsis + position from the right
constexpr int kEllipsis = 256;

struct Operand {
  TensorId tensor;
  Labels labels;
};

bool contains(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
};

// The labels of one term; "..." stands for `ellipsis` dimensions.
Labels term_labels(const Lowering& l, const std::string& term, int ellipsis) {
  Labels labels;
  for (size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if (c == '.') {
      if (term.compare(i, 3, "...") != 0) l.invalid("a point in its equation is no ellipsis");
      for (int d = ellipsis; d-- > 0;) labels.push_back(kEllipsis + d);
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      l.invalid("its equation has a character (%) that is no letter", {std::string(1, c)});
    }
  }
  return labels;
}

Equation parse(const Lowering& l) {
  std::string text;
  for (char c : l.attr<schema::EinsumAttributesT>().equation)
    if (c != ' ') text += c;
  const size_t arrow = text.find("->");
  std::vector<std::string> terms(1);
  for (char c : text.substr(0, arrow)) {
    if (c == ',') terms.emplace_back();
    else terms.back() += c;
  }
  if (terms.size() != l.node().inputs.size()) l.invalid("its equation has not one term per input");

  Equation equation;
  int widest = 0;
  std::map<int, int> uses;
  for (size_t i = 0; i < terms.size(); ++i) {
    const size_t rank = l.shape(l.in(i)).size(), letters = term_labels(l, terms[i], 0).size();
    const bool has_ellipsis = terms[i].find('.') != std::string::npos;
    if (rank < letters || (!has_ellipsis && rank != letters))
      l.invalid("a term of its equation does not fit its input");
    const int ellipsis = has_ellipsis ? static_cast<int>(rank - letters) : 0;
    widest = std::max(widest, ellipsis);
    equation.inputs.push_back(term_labels(l, terms[i], ellipsis));
    for (int label : equation.inputs.back()) ++uses[label];
  }
  if (arrow != std::string::npos) {
    equation.output = term_labels(l, text.substr(arrow + 2), widest);
  } else {  // implied: the ellipsis, then the letters that stand once, in order
    equation.output = term_labels(l, "...", widest);
    for (const auto& [label, count] : uses)
      if (label < kEllipsis && count == 1) equation.output.push_back(label);
  }
  return equation;
}

using Sizes = std::map<int, int64_t>;

Sizes sizes_of(const Lowering& l, const Equation& equation) {
  Sizes sizes;
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    const Extents extents = l.shape(l.in(i));
    for (size_t d = 0; d < extents.size(); ++d) {
      int64_t& size = sizes.emplace(equation.inputs[i][d], 1).first->second;
      if (size != 1 && extents[d] != 1 && size != extents[d]) l.invalid("a letter of its equation has two sizes");
      if (extents[d] != 1) size = extents[d];
    }
  }
  return sizes;
}

// The operand with each label once: diagonals are taken, and dimensions of 1 that others broadcast are left out.
Operand reduced_to_labels(Lowering& l, TensorId x, const Labels& labels, const Sizes& sizes) {
  const Extents in = l.shape(x), strides = row_major_strides(in);
  Operand result{x, {}};
  Extents extents, src;
  for (size_t d = 0; d < labels.size(); ++d) {
    if (in[d] == 1 && sizes.at(labels[d]) != 1) continue;
    const auto known = std::find(result.labels.begin(), result.labels.end(), labels[d]);
    if (known != result.labels.end()) {
      src[static_cast<size_t>(known - result.labels.begin())] += strides[d];
      continue;
    }
    result.labels.push_back(labels[d]);
    extents.push_back(in[d]);
    src.push_back(strides[d]);
  }
  if (extents == in) return result;
  result.tensor =
      l.copy({x}, {make_region(0, extents, 0, src, 0, row_major_strides(extents))}, l.temporary(l.type(x), extents));
  return result;
}

Operand permuted(Lowering& l, const Operand& x, const Labels& order) {
  AxisList perm;
  for (int label : order)
    perm.push_back(static_cast<size_t>(std::find(x.labels.begin(), x.labels.end(), label) - x.labels.begin()));
  return {x.labels == order ? x.tensor : l.transpose(x.tensor, perm), order};
}

// Sums over the labels that nobody needs any more.
Operand summed(Lowering& l, const Operand& x, const Labels& needed) {
  Extents axes;
  Operand result{x.tensor, {}};
  Extents extents;
  const Extents in = l.shape(x.tensor);
  for (size_t d = 0; d < x.labels.size(); ++d) {
    if (contains(needed, x.labels[d])) {
      result.labels.push_back(x.labels[d]);
      extents.push_back(in[d]);
    } else {
      axes.push_back(static_cast<int64_t>(d));
    }
  }
  if (!axes.empty()) result.tensor = l.reshape(l.reduce(schema::ReduceFunction::sum, x.tensor, axes), extents);
  return result;
}

int64_t size_of(const Labels& labels, const Sizes& sizes) {
  int64_t size = 1;
  for (int label : labels) size *= sizes.at(label);
  return size;
}

// a · b, summed over the labels they share unless these are needed later.
Operand multiplied(Lowering& l, const Operand& a, const Operand& b, const Labels& needed, const Sizes& sizes) {
  Labels batch, rows, columns, inner;
  for (int label : a.labels) {
    if (!contains(b.labels, label)) rows.push_back(label);
    else if (contains(needed, label)) batch.push_back(label);
    else inner.push_back(label);
  }
  for (int label : b.labels)
    if (!contains(a.labels, label)) columns.push_back(label);

  const auto joined = [](std::initializer_list<Labels> lists) {
    Labels all;
    for (const Labels& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
  };
  const int64_t n = size_of(batch, sizes), k = size_of(inner, sizes);
  const TensorId left = permuted(l, a, joined({batch, rows, inner})).tensor;
  const TensorId right = permuted(l, b, joined({batch, inner, columns})).tensor;
  const TensorId y = l.matmul(l.reshape(left, {n, size_of(rows, sizes), k}),
                              l.reshape(right, {n, k, size_of(columns, sizes)}), false, 1);
  Operand result{y, joined({batch, rows, columns})};
  Extents extents;
  for (int label : result.labels) extents.push_back(sizes.at(label));
  result.tensor = l.reshape(y, extents);
  return result;
}

}  // namespace

void lower_einsum(Lowering& l) {
  const Equation equation = parse(l);
  const Sizes sizes = sizes_of(l, equation);
  for (int label : equation.output)
    if (!sizes.count(label) || std::count(equation.output.begin(), equation.output.end(), label) != 1)
      l.invalid("its equation's output repeats a letter or has one that no input has");

  std::vector<Operand> operands;
  for (size_t i = 0; i < equation.inputs.size(); ++i)
    operands.push_back(reduced_to_labels(l, l.in(i), equation.inputs[i], sizes));

  Operand result = operands[0];
  for (size_t i = 0; i < operands.size(); ++i) {
    Labels later = equation.output;
    for (size_t j = i + 1; j < operands.size(); ++j)
      later.insert(later.end(), operands[j].labels.begin(), operands[j].labels.end());
    if (i == 0) {
      result = summed(l, result, later);
      continue;
    }
    Labels others = later;
    others.insert(others.end(), result.labels.begin(), result.labels.end());
    result = multiplied(l, result, summed(l, operands[i], others), later, sizes);
    result = summed(l, result, later);
  }
  result = permuted(l, result, equation.output);
  l.reshape(result.tensor, l.shape(l.out()), l.out());
}

}  // namespace motley::graph
