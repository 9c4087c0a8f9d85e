// SPDX-License-Identifier: Apache-2.0
// From logits to labels: as many as the predicted quantity says, the top k, or all above a probability.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/tensor.hpp"

namespace mmdl {

namespace detail {

[[noreturn, gnu::cold]] inline void fail_at_label(const char* place, std::size_t label) {
  fail(std::string(place) + ": logit of label " + std::to_string(label), "NaN", "a number");
}

inline void check_logits(const char* place, std::span<const float> logits) {
  if (logits.empty()) fail(place, "no logits", "one a class");
  for (std::size_t label = 0; label < logits.size(); ++label)
    if (std::isnan(logits[label])) fail_at_label(place, label);
}

inline void check_sample(const char* place, int sample, int samples) {
  if (sample < 0 || sample >= samples)
    fail(std::string(place) + ": sample", std::to_string(sample),
         "one of " + std::to_string(samples) + " samples, from 0");
}

/// The `count` labels of the largest logits, in falling order; of equal ones the smaller label first.
inline std::vector<int> largest(std::span<const float> logits, std::size_t count) {
  std::vector<int> labels(logits.size());
  std::iota(labels.begin(), labels.end(), 0);
  const auto logit = [&](int label) { return logits[static_cast<std::size_t>(label)]; };
  std::partial_sort(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(count), labels.end(),
                    [&](int a, int b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
  labels.resize(count);
  return labels;
}

}  // namespace detail

/// The `k` labels of the largest logits, in falling order of the logits (equal ones: the smaller label
/// first). Throws `Error` unless 1 <= k <= the number of classes, and on a NaN. PyTorch: `torch.topk(logits,
/// k).indices`.
inline std::vector<int> top_k_labels(std::span<const float> logits, int k) {
  detail::check_logits("top_k_labels", logits);
  if (k < 1 || static_cast<std::size_t>(k) > logits.size())
    detail::fail("top_k_labels: k", std::to_string(k), "1 to " + std::to_string(logits.size()));
  return detail::largest(logits, static_cast<std::size_t>(k));
}

/// The m labels of the largest logits, in falling order: m is the predicted `quantity` rounded to nearest
/// (half away from zero), at least 1 and at most the number of classes (Niu et al., section III-E: the top
/// labels are kept, as many as the predicted quantity). Throws `Error` when the quantity is not finite or a
/// logit is NaN.
inline std::vector<int> select_labels(std::span<const float> logits, float quantity) {
  detail::check_logits("select_labels", logits);
  if (!std::isfinite(quantity))
    detail::fail("select_labels: quantity", std::to_string(quantity), "a finite number");
  const double classes = static_cast<double>(logits.size());
  const double count = std::clamp(std::round(static_cast<double>(quantity)), 1.0, classes);
  return detail::largest(logits, static_cast<std::size_t>(count));
}

/// The labels with sigmoid(logit) > `probability` (strictly), in falling order of the logits; perhaps none.
/// Throws `Error` unless 0 <= probability <= 1, and on a NaN. PyTorch: `(logits.sigmoid() > p).nonzero()`.
inline std::vector<int> threshold_labels(std::span<const float> logits, double probability) {
  detail::check_logits("threshold_labels", logits);
  if (!(probability >= 0 && probability <= 1))
    detail::fail("threshold_labels: probability", std::to_string(probability), "0 to 1");
  // The inverse of the sigmoid, -inf at 0 and +inf at 1: no logit is too large or too small to be compared.
  const double least = std::log(probability) - std::log1p(-probability);
  const auto count =
      std::count_if(logits.begin(), logits.end(), [&](float z) { return static_cast<double>(z) > least; });
  return detail::largest(logits, static_cast<std::size_t>(count));
}

/// `select_labels` of one sample of a batch. Throws `Error` also when there is no such sample in both
/// tensors.
template <int Classes>
std::vector<int> select_labels(const Tensor<Shape<Classes>>& logits, const Tensor<Shape<1>>& quantity,
                               int sample) {
  detail::check_sample("select_labels", sample, std::min(logits.samples(), quantity.samples()));
  return select_labels(logits[sample], quantity(sample, 0));
}

/// `top_k_labels` of one sample of a batch. Throws `Error` also when there is no such sample.
template <int Classes>
std::vector<int> top_k_labels(const Tensor<Shape<Classes>>& logits, int k, int sample) {
  detail::check_sample("top_k_labels", sample, logits.samples());
  return top_k_labels(logits[sample], k);
}

/// `threshold_labels` of one sample of a batch. Throws `Error` also when there is no such sample.
template <int Classes>
std::vector<int> threshold_labels(const Tensor<Shape<Classes>>& logits, double probability, int sample) {
  detail::check_sample("threshold_labels", sample, logits.samples());
  return threshold_labels(logits[sample], probability);
}

}  // namespace mmdl
