// Predicts what configs cost from those that were measured.
#include "search/model.hpp"

#include <algorithm>
#include <cmath>

namespace motley::tuner {

namespace {

constexpr double kLeastNoise = 1e-4, kMostNoise = 0.3;
constexpr double kLeastLength = 0.08, kMostLength = 8;
constexpr double kLeastWeight = 0.1, kMostWeight = 0.98;  // below 1: pairs are divided by it
const Shape kTypical;
constexpr double kTypicalNoise = 1e-2, kLikelyTrust = 3;
constexpr float kLeastTrust = 1e-3F, kMostTrust = 100;

double square(double x) { return x * x; }

}  // namespace

double Model::pair(size_t i, size_t j) const {
  return static_cast<double>(kernel_(samples_[i].point.config, samples_[j].point.config));
}

void Model::build() {
  const size_t n = samples_.size();
  products_.assign(n * n, 0);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= i; ++j) products_[i * n + j] = pair(i, j);
}

// How well the settings explain the samples: the logarithm of the marginal likelihood, with the level and the amplitude
// at their best, plus a prior that keeps few samples from going to extremes.
double Model::evaluate() {
  const size_t n = samples_.size();
  std::vector<double> matrix(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j)
      matrix[i * n + j] = products_[i * n + j] + static_cast<double>(agreement(samples_[i].point, samples_[j].point));
    matrix[i * n + i] = static_cast<double>(variance(samples_[i].point)) + noise_;
  }
  factor_ = Cholesky(std::move(matrix), n);
  std::vector<double> targets;
  for (const Sample& sample : samples_) targets.push_back(sample.target);
  whitened_ = factor_.solve(std::move(targets));
  const std::vector<double> ones = factor_.solve(std::vector<double>(n, 1));
  double ones_ones = 0, ones_targets = 0, rest = 0;
  for (size_t i = 0; i < n; ++i) ones_ones += square(ones[i]), ones_targets += ones[i] * whitened_[i];
  level_ = ones_targets / ones_ones;
  for (size_t i = 0; i < n; ++i) rest += square(whitened_[i] -= level_ * ones[i]);
  const auto count = static_cast<double>(n);
  amplitude_ = std::sqrt((rest + 0.01) / count);
  return -0.5 * count * std::log(rest / count + 1e-12) - 0.5 * factor_.log_determinant() - 0.5 * std::log(ones_ones) +
         prior();
}

double Model::prior() const {
  double sum = -0.5 * square(std::log(noise_ / kTypicalNoise) / 2);
  for (const float trust : trust_) sum -= 0.5 * square(std::log(static_cast<double>(trust) / kLikelyTrust) / 2);
  for (size_t p = 0; p < kernel_.width(); ++p) {
    const Shape& shape = kernel_.shape(p);
    sum -= 0.5 * square(std::log(shape.length / kTypical.length) / 0.8);
    sum -= 0.5 * square((shape.weight - kTypical.weight) / 0.4);
  }
  return sum;
}

// The pairs with one parameter's factor exchanged: cheaper than all factors again.
std::vector<double> Model::replaced(size_t parameter, const Shape& before) const {
  Kernel old = kernel_;
  old.set_shape(parameter, before);
  std::vector<double> result = products_;
  const size_t n = samples_.size();
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) {
      const uint16_t a = samples_[i].point.config[parameter], b = samples_[j].point.config[parameter];
      result[i * n + j] *=
          static_cast<double>(kernel_.factor(parameter, a, b)) / static_cast<double>(old.factor(parameter, a, b));
    }
  return result;
}

// Tries steps up and down of each setting and keeps what scores better.
void Model::improve_parameter(size_t parameter) {
  const Shape start = kernel_.shape(parameter);
  std::vector<Shape> trials;
  for (const double step : {1.5, 1 / 1.5})
    trials.push_back({std::clamp(start.length * step, kLeastLength, kMostLength), start.weight, start.alignment});
  for (const double step : {0.15, -0.15})
    trials.push_back({start.length, std::clamp(start.weight + step, kLeastWeight, kMostWeight), start.alignment});
  if (kernel_.has_alignment(parameter))
    for (const double step : {0.2, -0.2})
      trials.push_back({start.length, start.weight, std::clamp(start.alignment + step, 0.0, 0.95)});
  for (const Shape& trial : trials) {
    const Shape before = kernel_.shape(parameter);
    kernel_.set_shape(parameter, trial);
    std::vector<double> products = replaced(parameter, before);
    products.swap(products_);
    const double score = evaluate();
    if (score > score_ + 1e-6) {
      score_ = score;
    } else {
      products.swap(products_);
      kernel_.set_shape(parameter, before);
    }
  }
}

