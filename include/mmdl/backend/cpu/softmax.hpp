// SPDX-License-Identifier: Apache-2.0
// Softmax over the channels.
#pragma once

#include <algorithm>
#include <cmath>

#include "activation.hpp"

namespace mmdl::detail {

/// y = exp(x - max) / sum of exp(x - max) over the channels of each pixel. PyTorch: `softmax(dim=1)`.
template <class T>
struct CpuKernel<operators::Softmax, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    using W = Wide<T>;
    const long channels = a.node->output.channels;
    for_pixels(a, [&](long place) {
      const T* x = a.inputs[0] + place;
      T* y = a.output + place;
      W largest = x[0], sum = 0;
      for (long c = 1; c < channels; ++c) largest = std::max<W>(largest, x[c]);
      for (long c = 0; c < channels; ++c) {
        const W e = std::exp(x[c] - largest);
        y[c] = e;
        sum += e;
      }
      for (long c = 0; c < channels; ++c) y[c] = y[c] / sum;
    });
  }

  /// dx = y * (dy - sum of y * dy). The gradient's array may be that of dy.
  static void backward(const BackwardArguments<T>& a) {
    using W = Wide<T>;
    if (a.input_gradients[0] == nullptr) return;
    const long channels = a.node->output.channels;
    for_pixels(a, [&](long place) {
      const T *y = a.output + place, *dy = a.output_gradient + place;
      T* dx = a.input_gradients[0] + place;
      W mean = 0;
      for (long c = 0; c < channels; ++c) mean += wide(y[c]) * wide(dy[c]);
      for (long c = 0; c < channels; ++c) {
        const W gradient = y[c] * (dy[c] - mean);
        dx[c] = a.accumulate[0] ? dx[c] + gradient : gradient;
      }
    });
  }

 private:
  template <class Arguments, class Body>
  static void for_pixels(const Arguments& a, const Body& body) {
    const long channels = a.node->output.channels;
    parallel_ranges(a.samples * a.node->output.pixels(), parallel_grain / channels / 8 + 1,
                    [&](long begin, long end) {
                      for (long pixel = begin; pixel < end; ++pixel) body(pixel * channels);
                    });
  }
};

}  // namespace mmdl::detail
