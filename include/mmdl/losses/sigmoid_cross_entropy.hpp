// SPDX-License-Identifier: Apache-2.0
// Sigmoid cross-entropy from logits: several labels at once.
#pragma once

#include <cmath>

namespace mmdl {

/// weight * mean over samples of the sum over outputs of y * -log(p) + (1 - y) * -log(1 - p), p = sigmoid(z)
/// (Niu et al., equation 4), from logits z of any size in the stable form max(z, 0) - z * y +
/// log1p(exp(-|z|)). Targets y are in [0, 1], of the outputs' shape. With `active` > 0 only the first
/// `active` outputs count (a head with room for more labels than the data has); the others get no gradient.
/// PyTorch: `binary_cross_entropy_with_logits(z, y, reduction="sum") / samples`.
struct SigmoidCrossEntropy {
  static constexpr const char* name = "sigmoid_cross_entropy";
  float weight = 1.0f;
  int active = 0;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const int counted = active > 0 && active < size ? active : size;
    const T scale = static_cast<T>(weight) / static_cast<T>(samples);
    double sum = 0.0;
    for (int n = 0; n < samples; ++n) {
      const long row = static_cast<long>(n) * size;
      for (long i = row; i < row + counted; ++i) {
        const T z = outputs[i], y = targets[i];
        const T e = std::exp(-std::abs(z));  // in (0, 1]: nothing overflows
        sum += static_cast<double>((z > T{0} ? z : T{0}) - z * y + std::log1p(e));
        if (gradients != nullptr) gradients[i] = scale * ((z >= T{0} ? T{1} : e) / (T{1} + e) - y);
      }
      if (gradients != nullptr)
        for (long i = row + counted; i < row + size; ++i) gradients[i] = T{0};
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }
};

}  // namespace mmdl
