// SPDX-License-Identifier: Apache-2.0
// Mean over a sliding window.
#pragma once

#include <algorithm>

#include "activation.hpp"

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
    const long of_line = out.width * channels * node.window.kernel_height * node.window.kernel_width;
    parallel_ranges(1L * a.samples * out.height, parallel_grain / of_line + 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const T* x = a.inputs[0] + row / out.height * in.size();
        const Span rows = vertical(node, static_cast<int>(row % out.height));
        for (int ow = 0; ow < out.width; ++ow) {
          const Span columns = horizontal(node, ow);
          const W factor = reciprocal(rows, columns);
          for_tiles(channels, [&](long tile, long length) {
            W sum[tile_length];
            std::fill_n(sum, length, W{});
            for (int h = rows.begin; h < rows.end; ++h)
              for (int v = columns.begin; v < columns.end; ++v) {
                const T* from = x + (1L * h * in.width + v) * channels + tile;
                MMDL_SIMD
                for (long c = 0; c < length; ++c) sum[c] += from[c];
              }
            T* y = a.output + (row * out.width + ow) * channels + tile;
            MMDL_SIMD
            for (long c = 0; c < length; ++c) y[c] = sum[c] * factor;
          });
        }
      }
    });
  }

  /// Each pixel of the input gathers from the windows over it, so threads divide the rows.
  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const Node& node = *a.node;
    const Extent in = node.input, out = node.output;
    const Window& w = node.window;
    const long channels = out.channels;
    const long windows = ((w.kernel_height - 1) / w.stride + 1L) * ((w.kernel_width - 1) / w.stride + 1L);
    const long of_line = in.width * channels * windows;
    parallel_ranges(1L * a.samples * in.height, parallel_grain / of_line + 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const int h = static_cast<int>(row % in.height);
        const T* dy = a.output_gradient + row / in.height * out.size();
        const Range over_row = windows_over(h + w.pad_top, w.kernel_height, w.stride, out.height);
        for (int v = 0; v < in.width; ++v) {
          const Range over_column = windows_over(v + w.pad_left, w.kernel_width, w.stride, out.width);
          for_tiles(channels, [&](long tile, long length) {
            W sum[tile_length];
            std::fill_n(sum, length, W{});
            for (int oh = over_row.begin; oh < over_row.end; ++oh)
              for (int ow = over_column.begin; ow < over_column.end; ++ow) {
                const W factor = reciprocal(vertical(node, oh), horizontal(node, ow));
                const T* from = dy + (1L * oh * out.width + ow) * channels + tile;
                MMDL_SIMD
                for (long c = 0; c < length; ++c) sum[c] += from[c] * factor;
              }
            store(static_cast<const W*>(sum), a.input_gradients[0] + (row * in.width + v) * channels + tile,
                  length, a.accumulate[0]);
          });
        }
      }
    });
  }

 private:
  using W = Wide<T>;
  static constexpr long tile_length = 256;  // channels summed together, on the stack

  template <class Body>
  static void for_tiles(long channels, const Body& body) {
    for (long tile = 0; tile < channels; tile += tile_length)
      body(tile, std::min(tile_length, channels - tile));
  }

  /// The windows along one axis that reach a place of the padded input.
  struct Range {
    int begin, end;
  };
  static Range windows_over(int place, int kernel, int stride, int windows) {
    return {place < kernel ? 0 : (place - kernel) / stride + 1, std::min(windows, place / stride + 1)};
  }

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
  static W reciprocal(const Span& rows, const Span& columns) {
    const long places = 1L * rows.counted * columns.counted;
    return places > 0 ? W{1} / static_cast<W>(places) : W{0};
  }
};

}  // namespace mmdl::detail
