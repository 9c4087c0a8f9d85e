// SPDX-License-Identifier: Apache-2.0
// Asymmetric loss from logits: several labels at once, easy negatives counted down.
#pragma once

#include <cmath>

namespace mmdl {

/// weight * mean over samples of the sum over outputs of
///   y * (1 - p)^positive_focus * -log(p) + (1 - y) * q^negative_focus * -log(1 - q),
/// p = sigmoid(z), q = max(p - margin, 0): the many labels that are surely absent add little, those below the
/// margin nothing (Ridnik et al., "Asymmetric Loss for Multi-Label Classification", 2021, equations 4 to 7).
/// Targets y are in [0, 1], of the outputs' shape; focuses are 0 or 1 and above, the margin is in [0, 1).
/// With focuses and margin 0 it is `SigmoidCrossEntropy`. Any logit gives a finite loss. The gradient is that
/// of the whole formula: the focusing factors are not held constant. With `active` > 0 only the first
/// `active` outputs count, as in `SigmoidCrossEntropy`. PyTorch: no equivalent of its own.
struct AsymmetricLoss {
  static constexpr const char* name = "asymmetric";
  float weight = 1.0f;
  float positive_focus = 0.0f;
  float negative_focus = 4.0f;
  float margin = 0.05f;
  int active = 0;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const int counted = active > 0 && active < size ? active : size;
    const double scale = static_cast<double>(weight) / samples;
    double sum = 0.0;
    for (int n = 0; n < samples; ++n) {
      const long row = static_cast<long>(n) * size;
      for (long i = row; i < row + counted; ++i) {
        const double y = static_cast<double>(targets[i]);
        double slope = 0.0;
        if (y != 0.0) sum += y * positive(static_cast<double>(outputs[i]), y, slope);
        if (y != 1.0) sum += (1 - y) * negative(static_cast<double>(outputs[i]), 1 - y, slope);
        if (gradients != nullptr) gradients[i] = static_cast<T>(scale * slope);
      }
      if (gradients != nullptr)
        for (long i = row + counted; i < row + size; ++i) gradients[i] = T{0};
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }

 private:
  /// log(1 + exp(z)) of any z.
  static double softplus(double z) { return (z > 0 ? z : 0) + std::log1p(std::exp(-std::abs(z))); }
  static double sigmoid(double z) {
    return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
  }

  /// The value of a label that is there; adds `share` times its derivative to `slope`.
  double positive(double z, double share, double& slope) const {
    const double g = static_cast<double>(positive_focus);
    const double absent = sigmoid(-z), loss = softplus(-z);  // 1 - p, -log(p)
    const double factor = g == 0 ? 1 : std::pow(absent, g);
    slope -= share * factor * (absent + g * sigmoid(z) * loss);
    return factor * loss;
  }

  /// The same of a label that is not.
  double negative(double z, double share, double& slope) const {
    const double g = static_cast<double>(negative_focus), m = static_cast<double>(margin);
    const double p = sigmoid(z), q = p - m;
    if (q <= 0) return 0;
    const double absent = sigmoid(-z), rest = absent + m;  // 1 - p, 1 - q
    const double loss = m == 0 ? softplus(z) : -std::log(rest);
    const double factor = g == 0 ? 1 : std::pow(q, g);
    const double ratio = m == 0 ? p : p * absent / rest;  // dq/dz over 1 - q
    slope += share * (factor * ratio + (g == 0 ? 0 : g * std::pow(q, g - 1) * loss * p * absent));
    return factor * loss;
  }
};

}  // namespace mmdl
