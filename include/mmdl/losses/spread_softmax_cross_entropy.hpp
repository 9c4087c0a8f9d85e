// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy from logits, spread evenly over several labels.
#pragma once

#include <algorithm>
#include <cmath>

namespace mmdl {

/// weight * mean over samples of -sum over labels of (y / sum of y) * log softmax(z), from logits z of any
/// size by the stable log-sum-exp: each of a sample's m labels is to get the probability 1 / m. Targets y are
/// of the outputs' shape, 0 or more; a sample without labels adds 0 and gets no gradient. With `active` > 0
/// only the first `active` outputs count, as in `SigmoidCrossEntropy`. PyTorch: `cross_entropy(z, y /
/// y.sum(1, keepdim=True))` where every sample has a label. Source: Gong et al., "Deep Convolutional Ranking
/// for Multilabel Image Annotation", 2013, section 3.1.
struct SpreadSoftmaxCrossEntropy {
  static constexpr const char* name = "spread_softmax_cross_entropy";
  float weight = 1.0f;
  int active = 0;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const int counted = active > 0 && active < size ? active : size;
    const double scale = static_cast<double>(weight) / samples;
    double sum = 0.0;
    for (int n = 0; n < samples; ++n) {
      const long row = static_cast<long>(n) * size;
      const T *z = outputs + row, *y = targets + row;
      T* gradient = gradients == nullptr ? nullptr : gradients + row;
      if (gradient != nullptr) std::fill_n(gradient, size, T{0});
      double mass = 0.0;
      for (int i = 0; i < counted; ++i) mass += static_cast<double>(y[i]);
      if (mass == 0.0) continue;
      const T largest = *std::max_element(z, z + counted);
      double exponentials = 0.0;
      for (int i = 0; i < counted; ++i) exponentials += std::exp(static_cast<double>(z[i] - largest));
      const double log_sum = std::log(exponentials);
      for (int i = 0; i < counted; ++i) {
        const double log_probability = static_cast<double>(z[i] - largest) - log_sum;
        const double share = static_cast<double>(y[i]) / mass;
        if (share != 0.0) sum -= share * log_probability;
        if (gradient != nullptr) gradient[i] = static_cast<T>(scale * (std::exp(log_probability) - share));
      }
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }
};

}  // namespace mmdl
