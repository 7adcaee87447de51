// Constraints as the auto-tuning community writes them: a Python expression over the parameters.
#include "space/expression.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include "base/text.hpp"

namespace motley::tuner {

// What a term does with its operands.
enum class Verb {
  constant,
  name,
  negate,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  unequal,
  in,
  not_in,
  list,
  both,
  either,
  opposite,
  least,
  greatest,
  magnitude
};

struct Expression::Term {
  Verb verb;
  Value value = int64_t{0};  // of a constant
  size_t parameter = 0;      // of a name
  std::vector<Term> operands;
};

namespace {

using Term = Expression::Term;

constexpr int kMaxDepth = 100;      // of nesting; deeper text is an attack or an accident
constexpr size_t kMaxText = 10000;  // characters

struct Operator {
  std::string_view sign;
  Verb verb;
};
// Longer signs first: "//" must not be read as "/".
constexpr Operator kComparisons[] = {{"<=", Verb::less_equal}, {">=", Verb::greater_equal}, {"==", Verb::equal},
                                     {"!=", Verb::unequal},    {"<", Verb::less},           {">", Verb::greater}};
constexpr Operator kSums[] = {{"+", Verb::add}, {"-", Verb::subtract}};
constexpr Operator kProducts[] = {
    {"//", Verb::floor_divide}, {"/", Verb::divide}, {"%", Verb::modulo}, {"*", Verb::multiply}};
constexpr Operator kFunctions[] = {{"min", Verb::least}, {"max", Verb::greatest}, {"abs", Verb::magnitude}};

// Recursive descent, one function per level of binding, loosest first.
class Parser {
 public:
  Parser(const std::string& text, const std::vector<std::string>& names) : text_(text), names_(names) {}

  Term parse() {
    if (text_.size() > kMaxText) fail_here("is longer than 10000 characters");
    Term term = alternatives();
    skip_space();
    if (at_ != text_.size()) fail_here("goes on where it should end");
    return term;
  }

 private:
  [[noreturn]] void fail_here(const char* problem) const {
    base::fail(ErrorCode::invalid_argument, "the constraint \"%\" % (at character %): correct it",
               {std::string_view(text_).substr(0, 200), problem, at_ + 1});
  }
  struct Level {
    explicit Level(Parser& parser) : depth(parser.depth_) {
      if (++depth > kMaxDepth) parser.fail_here("is nested more than 100 levels deep");
    }
    ~Level() { --depth; }
    int& depth;
  };

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view sign) {
    skip_space();
    if (text_.compare(at_, sign.size(), sign) != 0) return false;
    at_ += sign.size();
    return true;
  }
  static bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
  bool take_word(std::string_view word) {
    skip_space();
    const size_t end = at_ + word.size();
    if (text_.compare(at_, word.size(), word) != 0 || (end < text_.size() && in_word(text_[end]))) return false;
    at_ = end;
    return true;
  }
  void expect(std::string_view sign, const char* problem) {
    if (!take(sign)) fail_here(problem);
  }

  Term alternatives() {
    const Level level(*this);
    Term left = conjunction();
    while (take_word("or")) left = {Verb::either, 0, 0, pair(std::move(left), conjunction())};
    return left;
  }
  Term conjunction() {
    Term left = negation();
    while (take_word("and")) left = {Verb::both, 0, 0, pair(std::move(left), negation())};
    return left;
  }
  Term negation() {
    const Level level(*this);
    if (!take_word("not")) return comparison();
    Term result{Verb::opposite, 0, 0, {}};
    result.operands.push_back(negation());
    return result;
  }

  std::optional<Verb> comparison_sign() {
    if (take_word("in")) return Verb::in;
    const size_t before = at_;
    if (take_word("not")) {
      if (take_word("in")) return Verb::not_in;
      at_ = before;
    }
    for (const auto& [sign, verb] : kComparisons)
      if (take(sign)) return verb;
    return std::nullopt;
  }
  // a < b < c means a < b and b < c.
  Term comparison() {
    Term left = sum();
    std::optional<Term> all;
    while (const auto verb = comparison_sign()) {
      Term right = sum();
      Term step{*verb, 0, 0, pair(std::move(left), Term(right))};
      all = all ? Term{Verb::both, 0, 0, pair(std::move(*all), std::move(step))} : std::move(step);
      left = std::move(right);
    }
    return all ? std::move(*all) : std::move(left);
  }
  Term sum() {
    Term left = product();
    while (const auto verb = one_of(kSums)) left = {*verb, 0, 0, pair(std::move(left), product())};
    return left;
  }
  Term product() {
    Term left = factor();
    while (const auto verb = product_sign()) left = {*verb, 0, 0, pair(std::move(left), factor())};
    return left;
  }
  std::optional<Verb> product_sign() {
    skip_space();
    if (text_.compare(at_, 2, "**") == 0) return std::nullopt;  // binds tighter, see factor()
    return one_of(kProducts);
  }
  template <size_t N>
  std::optional<Verb> one_of(const Operator (&operators)[N]) {
    for (const auto& [sign, verb] : operators)
      if (take(sign)) return verb;
    return std::nullopt;
  }
  Term factor() {
    const Level level(*this);
    if (take("-")) {
      Term result{Verb::negate, 0, 0, {}};
      result.operands.push_back(factor());
      return result;
    }
    if (take("+")) return factor();
    Term left = primary();
    if (take("**")) return {Verb::power, 0, 0, pair(std::move(left), factor())};
    return left;
  }

