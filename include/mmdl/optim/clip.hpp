// SPDX-License-Identifier: Apache-2.0
// Gradient clipping by the norm over all trained parameters.
#pragma once

#include <cmath>
#include <span>

#include "../core/simd.hpp"
#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

namespace detail {

/// The sum of squares in double: sixteen sums side by side keep the loop vectorised in a fixed order.
template <class T>
double sum_of_squares(const T* values, long count) {
  double lanes[16] = {};
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    MMDL_SIMD
    for (int lane = 0; lane < 16; ++lane) {
      const double value = static_cast<double>(values[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (; i < count; ++i) lanes[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  double sum = 0.0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace detail

/// The Euclidean norm of the gradients in the ranges, summed in double; the same on any number of threads.
template <class T>
T gradient_norm(const T* gradients, std::span<const ParameterRange> ranges) {
  constexpr long parts = 64;  // of a range, whatever the threads: the sum does not depend on their number
  double sum = 0.0;
  for (const ParameterRange& range : ranges) {
    const long count = range.end - range.begin;
    if (count < detail::update_grain) {
      sum += detail::sum_of_squares(gradients + range.begin, count);
      continue;
    }
    double partial[parts];
    detail::parallel_ranges(parts, 1, [&](long first, long last) {
      for (long part = first; part < last; ++part) {
        const long begin = count * part / parts, end = count * (part + 1) / parts;
        partial[part] = detail::sum_of_squares(gradients + range.begin + begin, end - begin);
      }
    });
    for (const double part : partial) sum += part;
  }
  return static_cast<T>(std::sqrt(sum));
}

/// Scales the gradients by maximum / (norm + 1e-6) where their norm is above `maximum`; gives the norm
/// before. PyTorch: `torch.nn.utils.clip_grad_norm_`.
template <class T>
T clip_norm(T* gradients, std::span<const ParameterRange> ranges, T maximum) {
  const T norm = gradient_norm<T>(gradients, ranges);
  if (norm <= maximum) return norm;
  const T scale = maximum / (norm + static_cast<T>(1e-6));
  for (const ParameterRange& range : ranges)
    detail::parallel_ranges(range.end - range.begin, detail::update_grain, [&](long begin, long end) {
      MMDL_SIMD
      for (long i = begin; i < end; ++i) gradients[range.begin + i] *= scale;
    });
  return norm;
}

}  // namespace mmdl
