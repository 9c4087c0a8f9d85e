// SPDX-License-Identifier: Apache-2.0
// Cross-entropy over the steps of a sequence: a class at each, some steps absent.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "../core/error.hpp"
#include "../core/shape.hpp"

namespace mmdl {

/// weight * mean over samples of the sum over their present steps of -log softmax(z)[class], from logits z
/// `Shape<L, Classes>` of any size by the stable log-sum-exp. Targets are `Shape<L>`: the number of the
/// class, from 0, or a negative number where the step is absent, which then has no loss and no gradient; a
/// sample without any present step counts in the mean as 0. Any other target is an `Error`. PyTorch:
/// `cross_entropy(z.flatten(0, 1), classes.flatten(), ignore_index=-1, reduction="sum") / samples`.
template <int Length>
struct SequenceCrossEntropy {
  static_assert(Length > 0, "mmdl: a sequence has at least one step");
  static constexpr const char* name = "sequence_cross_entropy";
  /// The targets' shape, which is not that of the output.
  using target = Shape<Length>;
  float weight = 1.0f;

  /// The loss of `samples` x `size` outputs, size = Length * classes; writes its gradient unless `gradients`
  /// is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const int classes = size / Length;
    const double scale = static_cast<double>(weight) / samples;
    double sum = 0.0;
    for (long step = 0; step < static_cast<long>(samples) * Length; ++step) {
      const T* z = outputs + step * classes;
      T* gradient = gradients == nullptr ? nullptr : gradients + step * classes;
      const T wanted = targets[step];
      if (wanted < T{0}) {
        if (gradient != nullptr) std::fill_n(gradient, classes, T{0});
        continue;
      }
      if (!(wanted < static_cast<T>(classes)) || wanted != static_cast<T>(static_cast<int>(wanted)))
        detail::fail("sequence cross-entropy: target of step " + std::to_string(step % Length + 1) +
                         " of sample " + std::to_string(step / Length + 1),
                     std::to_string(wanted),
                     "a class from 0 to " + std::to_string(classes - 1) + ", or a negative number (absent)");
      const T largest = *std::max_element(z, z + classes);
      double exponentials = 0.0;
      for (int c = 0; c < classes; ++c) exponentials += std::exp(static_cast<double>(z[c] - largest));
      const int label = static_cast<int>(wanted);
      sum += std::log(exponentials) - static_cast<double>(z[label] - largest);
      if (gradient == nullptr) continue;
      for (int c = 0; c < classes; ++c)
        gradient[c] = static_cast<T>(scale * (std::exp(static_cast<double>(z[c] - largest)) / exponentials -
                                              (c == label ? 1.0 : 0.0)));
    }
    return static_cast<T>(scale * sum);
  }
};

}  // namespace mmdl
