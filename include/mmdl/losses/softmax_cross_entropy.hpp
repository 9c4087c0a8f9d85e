// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy from logits: one label of many.
#pragma once

#include <algorithm>
#include <cmath>

namespace mmdl {

/// weight * mean over samples of -sum over classes of y * log softmax(z), from logits z of any size by the
/// stable log-sum-exp. Targets y are a row of probabilities of the outputs' shape: 1 at the class, 0
/// elsewhere (rows need not sum to 1). PyTorch: `cross_entropy(z, y)` with y of probabilities.
struct SoftmaxCrossEntropy {
  static constexpr const char* name = "softmax_cross_entropy";
  float weight = 1.0f;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const T scale = static_cast<T>(weight) / static_cast<T>(samples);
    double sum = 0.0;
    for (int n = 0; n < samples; ++n) {
      const T* z = outputs + static_cast<long>(n) * size;
      const T* y = targets + static_cast<long>(n) * size;
      const T largest = *std::max_element(z, z + size);
      double exponentials = 0.0, mass = 0.0;
      for (int i = 0; i < size; ++i) {
        exponentials += std::exp(static_cast<double>(z[i] - largest));
        mass += static_cast<double>(y[i]);
      }
      const double log_sum = std::log(exponentials);
      for (int i = 0; i < size; ++i) {
        const double log_probability = static_cast<double>(z[i] - largest) - log_sum;
        if (y[i] != T{0}) sum -= static_cast<double>(y[i]) * log_probability;
        if (gradients != nullptr)
          gradients[static_cast<long>(n) * size + i] =
              scale * static_cast<T>(mass * std::exp(log_probability) - static_cast<double>(y[i]));
      }
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }
};

}  // namespace mmdl
