// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, with the residual and the activation that fusion put after it.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "../../core/threads.hpp"
#include "../check_batch_norm.hpp"
#include "activation.hpp"
#include "batch_norm_rows.hpp"
#include "batch_norm_statistics.hpp"
#include "kernel.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta + residual), for each channel over
/// samples and pixels; with node->activation_first, y = activation(...) + residual. The activation is none,
/// relu or relu6. In training the batch's mean and biased variance are used, and the running statistics move
/// towards the mean and the unbiased variance: running = (1 - momentum) * running + momentum * batch.
/// PyTorch: `batch_norm`. saved: mean, 1 / sqrt(variance + epsilon). Ioffe and Szegedy, 2015.
///
/// The kernel is bound by memory. Forward: one reading for the statistics, one reading and one writing.
/// Backward: two readings of x and dy, one writing; the activation's mask is computed again from x, and read
/// from the output only where a residual came before the activation. Results do not depend on the number of
/// threads.
///
/// Throws `Error` in training on a batch of one sample of one pixel, whose variance is not defined.
template <class T>
struct CpuKernel<operators::BatchNorm, T> {
  using W = Wide<T>;

  static long workspace(const Node& node, int samples, bool) {
    const long channels = node.output.channels;
    const long slices = row_slices(samples * node.output.pixels());
    return coefficient_count * padded(channels) +
           slices * 2 * channels * static_cast<long>(sizeof(double) / sizeof(W));
  }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    W* scale = a.workspace;
    W* shift = scale + padded(channels);
    const W *gamma = a.parameters[0], *beta = a.parameters[1];
    if (a.training && a.again) {
      const W *mean = a.saved, *inverse = a.saved + channels;
      for (long c = 0; c < channels; ++c)
        scale_and_shift(gamma[c], beta[c], mean[c], inverse[c], scale[c], shift[c]);
    } else if (a.training) {
      double* moments = slice_sums(a.workspace, channels);
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
          scale_and_shift(gamma[c], beta[c], mean[c], inverse[c], scale[c], shift[c]);
        }
      });
    } else {
      for (long c = 0; c < channels; ++c)
        scale_and_shift(gamma[c], beta[c], a.states[0][c], running_inverse(node, a.states[1][c]), scale[c],
                        shift[c]);
    }
    with_activation(
        node, [&](auto activation) { normalise_rows<decltype(activation)::value>(a, rows, scale, shift); });
  }

  /// With dz the gradient behind the activation, N = samples * pixels and xhat = (x - mean) * inverse:
  /// dbeta = sum dz, dgamma = sum dz * xhat, dx = gamma * inverse * (dz - dbeta / N - xhat * dgamma / N), and
  /// without the last two terms when not in training. The residual gets dz (dy with `activation_first`), and
  /// may have it in output_gradient's own array, which is not changed otherwise.
  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    // dx = scale * dz + slope * (x - mean) + constant, the mask from scale * x + shift
    W* scale = a.workspace;
    W* shift = scale + padded(channels);
    W* mean = shift + padded(channels);
    W* slope = mean + padded(channels);
    W* constant = slope + padded(channels);
    const W *gamma = a.parameters[0], *beta = a.parameters[1];
    for (long c = 0; c < channels; ++c) {
      mean[c] = a.training ? a.saved[c] : a.states[0][c];
      scale_and_shift(gamma[c], beta[c], mean[c], inverse_of(a, c), scale[c], shift[c]);
      slope[c] = constant[c] = W{0};
    }
    with_activation(node, [&](auto activation) {
      constexpr Activation kind = decltype(activation)::value;
      Pass<kind> pass(a, scale, shift);
      const bool wants_parameters =
          a.parameter_gradients[0] != nullptr || a.parameter_gradients[1] != nullptr;
      if (wants_parameters || (a.training && a.input_gradients[0] != nullptr)) {
        double* sums = slice_sums(a.workspace, channels);
        for_row_slices(rows, [&](long slice, long begin, long end) {
          pass.sum_gradients(mean, begin, end, sums + slice * 2 * channels);
        });
        parallel_ranges(channels, combine_grain, [&](long begin, long end) {
          for (long c = begin; c < end; ++c) {
            double dbeta = 0.0, dgamma = 0.0;
            for (long slice = 0; slice < row_slices(rows); ++slice) {
              dbeta += sums[slice * 2 * channels + c];
              dgamma += sums[(slice * 2 + 1) * channels + c];
            }
            const double inverse = static_cast<double>(inverse_of(a, c));
            dgamma *= inverse;
            put(a.parameter_gradients[0], c, dgamma, a.accumulate_parameters);
            put(a.parameter_gradients[1], c, dbeta, a.accumulate_parameters);
            if (!a.training) continue;
            const double factor = static_cast<double>(scale[c]) / static_cast<double>(rows);
            constant[c] = static_cast<W>(-factor * dbeta);
            slope[c] = static_cast<W>(-factor * dgamma * inverse);
          }
        });
        pass.gradients_summed();
      }
      if (pass.nothing_left()) return;
      for_row_slices(rows,
                     [&](long, long begin, long end) { pass.write(mean, slope, constant, begin, end); });
    });
  }

 private:
  static constexpr long coefficient_count = 5;
  static constexpr long combine_grain = 128;

  /// Rounded up to whole cache lines, so that the doubles behind are aligned.
  static constexpr long padded(long channels) { return (channels + 15) / 16 * 16; }
  static double* slice_sums(W* workspace, long channels) {
    return reinterpret_cast<double*>(workspace + coefficient_count * padded(channels));
  }

  template <class Body>
  static void with_activation(const Node& node, const Body& body) {
    switch (node.activation) {
      case Activation::relu:
        return body(std::integral_constant<Activation, Activation::relu>{});
      case Activation::relu6:
        return body(std::integral_constant<Activation, Activation::relu6>{});
      default:
        return body(std::integral_constant<Activation, Activation::none>{});
    }
  }

  /// In one place, so that the forward, the forward again and the backward round alike and see one mask.
  static void scale_and_shift(W gamma, W beta, W mean, W inverse, W& scale, W& shift) {
    scale = gamma * inverse;
    shift = beta - mean * scale;
  }
  static W running_inverse(const Node& node, W variance) {
    return static_cast<W>(1.0 / std::sqrt(static_cast<double>(variance) + node.epsilon_millionths * 1e-6));
  }
  static W inverse_of(const BackwardArguments<T>& a, long c) {
    return a.training ? a.saved[a.node->output.channels + c] : running_inverse(*a.node, a.states[1][c]);
  }
  static void put(W* gradients, long c, double value, bool accumulate) {
    if (gradients != nullptr)
      gradients[c] = static_cast<W>(accumulate ? static_cast<double>(gradients[c]) + value : value);
  }

  /// The backward's two passes over memory, for one activation.
  template <Activation kind>
  class Pass {
   public:
    Pass(const BackwardArguments<T>& a, const W* scale, const W* shift)
        : a_(a),
          channels_(a.node->output.channels),
          scale_(scale),
          shift_(shift),
          source_(a.output_gradient) {
      const Node& node = *a.node;
      mask_from_output_ = (node.has_residual && !node.activation_first) || a.inputs[0] == nullptr;
      if (node.has_residual) residual_ = a.input_gradients[node.input_count - 1];
      residual_accumulates_ = node.has_residual && a.accumulate[node.input_count - 1];
      residual_gets_dz_ = kind != Activation::none && !node.activation_first;
      if (residual_ == a.output_gradient && !residual_gets_dz_ && !residual_accumulates_)
        residual_ = nullptr;  // it has its gradient already
    }

    /// sums[c] = sum of dz, sums[channels + c] = sum of dz * (x - mean), over some rows. Where the residual's
    /// gradient is dz and is not added to anything, it is written on the way: the second pass then reads dz
    /// from there and needs no mask. (Every row is written before it is read again, by the thread of its
    /// slice.)
    void sum_gradients(const W* mean, long begin, long end, double* sums) const {
      T* keep = keeps_dz() ? residual_ : nullptr;
      with_mask([&](auto mask) {
        sum_dz(begin, end, channels_, sums, a_.inputs[0], mean, keep,
               [&](long row, long from) { return gradient<decltype(mask)::value>(row, from); });
      });
    }
    void gradients_summed() {
      if (!keeps_dz()) return;
      source_ = residual_;
      dz_ready_ = true;
      residual_ = nullptr;
    }
    bool nothing_left() const { return a_.input_gradients[0] == nullptr && residual_ == nullptr; }

    /// dx, and the residual's gradient where the first pass has not written it.
    void write(const W* mean, const W* slope, const W* constant, long begin, long end) const {
      with_mask([&](auto mask) {
        for (long row = begin; row < end; ++row)
          for (long from = 0; from < channels_; from += channel_tile) {
            const long length = std::min(channel_tile, channels_ - from), at = row * channels_ + from;
            const auto g = gradient<decltype(mask)::value>(row, from);
            T* dx = a_.input_gradients[0] == nullptr ? nullptr : a_.input_gradients[0] + at;
            if (a_.training && dx != nullptr && !a_.accumulate[0] && residual_ == nullptr) {
              const T* x = a_.inputs[0] + at;
              const W *s = scale_ + from, *m = mean + from, *l = slope + from, *k = constant + from;
              MMDL_SIMD
              for (long c = 0; c < length; ++c) dx[c] = g(c) * s[c] + ((x[c] - m[c]) * l[c] + k[c]);
            } else {
              write_piece(g, mean + from, slope + from, constant + from, scale_ + from, at, dx, length);
            }
          }
      });
    }

   private:
    bool keeps_dz() const { return residual_ != nullptr && residual_gets_dz_ && !residual_accumulates_; }

// GCC 12 takes the arrays for read before written, since it does not see that a length is above 0.
#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
    /// The rarer cases, through arrays on the stack: dx is about to overwrite what the residual gets, or both
    /// are one.
    template <class G>
    void write_piece(const G& g, const W* m, const W* l, const W* k, const W* s, long at, T* dx,
                     long length) const {
      W dz[channel_tile], upstream[channel_tile];
      MMDL_SIMD
      for (long c = 0; c < length; ++c) dz[c] = g(c);
      if (residual_ != nullptr && residual_gets_dz_) std::copy_n(dz, length, upstream);
      if (residual_ != nullptr && !residual_gets_dz_) store(source_ + at, upstream, length, false);
      if (dx != nullptr) {
        MMDL_SIMD
        for (long c = 0; c < length; ++c) dz[c] *= s[c];
        if (a_.training) {
          const T* x = a_.inputs[0] + at;
          MMDL_SIMD
          for (long c = 0; c < length; ++c) dz[c] += (x[c] - m[c]) * l[c] + k[c];
        }
        store(static_cast<const W*>(dz), dx, length, a_.accumulate[0]);
      }
      if (residual_ != nullptr)
        store(static_cast<const W*>(upstream), residual_ + at, length, residual_accumulates_);
    }
#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic pop
#endif

    /// Where the mask comes from.
    enum class Mask : unsigned char { none, input, output };

    /// dz of some channels of a row, number by number: computed inside the loops that use it, for a loop that
    /// stores it first waits for memory twice.
    template <Mask mask>
    struct Gradient {
      const T *dy, *x, *y;
      const W *scale, *shift;
      W operator()(long c) const {
        if constexpr (mask == Mask::none) return dy[c];
        constexpr bool six = kind == Activation::relu6;
        if constexpr (mask == Mask::input)
          return keep_if_passed<six>(x[c] * scale[c] + shift[c], wide(dy[c]));
        if constexpr (mask == Mask::output) return keep_if_passed<six>(wide(y[c]), wide(dy[c]));
      }
    };
    template <Mask mask>
    Gradient<mask> gradient(long row, long from) const {
      const long at = row * channels_ + from;
      return {source_ + at, mask == Mask::input ? a_.inputs[0] + at : nullptr,
              mask == Mask::output ? a_.output + at : nullptr, scale_ + from, shift_ + from};
    }
    template <class Body>
    void with_mask(const Body& body) const {
      if constexpr (kind != Activation::none) {
        if (!dz_ready_ && mask_from_output_) return body(std::integral_constant<Mask, Mask::output>{});
        if (!dz_ready_) return body(std::integral_constant<Mask, Mask::input>{});
      }
      body(std::integral_constant<Mask, Mask::none>{});
    }

    const BackwardArguments<T>& a_;
    long channels_;
    const W *scale_, *shift_;
    const T* source_;
    T* residual_ = nullptr;  // where the residual's gradient is still to be written; null when nowhere
    bool mask_from_output_ = false, residual_accumulates_ = false, residual_gets_dz_ = false,
         dz_ready_ = false;
  };
};

}  // namespace mmdl::detail
