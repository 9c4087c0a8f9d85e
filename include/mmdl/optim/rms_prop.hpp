// SPDX-License-Identifier: Apache-2.0
// RMSProp.
#pragma once

#include <algorithm>

#include "../core/simd.hpp"
#include "../core/square_roots.hpp"
#include "../optim/update.hpp"

namespace mmdl {

/// With g the gradient plus weight_decay * p: v = alpha * v + (1 - alpha) * g^2; p -= learning_rate * g /
/// (sqrt(v) + epsilon); with momentum b = momentum * b + g / (sqrt(v) + epsilon), p -= learning_rate * b.
/// Weight decay leaves out biases and batch norm unless `decay_all`. PyTorch: `torch.optim.RMSprop`, not
/// centered. Source: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012.
struct RmsProp {
  float learning_rate = 1e-2f;
  float alpha = 0.99f;
  float epsilon = 1e-8f;
  float momentum = 0.0f;
  float weight_decay = 0.0f;
  bool decay_all = false;

  /// Throws `Error` for an option out of its range.
  void check() const {
    const char* at_least = "a finite number, 0 or more";
    detail::check_option("RmsProp: learning_rate", learning_rate, 0.0f, detail::no_limit, at_least);
    detail::check_option("RmsProp: alpha", alpha, 0.0f, 1.0f, "a number in [0, 1)");
    detail::check_option("RmsProp: epsilon", epsilon, 0.0f, detail::no_limit, at_least);
    detail::check_option("RmsProp: momentum", momentum, 0.0f, 1.0f, "a number in [0, 1)");
    detail::check_option("RmsProp: weight_decay", weight_decay, 0.0f, detail::no_limit, at_least);
  }

  /// State buffers of the parameters' size.
  int slots() const { return momentum > 0.0f ? 2 : 1; }

  /// What a step does to each piece, in parts whose square roots stay in the first cache.
  template <class T>
  auto rule(float rate, long /*step*/) const {
    return [o = *this, lr = static_cast<T>(rate)](const UpdatePiece<T>& piece) {
      constexpr long part = 1024;
      const T keep = static_cast<T>(o.alpha), small = static_cast<T>(o.epsilon);
      const T m = static_cast<T>(o.momentum);
      const T decay = piece.decays || o.decay_all ? static_cast<T>(o.weight_decay) : T{0};
      T *const p = piece.parameters, *const square = piece.slots[0];
      T* const velocity = o.momentum > 0.0f ? piece.slots[1] : nullptr;
      const T* const g = piece.gradients;
      T deviation[part];
      for (long begin = 0; begin < piece.count; begin += part) {
        const long end = std::min(piece.count, begin + part);
        MMDL_SIMD
        for (long i = begin; i < end; ++i) {
          const T gradient = g[i] + decay * p[i];
          square[i] = keep * square[i] + (T{1} - keep) * gradient * gradient;
        }
        detail::square_roots(square + begin, deviation, end - begin);
        if (velocity == nullptr) {
          MMDL_SIMD
          for (long i = begin; i < end; ++i)
            p[i] -= lr * (g[i] + decay * p[i]) / (deviation[i - begin] + small);
        } else {
          MMDL_SIMD
          for (long i = begin; i < end; ++i) {
            velocity[i] = m * velocity[i] + (g[i] + decay * p[i]) / (deviation[i - begin] + small);
            p[i] -= lr * velocity[i];
          }
        }
      }
    };
  }
};

}  // namespace mmdl
