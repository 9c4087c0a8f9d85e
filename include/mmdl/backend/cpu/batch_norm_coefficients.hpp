// SPDX-License-Identifier: Apache-2.0
// What batch normalisation multiplies and adds for each channel, and where it keeps that.
#pragma once

#include <cmath>
#include <type_traits>

#include "../../graph/arguments.hpp"
#include "batch_norm_statistics.hpp"

namespace mmdl::detail {

/// The scratch memory of a batch norm: five numbers of each channel, and sums in double of slices of rows.
template <class W>
struct BatchNormCoefficients {
  W *scale, *shift;            ///< y = scale * x + shift, behind which the activation comes
  W *mean, *slope, *constant;  ///< dx = scale * dz + slope * (x - mean) + constant
  double* sums;                ///< two numbers of each channel, for each slice

  static long workspace(const Node& node, int samples) {
    const long channels = node.output.channels;
    return 5 * padded(channels) + row_slices(samples * node.output.pixels()) * 2 * channels *
                                      static_cast<long>(sizeof(double) / sizeof(W));
  }
  BatchNormCoefficients(W* workspace, long channels)
      : scale(workspace),
        shift(scale + padded(channels)),
        mean(shift + padded(channels)),
        slope(mean + padded(channels)),
        constant(slope + padded(channels)),
        sums(reinterpret_cast<double*>(constant + padded(channels))) {}

  /// In one place, so that the forward, the forward again and the backward round alike and see one mask.
  void set(long channel, W gamma, W beta, W average, W inverse) const {
    scale[channel] = gamma * inverse;
    shift[channel] = beta - average * scale[channel];
  }

 private:
  /// Rounded up to whole cache lines, so that the doubles behind are aligned.
  static constexpr long padded(long channels) { return (channels + 15) / 16 * 16; }
};

template <class W>
W running_inverse(const Node& node, W variance) {
  return static_cast<W>(1.0 / std::sqrt(static_cast<double>(variance) + node.epsilon_millionths * 1e-6));
}

/// Calls `body(std::integral_constant<Activation, ...>{})` with the activation behind a batch norm.
template <class Body>
void with_norm_activation(const Node& node, const Body& body) {
  switch (node.activation) {
    case Activation::relu:
      return body(std::integral_constant<Activation, Activation::relu>{});
    case Activation::relu6:
      return body(std::integral_constant<Activation, Activation::relu6>{});
    default:
      return body(std::integral_constant<Activation, Activation::none>{});
  }
}

}  // namespace mmdl::detail