  Term primary() {
    skip_space();
    if (at_ == text_.size()) fail_here("ends where a value is expected");
    const char c = text_[at_];
    if (c == '(') return parenthesis();
    if (c == '[') return list(Verb::list, "[", "]");
    if (c == '"' || c == '\'') return word();
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (in_word(c)) return name();
    fail_here("has a character that it may not have");
  }
  // (a) is a; (a, b) is a list.
  Term parenthesis() {
    Term items = list(Verb::list, "(", ")");
    if (items.operands.size() != 1) return items;
    Term only = std::move(items.operands[0]);
    return only;
  }
  Term list(Verb verb, std::string_view open, std::string_view close) {
    const Level level(*this);
    expect(open, "lacks a parenthesis");
    Term result{verb, 0, 0, {}};
    while (!take(close)) {
      if (!result.operands.empty()) {
        expect(",", "lacks a comma or a closing parenthesis");
        if (take(close)) break;
      }
      result.operands.push_back(alternatives());
    }
    return result;
  }
  Term word() {
    const char quote = text_[at_++];
    const size_t end = text_.find(quote, at_);
    if (end == std::string::npos) fail_here("has a word whose quote does not end");
    Term result{Verb::constant, text_.substr(at_, end - at_), 0, {}};
    at_ = end + 1;
    return result;
  }
  Term number() {
    const size_t begin = at_;
    auto digits = [&] {
      while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
    };
    digits();
    if (at_ < text_.size() && text_[at_] == '.') ++at_, digits();
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
      digits();
    }
    std::string digits_text = text_.substr(begin, at_ - begin);
    if (digits_text.back() == '.') digits_text += '0';
    Value value = Value::parse(digits_text);
    if (value.is_word()) fail_here("has a number that cannot be read");
    return {Verb::constant, std::move(value), 0, {}};
  }
  Term name() {
    const size_t begin = at_;
    while (at_ < text_.size() && in_word(text_[at_])) ++at_;
    const std::string found = text_.substr(begin, at_ - begin);
    if (found == "True") return {Verb::constant, true, 0, {}};
    if (found == "False") return {Verb::constant, false, 0, {}};
    skip_space();
    if (at_ < text_.size() && text_[at_] == '(')
      for (const auto& [function, verb] : kFunctions)
        if (found == function) return call(verb);
    const auto parameter = std::find(names_.begin(), names_.end(), found);
    if (parameter == names_.end()) {
      at_ = begin;
      fail_here("names something that is no parameter");
    }
    return {Verb::name, 0, static_cast<size_t>(parameter - names_.begin()), {}};
  }
  Term call(Verb verb) {
    Term result = list(verb, "(", ")");
    if (result.operands.empty()) fail_here("calls a function without a value");
    return result;
  }

  static std::vector<Term> pair(Term left, Term right) {
    std::vector<Term> both;
    both.push_back(std::move(left));
    both.push_back(std::move(right));
    return both;
  }

  const std::string& text_;
  const std::vector<std::string>& names_;
  size_t at_ = 0;
  int depth_ = 0;
};

[[noreturn]] void fail_value(const char* problem) {
  base::fail(ErrorCode::invalid_argument, "a constraint cannot be computed: %", {problem});
}

bool truth(const Value& value) { return value.is_word() ? !value.text().empty() : value.number() != 0; }

Value whole_arithmetic(Verb verb, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (verb) {
    case Verb::add:
      if (__builtin_add_overflow(a, b, &result)) break;
      return result;
    case Verb::subtract:
      if (__builtin_sub_overflow(a, b, &result)) break;
      return result;
    case Verb::multiply:
      if (__builtin_mul_overflow(a, b, &result)) break;
      return result;
    default: break;
  }
  fail_value("a number leaves 64 bits");
}

// Rounds down, and the remainder has the divisor's sign.
Value division(Verb verb, const Value& a, const Value& b) {
  if (b.number() == 0) fail_value("it divides by zero");
  if (verb == Verb::divide) return a.number() / b.number();
  if (a.is_integer() && b.is_integer()) {
    const int64_t x = a.integer(), y = b.integer();
    if (y == -1) return verb == Verb::modulo ? Value(0) : whole_arithmetic(Verb::subtract, 0, x);
    const int64_t rest = x % y;
    const bool adjust = rest != 0 && (rest < 0) != (y < 0);
    return verb == Verb::modulo ? Value(rest + (adjust ? y : 0)) : Value(x / y - (adjust ? 1 : 0));
  }
  const double quotient = std::floor(a.number() / b.number());
  return verb == Verb::modulo ? Value(a.number() - quotient * b.number()) : Value(quotient);
}

