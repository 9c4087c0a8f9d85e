// SPDX-License-Identifier: Apache-2.0
// RMSProp.
#pragma once

#include <algorithm>
#include <span>

#include "../core/simd.hpp"
#include "../core/square_roots.hpp"
#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

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

  template <class T>
  void update(T* parameters, const T* gradients, T* const* slots, std::span<const ParameterRange> ranges,
              float rate, long /*step*/) const {
    for (const ParameterRange& range : ranges) {
      const T decay = range.decay || decay_all ? static_cast<T>(weight_decay) : T{0};
      detail::parallel_ranges(range.end - range.begin, detail::update_grain, [&](long begin, long end) {
        const long at = range.begin + begin;
        T* velocity = momentum > 0.0f ? slots[1] + at : nullptr;
        update_range(parameters + at, gradients + at, slots[0] + at, velocity, end - begin, decay,
                     static_cast<T>(rate));
      });
    }
  }

 private:
  /// In pieces whose square roots stay in the first cache.
  template <class T>
  void update_range(T* p, const T* g, T* square, T* velocity, long count, T decay, T rate) const {
    constexpr long piece = 1024;
    const T keep = static_cast<T>(alpha), small = static_cast<T>(epsilon), m = static_cast<T>(momentum);
    T deviation[piece];
    for (long begin = 0; begin < count; begin += piece) {
      const long end = std::min(count, begin + piece);
      MMDL_SIMD
      for (long i = begin; i < end; ++i) {
        const T gradient = g[i] + decay * p[i];
        square[i] = keep * square[i] + (T{1} - keep) * gradient * gradient;
      }
      detail::square_roots(square + begin, deviation, end - begin);
      if (velocity == nullptr) {
        MMDL_SIMD
        for (long i = begin; i < end; ++i)
          p[i] -= rate * (g[i] + decay * p[i]) / (deviation[i - begin] + small);
      } else {
        MMDL_SIMD
        for (long i = begin; i < end; ++i) {
          velocity[i] = m * velocity[i] + (g[i] + decay * p[i]) / (deviation[i - begin] + small);
          p[i] -= rate * velocity[i];
        }
      }
    }
  }
};

}  // namespace mmdl
