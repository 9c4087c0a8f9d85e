// SPDX-License-Identifier: Apache-2.0
// Mean over all pixels of a channel.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "batch_norm_statistics.hpp"
#include "kernel.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// y[c] = mean over the pixels of x[h, w, c]. PyTorch: `adaptive_avg_pool2d(x, 1)` flattened.
template <class T>
struct CpuKernel<operators::GlobalAveragePool, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const long pixels = a.node->input.pixels(), channels = a.node->input.channels;
    const long tiles = (channels + tile_length - 1) / tile_length;
    const long of_task = pixels * std::min(channels, tile_length);
    parallel_ranges(a.samples * tiles, parallel_grain / of_task + 1, [&](long begin, long end) {
      for (long task = begin; task < end; ++task) {
        const long sample = task / tiles, from = task % tiles * tile_length;
        const long length = std::min(tile_length, channels - from);
        const T* x = a.inputs[0] + sample * pixels * channels + from;
        double total[tile_length] = {};  // sums of short sums: the error does not grow with the picture
        for (long block = 0; block < pixels; block += block_length) {
          Wide<T> sum[tile_length] = {};
          add_rows(x + block * channels, channels, std::min(block_length, pixels - block), length, sum,
                   [](Wide<T> v, long) { return v; });
          MMDL_SIMD
          for (long c = 0; c < length; ++c) total[c] += static_cast<double>(sum[c]);
        }
        T* y = a.output + sample * channels + from;
        for (long c = 0; c < length; ++c) y[c] = static_cast<Wide<T>>(total[c] / static_cast<double>(pixels));
      }
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const long pixels = a.node->input.pixels(), channels = a.node->input.channels;
    const Wide<T> factor = Wide<T>{1} / static_cast<Wide<T>>(pixels);
    const long grain = 16384 / channels + 1;
    parallel_ranges(a.samples * pixels, grain, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const T* dy = a.output_gradient + row / pixels * channels;
        T* dx = a.input_gradients[0] + row * channels;
        if (a.accumulate[0]) {
          MMDL_SIMD
          for (long c = 0; c < channels; ++c) dx[c] += dy[c] * factor;
        } else {
          MMDL_SIMD
          for (long c = 0; c < channels; ++c) dx[c] = dy[c] * factor;
        }
      }
    });
  }

 private:
  static constexpr long tile_length = 256, block_length = 64;
};

}  // namespace mmdl::detail