Value power(const Value& a, const Value& b) {
  const double result = std::pow(a.number(), b.number());
  if (!std::isfinite(result)) fail_value("a power is too large");
  constexpr double kExact = 9007199254740992;  // 2^53
  const bool whole = a.is_integer() && b.is_integer() && b.number() >= 0 && std::abs(result) <= kExact;
  return whole ? Value(static_cast<int64_t>(result)) : Value(result);
}

Value arithmetic(Verb verb, const Value& a, const Value& b) {
  if (verb == Verb::divide || verb == Verb::floor_divide || verb == Verb::modulo) return division(verb, a, b);
  if (verb == Verb::power) return power(a, b);
  if (a.is_integer() && b.is_integer()) return whole_arithmetic(verb, a.integer(), b.integer());
  const double x = a.number(), y = b.number();
  return verb == Verb::add ? x + y : verb == Verb::subtract ? x - y : x * y;
}

bool less(const Value& a, const Value& b) {
  if (a.is_word() && b.is_word()) return a.text() < b.text();
  return a.number() < b.number();
}

bool compare(Verb verb, const Value& a, const Value& b) {
  switch (verb) {
    case Verb::less: return less(a, b);
    case Verb::less_equal: return less(a, b) || a == b;
    case Verb::greater: return less(b, a);
    case Verb::greater_equal: return less(b, a) || a == b;
    case Verb::equal: return a == b;
    default: return !(a == b);
  }
}

class Evaluation {
 public:
  explicit Evaluation(const std::vector<const Value*>& values) : values_(values) {}

  Value operator()(const Term& term) const {
    const auto& operands = term.operands;
    switch (term.verb) {
      case Verb::constant: return term.value;
      case Verb::name: return *values_[term.parameter];
      case Verb::negate: return arithmetic(Verb::subtract, 0, (*this)(operands[0]));
      case Verb::opposite: return !truth((*this)(operands[0]));
      // The value that decided, as in Python; what it makes superfluous is not computed.
      case Verb::both: return decide(operands, false);
      case Verb::either: return decide(operands, true);
      case Verb::in: return contains(operands[1], (*this)(operands[0]));
      case Verb::not_in: return !contains(operands[1], (*this)(operands[0]));
      case Verb::least: return extreme(term, Verb::less);
      case Verb::greatest: return extreme(term, Verb::greater);
      case Verb::magnitude: return magnitude((*this)(operands[0]));
      case Verb::list: fail_value("a list stands where a value is needed");
      case Verb::add:
      case Verb::subtract:
      case Verb::multiply:
      case Verb::divide:
      case Verb::floor_divide:
      case Verb::modulo:
      case Verb::power: return arithmetic(term.verb, (*this)(operands[0]), (*this)(operands[1]));
      default: return compare(term.verb, (*this)(operands[0]), (*this)(operands[1]));
    }
  }

 private:
  Value decide(const std::vector<Term>& operands, bool deciding) const {
    Value first = (*this)(operands[0]);
    return truth(first) == deciding ? first : (*this)(operands[1]);
  }
  bool contains(const Term& list, const Value& value) const {
    if (list.verb != Verb::list) return (*this)(list) == value;  // (a) for a list of one
    return std::any_of(list.operands.begin(), list.operands.end(),
                       [&](const Term& item) { return (*this)(item) == value; });
  }
  Value extreme(const Term& term, Verb order) const {
    Value best = (*this)(term.operands[0]);
    for (size_t i = 1; i < term.operands.size(); ++i) {
      Value next = (*this)(term.operands[i]);
      if (compare(order, next, best)) best = std::move(next);
    }
    return best;
  }
  static Value magnitude(const Value& value) {
    return value.number() < 0 ? arithmetic(Verb::subtract, 0, value) : value;
  }

  const std::vector<const Value*>& values_;
};

void collect_reads(const Term& term, std::vector<size_t>& reads) {
  if (term.verb == Verb::name) reads.push_back(term.parameter);
  for (const Term& operand : term.operands) collect_reads(operand, reads);
}

}  // namespace

Expression::Expression(std::string text, const std::vector<std::string>& names) : text_(std::move(text)) {
  root_ = std::make_unique<Term>(Parser(text_, names).parse());
  collect_reads(*root_, reads_);
  std::sort(reads_.begin(), reads_.end());
  reads_.erase(std::unique(reads_.begin(), reads_.end()), reads_.end());
}
Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

bool Expression::holds(const std::vector<const Value*>& values) const { return truth(value(values)); }
Value Expression::value(const std::vector<const Value*>& values) const { return Evaluation(values)(*root_); }

}  // namespace motley::tuner
