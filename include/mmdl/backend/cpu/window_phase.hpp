// SPDX-License-Identifier: Apache-2.0
// Which taps of a strided window reach a pixel: what the gradient of a convolution's input is made of.
#pragma once

#include <numeric>

namespace mmdl::detail {

/// The taps of a window that reach the pixels with a given remainder by the stride, along one axis: of the
/// pixel place + stride * t, tap first - k * tap_step reads output t + origin + k * step, for k in [0,
/// count).
struct WindowPhase {
  long count = 0, first = 0, tap_step = 1, origin = 0, step = 1;

  WindowPhase(long place, long taps, long stride, long dilation) {
    tap_step = stride / std::gcd(stride, dilation);
    step = tap_step * dilation / stride;
    for (first = taps - 1; first >= 0; --first)
      if ((place - first * dilation) % stride == 0) break;
    if (first < 0) return;
    count = first / tap_step + 1;
    origin = (place - first * dilation) / stride;
  }
};

}  // namespace mmdl::detail
