// SPDX-License-Identifier: Apache-2.0
// Squared error: the label quantity.
#pragma once

namespace mmdl {

/// weight * mean over samples of the sum over outputs of (output - target)^2 (Niu et al., equation 5).
/// PyTorch: `mse_loss(output, target, reduction="sum") / samples`.
struct MeanSquaredError {
  static constexpr const char* name = "mean_squared_error";
  float weight = 1.0f;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const T scale = T{2} * static_cast<T>(weight) / static_cast<T>(samples);
    double sum = 0.0;
    for (long i = 0; i < static_cast<long>(samples) * size; ++i) {
      const T difference = outputs[i] - targets[i];
      sum += static_cast<double>(difference) * static_cast<double>(difference);
      if (gradients != nullptr) gradients[i] = scale * difference;
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }
};

}  // namespace mmdl