void Model::improve_noise() {
  const double start = noise_;
  for (const double step : {2.0, 0.5}) {
    const double before = noise_;
    noise_ = std::clamp(start * step, kLeastNoise, kMostNoise);
    const double score = evaluate();
    if (score > score_) score_ = score;
    else noise_ = before;
  }
}

void Model::improve_trust(size_t sibling) {
  const float start = trust_[sibling];
  for (const float step : {3.0F, 1 / 3.0F}) {
    const float before = trust_[sibling];
    trust_[sibling] = std::clamp(start * step, kLeastTrust, kMostTrust);
    const double score = evaluate();
    if (score > score_) score_ = score;
    else trust_[sibling] = before;
  }
}

void Model::fit(std::vector<Sample> samples, int rounds) {
  samples_ = std::move(samples);
  build();
  score_ = evaluate();
  for (int round = 0; round < rounds; ++round) {
    for (size_t p = 0; p < kernel_.width(); ++p) improve_parameter(p);
    improve_noise();
    for (size_t s = 0; s < trust_.size(); ++s) improve_trust(s);
    build();  // without the rounding that exchanging factors adds up
    score_ = evaluate();
  }
  if (rounds > 0) evaluate();
  weights_ = factor_.solve_transposed(whitened_);
}

double Model::mean(const Point& point) const {
  double sum = level_;
  for (size_t j = 0; j < samples_.size(); ++j)
    sum += weights_[j] * static_cast<double>(covariance(point, samples_[j].point));
  return sum;
}

namespace {

void subtract(float* __restrict y, const float* __restrict x, float factor, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] -= factor * x[i];
}

constexpr size_t kStrip = 256;  // points at a time: what they need of all rows stays in the cache

}  // namespace

Posterior::Posterior(const Model& model, std::vector<Point> points)
    : model_(model),
      points_(std::move(points)),
      means_(points_.size(), static_cast<float>(model.level())),
      explained_(points_.size()) {
  project();
}

void Posterior::project() {
  const size_t n = model_.samples().size(), count = points_.size();
  rows_.assign(n, std::vector<float>(count));
  for (size_t first = 0; first < count; first += kStrip) {
    const size_t width = std::min(kStrip, count - first);
    for (size_t i = 0; i < n; ++i) {
      float* const row = rows_[i].data() + first;
      for (size_t c = 0; c < width; ++c) row[c] = model_.covariance(points_[first + c], model_.samples()[i].point);
      for (size_t j = 0; j < i; ++j)
        subtract(row, rows_[j].data() + first, static_cast<float>(model_.factor().at(i, j)), width);
      const float scale = 1 / static_cast<float>(model_.factor().at(i, i));
      const auto whitened = static_cast<float>(model_.whitened()[i]);
      for (size_t c = 0; c < width; ++c) {
        row[c] *= scale;
        means_[first + c] += row[c] * whitened;
        explained_[first + c] += row[c] * row[c];
      }
    }
  }
}

double Posterior::deviation(size_t i) const {
  return model_.amplitude() *
         std::sqrt(std::max(1e-6, static_cast<double>(model_.variance(points_[i]) - explained_[i])));
}

void Posterior::condition(size_t i, double target) {
  const size_t count = points_.size();
  std::vector<float> row(count);
  for (size_t c = 0; c < count; ++c) row[c] = model_.covariance(points_[c], points_[i]);
  for (const std::vector<float>& before : rows_) subtract(row.data(), before.data(), before[i], count);
  const float variance = model_.variance(points_[i]) + static_cast<float>(model_.noise()) - explained_[i];
  const float pivot = std::sqrt(std::max(variance, 1e-6F));
  const float surprise = (static_cast<float>(target) - means_[i]) / pivot;
  for (size_t c = 0; c < count; ++c) {
    row[c] /= pivot;
    means_[c] += row[c] * surprise;
    explained_[c] += row[c] * row[c];
  }
  rows_.push_back(std::move(row));
}

}  // namespace motley::tuner
