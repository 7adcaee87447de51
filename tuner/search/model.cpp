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
constexpr double kTypicalNoise = 1e-2, kTypicalKinship = 0.8;

double square(double x) { return x * x; }

}  // namespace

// Samples of the same source are as close as their configs are; of different ones, less so.
double Model::kin(size_t i, size_t j) const {
  const uint32_t a = samples_[i].source, b = samples_[j].source;
  return a == b ? 1 : kinship_[a] * kinship_[b];
}

double Model::pair(size_t i, size_t j) const {
  return static_cast<double>(kernel_(samples_[i].config, samples_[j].config));
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
    for (size_t j = 0; j < i; ++j) matrix[i * n + j] = products_[i * n + j] * kin(i, j);
    matrix[i * n + i] = 1 + noise_;
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
  for (size_t s = 1; s < kinship_.size(); ++s) sum -= 0.5 * square((kinship_[s] - kTypicalKinship) / 0.3);
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
      const uint16_t a = samples_[i].config[parameter], b = samples_[j].config[parameter];
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

void Model::improve_kinship(size_t source) {
  const double start = kinship_[source];
  for (const double step : {0.1, -0.1}) {
    const double before = kinship_[source];
    kinship_[source] = std::clamp(start + step, 0.0, 0.99);
    const double score = evaluate();
    if (score > score_) score_ = score;
    else kinship_[source] = before;
  }
}

void Model::fit(std::vector<Sample> samples, int rounds) {
  samples_ = std::move(samples);
  for (const Sample& sample : samples_)
    if (sample.source >= kinship_.size()) kinship_.resize(sample.source + 1, kTypicalKinship);
  build();
  score_ = evaluate();
  for (int round = 0; round < rounds; ++round) {
    for (size_t p = 0; p < kernel_.width(); ++p) improve_parameter(p);
    improve_noise();
    for (size_t source = 1; source < kinship_.size(); ++source) improve_kinship(source);
    build();  // without the rounding that exchanging factors adds up
    score_ = evaluate();
  }
  if (rounds > 0) evaluate();
  weights_ = factor_.solve_transposed(whitened_);
}

double Model::mean(const uint16_t* config) const {
  double sum = level_;
  for (size_t j = 0; j < samples_.size(); ++j)
    sum += weights_[j] * static_cast<double>(covariance(config, samples_[j]));
  return sum;
}

namespace {

void subtract(float* __restrict y, const float* __restrict x, float factor, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] -= factor * x[i];
}

constexpr size_t kStrip = 256;  // configs at a time: what they need of all rows stays in the cache

}  // namespace

Posterior::Posterior(const Model& model, std::vector<const uint16_t*> configs)
    : model_(model),
      configs_(std::move(configs)),
      means_(configs_.size(), static_cast<float>(model.level())),
      explained_(configs_.size()) {
  project();
}

void Posterior::project() {
  const size_t n = model_.samples().size(), count = configs_.size();
  rows_.assign(n, std::vector<float>(count));
  for (size_t first = 0; first < count; first += kStrip) {
    const size_t width = std::min(kStrip, count - first);
    for (size_t i = 0; i < n; ++i) {
      float* const row = rows_[i].data() + first;
      for (size_t c = 0; c < width; ++c) row[c] = model_.covariance(configs_[first + c], model_.samples()[i]);
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
  return model_.amplitude() * std::sqrt(std::max(1e-6, 1 - static_cast<double>(explained_[i])));
}

void Posterior::condition(size_t i, double target) {
  const size_t count = configs_.size();
  std::vector<float> row(count);
  const Sample sample{configs_[i], 0, target};
  for (size_t c = 0; c < count; ++c) row[c] = model_.covariance(configs_[c], sample);
  for (const std::vector<float>& before : rows_) subtract(row.data(), before.data(), before[i], count);
  const float variance = 1 + static_cast<float>(model_.noise()) - explained_[i];
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
