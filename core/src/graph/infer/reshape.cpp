// Views of the same elements: Reshape, Squeeze, Unsqueeze, Flatten, Identity; and the shape as data.
#include <algorithm>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// A product of dimensions: its number, its symbols, and how many dimensions are unknown without a symbol.
struct Factors {
  int64_t number = 1;
  std::vector<Symbol> symbols;
  size_t unknown = 0;

  void add(const Context& c, const Dim& dim) {
    if (dim.known()) number = checked_mul(c, number, dim.value);
    else if (dim.symbol.empty()) ++unknown;
    else symbols.push_back(dim.symbol);
  }
};

Factors factors_of(const Context& c, const Dims& dims) {
  Factors factors;
  for (const Dim& dim : dims) factors.add(c, dim);
  return factors;
}

// Removes symbols that occur in both products.
void cancel(Factors& a, Factors& b) {
  for (size_t i = 0; i < a.symbols.size();) {
    const auto it = std::find(b.symbols.begin(), b.symbols.end(), a.symbols[i]);
    if (it == b.symbols.end()) {
      ++i;
      continue;
    }
    b.symbols.erase(it);
    a.symbols.erase(a.symbols.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// input / others, as the one dimension that is left; unknown where symbols remain that do not cancel.
Dim quotient(const Context& c, Factors input, Factors others, const Dims& from) {
  cancel(input, others);
  if (input.unknown || others.unknown || !others.symbols.empty() || input.symbols.size() > 1) return Dim();
  if (others.number == 0) return Dim();  // 0 elements fit any extent
  if (input.number % others.number != 0) {
    if (!input.symbols.empty()) return Dim();
    c.fail("the elements of % (%) are not a multiple of %", {graph::to_string(from), input.number, others.number});
  }
  const Dim number(input.number / others.number);
  return input.symbols.empty() ? number : multiply(c, Dim(input.symbols[0]), number);
}

void check_same_count(const Context& c, const Dims& from, const Dims& to) {
  Factors a = factors_of(c, from), b = factors_of(c, to);
  cancel(a, b);
  if (a.unknown || b.unknown || !a.symbols.empty() || !b.symbols.empty() || a.number == b.number) return;
  c.fail("shape % does not reshape to %: the element counts differ (% and %)",
         {graph::to_string(from), graph::to_string(to), a.number, b.number});
}

// The requested dimensions; `open` is the position of the one to compute.
struct Request {
  Dims dims;
  std::optional<size_t> open;
  bool certain = true;  // no element could turn out to be -1 or 0
};

Request read_request(const Context& c, const Elements& elements, const Dims* input, bool allow_zero) {
  Request request;
  for (size_t i = 0; i < elements.size(); ++i) {
    const Element& element = elements[i];
    if (!element.known) {
      request.dims.push_back(element.dim());
      request.certain = request.certain && element.non_negative;
    } else if (element.integer == -1) {
      if (request.open) c.fail("the target shape has two dimensions of -1");
      request.open = i;
      request.dims.push_back(Dim());
    } else if (element.integer < 0) {
      c.fail("the target shape has a negative dimension (%)", {element.integer});
    } else if (element.integer == 0 && !allow_zero) {
      if (input && i >= input->size())
        c.fail("the target shape copies dimension % of an input of rank %", {i, input->size()});
      request.dims.push_back(input ? (*input)[i] : Dim());
    } else {
      request.dims.push_back(element.dim());
    }
  }
  return request;
}

// Where exactly one dimension is unknown, by -1 or otherwise, the element count tells it.
void complete(const Context& c, Request& request, const Dims& input) {
  const auto unknown = [](const Dim& dim) { return !dim.known(); };
  const auto anonymous = [](const Dim& dim) { return !dim.known() && dim.symbol.empty(); };
  const Dims& dims = request.dims;
  if (!request.open) {
    // An element of unknown sign is either -1 or a number; both ways it is what the count leaves.
    if (std::count_if(dims.begin(), dims.end(), anonymous) == 1)
      request.open = static_cast<size_t>(std::find_if(dims.begin(), dims.end(), anonymous) - dims.begin());
    else if (request.certain && std::count_if(dims.begin(), dims.end(), unknown) == 1)
      request.open = static_cast<size_t>(std::find_if(dims.begin(), dims.end(), unknown) - dims.begin());
  }
  if (!request.open) return;
  Factors others;
  for (size_t i = 0; i < request.dims.size(); ++i)
    if (i != *request.open) others.add(c, request.dims[i]);
  const Dim computed = quotient(c, factors_of(c, input), others, input);
  if (computed.known() || !computed.symbol.empty()) request.dims[*request.open] = computed;
}

}  // namespace

// data, target shape. A lowered Reshape has no second input: its output is declared.
void reshape(Context& c) {
  if (!c.has(1)) {
    if (!c.output(0).shape) c.fail("it has neither a target shape nor an output whose shape is declared");
    c.set(0, c.type(0), c.output(0).shape);
    if (c.shape(0)) check_same_count(c, *c.shape(0), *c.output(0).shape);
    return;
  }
  const bool allow_zero = c.attributes<schema::ReshapeAttributesT>().allow_zero;
  const std::optional<Elements> target = c.shape_values(1, "the target shape");
  if (!target) return c.set(0, c.type(0), std::nullopt);
  if (target->size() > sdk::kMaxRank) c.fail("the target shape has rank % (at most 8)", {target->size()});
  const Dims* input = c.shape(0);
  Request request = read_request(c, *target, input, allow_zero);
  if (input) complete(c, request, *input);
  c.set(0, c.type(0), std::move(request.dims));
  // Once more with what the model declares where nothing else was known.
  if (input && c.writes(0)) check_same_count(c, *input, *c.output(0).shape);
}

namespace {

// The axes of Squeeze and Unsqueeze: an input, or an attribute.
std::optional<Elements> axes_of(const Context& c) {
  const schema::AxesAttributesT* attribute = c.node().attributes.AsAxesAttributes();
  if (c.has(1)) {
    if (attribute && !attribute->axes.empty()) c.fail("axes are given both as attribute and as input");
    return c.shape_values(1, "the axes");
  }
  Elements elements;
  if (attribute)
    for (int64_t axis : attribute->axes) elements.push_back(Element::of(axis));
  return elements;
}

std::optional<std::vector<int64_t>> all_numbers(const std::optional<Elements>& elements) {
  if (!elements) return std::nullopt;
  std::vector<int64_t> numbers;
  for (const Element& element : *elements) {
    if (!element.known) return std::nullopt;
    numbers.push_back(element.integer);
  }
  return numbers;
}

}  // namespace

void squeeze(Context& c) {
  const Dims* input = c.shape(0);
  Dims shape;
  const std::optional<Elements> values = axes_of(c);
  if (!c.has(1) && values->empty()) {
    if (!input || !c.input(0).shape_known()) return c.set(0, c.type(0), std::nullopt);
    std::copy_if(input->begin(), input->end(), std::back_inserter(shape),
                 [](const Dim& dim) { return dim.value != 1; });
    return c.set(0, c.type(0), std::move(shape));
  }
  const std::optional<std::vector<int64_t>> list = all_numbers(values);
  if (!input || !values) return c.set(0, c.type(0), std::nullopt);
  if (!list) {
    if (values->size() > input->size()) c.fail("there are more axes (%) than dimensions", {values->size()});
    return c.set(0, c.type(0), Dims(input->size() - values->size()));
  }
  const AxisList axes = c.axes(*list, input->size());
  for (size_t i = 0; i < input->size(); ++i) {
    const bool dropped = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!dropped) shape.push_back((*input)[i]);
    else if ((*input)[i].known() && (*input)[i].value != 1)
      c.fail("dimension % is %, so it cannot be squeezed (expected 1)", {i, to_string((*input)[i])});
  }
  c.set(0, c.type(0), std::move(shape));
}

void unsqueeze(Context& c) {
  const Dims* input = c.shape(0);
  const std::optional<Elements> values = axes_of(c);
  const std::optional<std::vector<int64_t>> list = all_numbers(values);
  if (!c.has(1) && values->empty()) c.fail("the axes are missing");
  if (!input || !values) return c.set(0, c.type(0), std::nullopt);
  const size_t rank = input->size() + values->size();
  if (rank > sdk::kMaxRank) c.fail("the result has rank % (at most 8)", {rank});
  if (!list) return c.set(0, c.type(0), Dims(rank));
  const AxisList axes = c.axes(*list, rank);
  Dims shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i)
    shape.push_back(std::find(axes.begin(), axes.end(), i) != axes.end() ? Dim(1) : (*input)[next++]);
  c.set(0, c.type(0), std::move(shape));
}

void flatten(Context& c) {
  const int64_t axis = c.attributes<schema::AxisAttributesT>().axis;
  const Dims* input = c.shape(0);
  if (!input) return c.set(0, c.type(0), Dims(2));
  // The axis may also name the end of the shape: everything before it.
  const size_t rank = input->size();
  const size_t at = axis == static_cast<int64_t>(rank) ? rank : c.axis(axis, rank);
  const std::span<const Dim> dims(*input);
  c.set(0, c.type(0), Dims{product(c, dims.first(at)), product(c, dims.subspan(at))});
}

void identity(Context& c) { c.set(0, c.type(0), c.input(0).shape); }

void shape_of(Context& c) {
  const auto& a = c.attributes<schema::ShapeAttributesT>();
  const Dims* input = c.shape(0);
  if (!input) return c.set(0, DataType::int64, Dims(1));
  const int64_t rank = static_cast<int64_t>(input->size());
  const auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  c.set(0, DataType::int64, Dims{std::max<int64_t>(clamped(a.end) - clamped(a.start), 0)});
}

void size_of(Context& c) {
  c.input(0);
  c.set(0, DataType::int64, Dims{});
}

}  // namespace motley::graph::infer
