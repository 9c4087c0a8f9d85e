// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, with the residual and the activation that fusion put after it.
#pragma once

#include <cmath>

#include "../../core/threads.hpp"
#include "../check_batch_norm.hpp"
#include "batch_norm_coefficients.hpp"
#include "batch_norm_gradient.hpp"
#include "batch_norm_rows.hpp"
#include "batch_norm_statistics.hpp"
#include "kernel.hpp"

namespace mmdl::detail {

/// y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta + residual), for each channel over
/// samples and pixels; with node->activation_first, y = activation(...) + residual. The activation is none,
/// relu or relu6. In training the batch's mean and biased variance are used, and the running statistics move
/// towards the mean and the unbiased variance: running = (1 - momentum) * running + momentum * batch.
/// PyTorch: `batch_norm`. saved: mean, 1 / sqrt(variance + epsilon). Ioffe and Szegedy, 2015.
///
/// The kernel is bound by memory. Forward: one reading for the statistics, one reading and one writing.
/// Backward: two readings of x and dy, one writing. Results do not depend on the number of threads.
///
/// Throws `Error` in training on a batch of one sample of one pixel, whose variance is not defined.
template <class T>
struct CpuKernel<operators::BatchNorm, T> {
  using W = Wide<T>;

  static long workspace(const Node& node, int samples, bool) {
    return BatchNormCoefficients<W>::workspace(node, samples);
  }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    const BatchNormCoefficients<W> k(a.workspace, channels);
    const W *gamma = a.parameters[0], *beta = a.parameters[1];
    if (a.training && a.again) {
      const W *mean = a.saved, *inverse = a.saved + channels;
      for (long c = 0; c < channels; ++c) k.set(c, gamma[c], beta[c], mean[c], inverse[c]);
    } else if (a.training) {
      double* moments = k.sums;
      measure_moments(a.inputs[0], rows, channels, moments);
      const double momentum = node.momentum_millionths * 1e-6, epsilon = node.epsilon_millionths * 1e-6;
      W *mean = a.saved, *inverse = a.saved + channels;
      parallel_ranges(channels, combine_grain, [&](long begin, long end) {
        for (long c = begin; c < end; ++c) {
          const Moments m = combined_moments(moments, rows, channels, c);
          const double count = static_cast<double>(rows);
          mean[c] = static_cast<W>(m.mean);
          inverse[c] = static_cast<W>(1.0 / std::sqrt(m.squares / count + epsilon));
          W &running_mean = a.states[0][c], &running_variance = a.states[1][c];
          running_mean =
              static_cast<W>((1.0 - momentum) * static_cast<double>(running_mean) + momentum * m.mean);
          running_variance = static_cast<W>((1.0 - momentum) * static_cast<double>(running_variance) +
                                            momentum * m.squares / (count - 1.0));
          k.set(c, gamma[c], beta[c], mean[c], inverse[c]);
        }
      });
    } else {
      for (long c = 0; c < channels; ++c)
        k.set(c, gamma[c], beta[c], a.states[0][c], running_inverse(node, a.states[1][c]));
    }
    with_norm_activation(node, [&](auto activation) {
      normalise_rows<decltype(activation)::value>(a, rows, k.scale, k.shift);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    check_batch_norm(node, a.samples * node.output.pixels(), a.training);
    with_norm_activation(
        node, [&](auto activation) { BatchNormGradient<T, decltype(activation)::value>(a).run(); });
  }

 private:
  static constexpr long combine_grain = 128;
};

}  // namespace mmdl::detail
