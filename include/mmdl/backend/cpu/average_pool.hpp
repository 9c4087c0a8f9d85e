// SPDX-License-Identifier: Apache-2.0
// Mean over a sliding window.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "kernel.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// y[oh, ow, c] = sum of the window's numbers / divisor. The divisor is the number of the window's places in
/// the padded input where node->count_padding, else in the input alone. PyTorch:
/// `avg_pool2d(count_include_pad=...)`.
template <class T>
struct CpuKernel<operators::AveragePool, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const Extent in = node.input, out = node.output;
    const long channels = out.channels;
    parallel_ranges(1L * a.samples * out.height, 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const T* x = a.inputs[0] + row / out.height * in.size();
        const Span rows = vertical(node, static_cast<int>(row % out.height));
        for (int ow = 0; ow < out.width; ++ow) {
          T* y = a.output + (row * out.width + ow) * channels;
          const Span columns = horizontal(node, ow);
          std::fill_n(y, channels, T{0});
          for (int h = rows.begin; h < rows.end; ++h)
            for (int v = columns.begin; v < columns.end; ++v) {
              const T* from = x + (1L * h * in.width + v) * channels;
              MMDL_SIMD
              for (long c = 0; c < channels; ++c) y[c] += from[c];
            }
          const T factor = reciprocal(rows, columns);
          MMDL_SIMD
          for (long c = 0; c < channels; ++c) y[c] *= factor;
        }
      }
    });
  }

  /// Each row of the input gathers from the windows over it, so threads divide the rows.
  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const Node& node = *a.node;
    const Extent in = node.input, out = node.output;
    const Window& w = node.window;
    const long channels = out.channels;
    parallel_ranges(1L * a.samples * in.height, 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const int h = static_cast<int>(row % in.height);
        const T* dy = a.output_gradient + row / in.height * out.size();
        T* dx = a.input_gradients[0] + row * in.width * channels;
        if (!a.accumulate[0]) std::fill_n(dx, in.width * channels, T{0});
        const int below =
            h + w.pad_top - w.kernel_height;  // the last window start that does not reach the row
        const int first = below < 0 ? 0 : below / w.stride + 1;
        const int last = std::min(out.height - 1, (h + w.pad_top) / w.stride);
        for (int oh = first; oh <= last; ++oh)
          for (int ow = 0; ow < out.width; ++ow) {
            const Span columns = horizontal(node, ow);
            const T factor = reciprocal(vertical(node, oh), columns);
            const T* from = dy + (1L * oh * out.width + ow) * channels;
            for (int v = columns.begin; v < columns.end; ++v) {
              T* to = dx + v * channels;
              MMDL_SIMD
              for (long c = 0; c < channels; ++c) to[c] += from[c] * factor;
            }
          }
      }
    });
  }

 private:
  /// The window's places in the input along one axis, and how many of them the divisor counts.
  struct Span {
    int begin, end, counted;
  };
  static Span span(int start, int kernel, int size, int pad_end, bool count_padding) {
    const int begin = std::max(start, 0), end = std::max(begin, std::min(start + kernel, size));
    return {begin, end, count_padding ? std::min(start + kernel, size + pad_end) - start : end - begin};
  }
  static Span vertical(const Node& node, int oh) {
    const Window& w = node.window;
    return span(oh * w.stride - w.pad_top, w.kernel_height, node.input.height, w.pad_bottom,
                node.count_padding);
  }
  static Span horizontal(const Node& node, int ow) {
    const Window& w = node.window;
    return span(ow * w.stride - w.pad_left, w.kernel_width, node.input.width, w.pad_right,
                node.count_padding);
  }
  static T reciprocal(const Span& rows, const Span& columns) {
    const long places = 1L * rows.counted * columns.counted;
    return places > 0 ? T{1} / static_cast<T>(places) : T{0};
  }
};

}  // namespace mmdl::detail
