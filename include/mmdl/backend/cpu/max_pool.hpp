// SPDX-License-Identifier: Apache-2.0
// Maximum over a sliding window.
#pragma once

#include <algorithm>
#include <limits>

#include "../../core/threads.hpp"
#include "kernel.hpp"
#include "max_pool_gradient.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// y[oh, ow, c] = max of x[oh * stride - pad_top + i * dilation, ow * stride - pad_left + j * dilation, c]
/// over the places of the window that lie in the input: padding never wins. A NaN does, as in PyTorch's
/// `max_pool2d`. A window that misses the input altogether gives the lowest number.
template <class T>
struct CpuKernel<operators::MaxPool, T> {
  static long workspace(const Node& node, int, bool training) {
    return training ? MaxPoolGradient<T>::workspace(node) : 0;
  }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const Extent in = node.input, out = node.output;
    const Window& w = node.window;
    const long channels = out.channels;
    parallel_ranges(1L * a.samples * out.height, 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const T* x = a.inputs[0] + row / out.height * in.size();
        const int top = static_cast<int>(row % out.height) * w.stride - w.pad_top;
        for (int ow = 0; ow < out.width; ++ow) {
          T* y = a.output + (row * out.width + ow) * channels;
          const int left = ow * w.stride - w.pad_left;
          bool first = true;
          for_window(w, in, top, left, [&](long pixel) {
            const T* v = x + pixel * channels;
            if (first) {
              MMDL_SIMD
              for (long c = 0; c < channels; ++c) y[c] = v[c];
            } else {
              MMDL_SIMD
              for (long c = 0; c < channels; ++c)
                y[c] = (static_cast<int>(v[c] > y[c]) | static_cast<int>(v[c] != v[c])) != 0 ? wide(v[c])
                                                                                             : wide(y[c]);
            }
            first = false;
          });
          if (first) std::fill_n(y, channels, std::numeric_limits<T>::lowest());
        }
      }
    });
  }

  /// The gradient goes to the first place of the window, row by row, that is the largest, as in PyTorch. (A
  /// NaN takes none.)
  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] != nullptr) MaxPoolGradient<T>(a).run();
  }

 private:
  /// Calls `body(pixel)` for the window's places in the input, row by row.
  template <class Body>
  static void for_window(const Window& w, const Extent& in, int top, int left, const Body& body) {
    for (int i = 0; i < w.kernel_height; ++i) {
      const int h = top + i * w.dilation;
      if (h < 0 || h >= in.height) continue;
      for (int j = 0; j < w.kernel_width; ++j) {
        const int v = left + j * w.dilation;
        if (v >= 0 && v < in.width) body(1L * h * in.width + v);
      }
    }
  }
};

}  // namespace mmdl::detail
