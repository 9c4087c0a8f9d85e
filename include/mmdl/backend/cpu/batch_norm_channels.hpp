// SPDX-License-Identifier: Apache-2.0
// What the backward of batch normalisation has of whole channels, whatever the activation behind it.
#pragma once

#include <algorithm>

#include "batch_norm_coefficients.hpp"

namespace mmdl::detail {

/// The coefficients of channels that dz and dx are computed with, and the gradients of the parameters.
template <class T>
class BatchNormChannels {
  using W = Wide<T>;

 protected:
  explicit BatchNormChannels(const BackwardArguments<T>& a)
      : a_(a),
        channels_(a.node->output.channels),
        rows_(a.samples * a.node->output.pixels()),
        k_(a.workspace, channels_) {}

  /// Those of the channels [first, last), before any sum is known.
  [[gnu::noinline]] void prepare(long first, long last) const {
    const auto with = [&](const W* mean, const auto& inverse) {
      const auto k = k_;
      const W *const gamma = a_.parameters[0], *const beta = a_.parameters[1];
      MMDL_SIMD
      for (long c = first; c < last; ++c) {
        k.mean[c] = mean[c];
        k.set(c, gamma[c], beta[c], mean[c], inverse(c));
        k.slope[c] = k.constant[c] = W{0};
      }
    };
    if (a_.training)
      with(a_.saved, [inverse = a_.saved + channels_](long c) { return inverse[c]; });
    else
      with(a_.states[0], [&](long c) { return running_inverse(*a_.node, a_.states[1][c]); });
  }
  /// The gradients of the parameters, and what dx has of them.
  [[gnu::noinline]] void finish(long first, long last, long slices) const {
    for (long from = first; from < last; from += channel_tile) {
      const long length = std::min(channel_tile, last - from);
      double dbeta[channel_tile], dgamma[channel_tile];
      add_slices(from, length, slices, dbeta);
      add_slices(channels_ + from, length, slices, dgamma);
      for (long i = 0; i < length; ++i) dgamma[i] *= static_cast<double>(inverse_of(from + i));
      put(a_.parameter_gradients[0], from, length, dgamma);
      put(a_.parameter_gradients[1], from, length, dbeta);
      if (!a_.training) continue;
      const double share = 1.0 / static_cast<double>(rows_);
      const W *const scale = k_.scale + from, *const inverse = a_.saved + channels_ + from;
      W *const constant = k_.constant + from, *const slope = k_.slope + from;
      MMDL_SIMD
      for (long i = 0; i < length; ++i) {
        const double factor = static_cast<double>(scale[i]) * share;
        constant[i] = static_cast<W>(-factor * dbeta[i]);
        slope[i] = static_cast<W>(-factor * dgamma[i] * static_cast<double>(inverse[i]));
      }
    }
  }

 private:
  template <class, Activation>
  friend class BatchNormGradient;  // what computes with them, row by row

  W inverse_of(long c) const {
    return a_.training ? a_.saved[channels_ + c] : running_inverse(*a_.node, a_.states[1][c]);
  }
  /// to[i] = the sum over the slices, in their order, of the numbers from `place` on.
  void add_slices(long place, long length, long slices, double* to) const {
    std::copy_n(k_.sums + place, length, to);
    for (long slice = 1; slice < slices; ++slice) {
      const double* const from = k_.sums + slice * 2 * channels_ + place;
      MMDL_SIMD
      for (long i = 0; i < length; ++i) to[i] += from[i];
    }
  }
  void put(W* gradients, long from, long length, const double* values) const {
    if (gradients == nullptr) return;
    gradients += from;
    if (a_.accumulate_parameters) {
      MMDL_SIMD
      for (long i = 0; i < length; ++i)
        gradients[i] = static_cast<W>(static_cast<double>(gradients[i]) + values[i]);
    } else {
      MMDL_SIMD
      for (long i = 0; i < length; ++i) gradients[i] = static_cast<W>(values[i]);
    }
  }

  const BackwardArguments<T>& a_;
  const long channels_, rows_;
  const BatchNormCoefficients<W> k_;
};

}  // namespace mmdl::detail
