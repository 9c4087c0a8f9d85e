// SPDX-License-Identifier: Apache-2.0
// Gradient clipping by the norm over all trained parameters.
#pragma once

#include <cmath>
#include <span>

#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

/// The Euclidean norm of the gradients in the ranges, summed in double; the same on any number of threads.
template <class T>
T gradient_norm(const T* gradients, std::span<const ParameterRange> ranges) {
  double sum = 0.0;
  for (const ParameterRange& range : ranges) {
    // Sixteen sums side by side keep the loop vectorised in a fixed order.
    double lanes[16] = {};
    long i = range.begin;
    for (; i + 16 <= range.end; i += 16)
      for (int lane = 0; lane < 16; ++lane) {
        const double g = static_cast<double>(gradients[i + lane]);
        lanes[lane] += g * g;
      }
    for (; i < range.end; ++i) lanes[0] += static_cast<double>(gradients[i]) * static_cast<double>(gradients[i]);
    for (const double lane : lanes) sum += lane;
  }
  return static_cast<T>(std::sqrt(sum));
}

/// Scales the gradients by maximum / (norm + 1e-6) where their norm is above `maximum`; gives the norm before.
/// PyTorch: `torch.nn.utils.clip_grad_norm_`.
template <class T>
T clip_norm(T* gradients, std::span<const ParameterRange> ranges, T maximum) {
  const T norm = gradient_norm<T>(gradients, ranges);
  if (norm <= maximum) return norm;
  const T scale = maximum / (norm + static_cast<T>(1e-6));
  for (const ParameterRange& range : ranges)
    detail::parallel_ranges(range.end - range.begin, detail::update_grain, [&](long begin, long end) {
      for (long i = begin; i < end; ++i) gradients[range.begin + i] *= scale;
    });
  return norm;
}

}  // namespace mmdl
