// SPDX-License-Identifier: Apache-2.0
// Convolutions of each channel by itself (groups == input channels == output channels): direct loops over
// channels.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../graph/arguments.hpp"
#include "gemm_tile.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// Weights are [kernel_h][kernel_w][1][channels]. Howard et al., "MobileNets", 2017, section 3.1.
template <class T>
struct DepthwiseConvolution {
  static bool applies(const Node& node) {
    return node.window.groups > 1 && node.window.groups == node.input.channels &&
           node.window.groups == node.output.channels;
  }

  /// y[n, y, x, c] = epilogue(sum over i, j of x[n, y * stride - pad + i * dilation, ..., c] * w[i, j, c])
  static void forward(const Node& node, int samples, const T* input, const T* weights, T* output,
                      const Epilogue<T>& epilogue) {
    const Window& w = node.window;
    const long channels = node.input.channels, height = node.input.height, width = node.input.width;
    const long out_width = node.output.width;
    parallel_ranges(samples * static_cast<long>(node.output.height), 1, [&](long begin, long end) {
      for (long line = begin; line < end; ++line) {
        const long y = line % node.output.height * w.stride - w.pad_top;
        const T* image = input + line / node.output.height * height * width * channels;
        const Taps rows = taps_inside(y, w.dilation, w.kernel_height, height);
        for (long out_x = 0; out_x < out_width; ++out_x) {
          const long x = out_x * w.stride - w.pad_left;
          const Taps columns = taps_inside(x, w.dilation, w.kernel_width, width);
          const long offset = (line * out_width + out_x) * channels;
          const auto one = [&]<class V>(V sum, long c) {
            for (long i = rows.first; i < rows.last; ++i) {
              const T* from = image + ((y + i * w.dilation) * width + x) * channels + c;
              const T* factor = weights + i * w.kernel_width * channels + c;
              for (long j = columns.first; j < columns.last; ++j)
                sum +=
                    load_vector<V>(from + j * w.dilation * channels) * load_vector<V>(factor + j * channels);
            }
            store_vector(output + offset + c, epilogue.apply(sum, c, offset + c));
          };
          over_channels(0, channels, one);
        }
      }
    });
  }

  /// dx[n, y, x, c] = sum of dy * w over the outputs that read it.
  static void backward_data(const Node& node, int samples, const T* output_gradient, const T* weights,
                            T* input_gradient, bool accumulate) {
    const Window& w = node.window;
    const long channels = node.input.channels, height = node.input.height, width = node.input.width;
    const long out_height = node.output.height, out_width = node.output.width;
    parallel_ranges(samples * height, 1, [&](long begin, long end) {
      for (long line = begin; line < end; ++line) {
        const T* image = output_gradient + line / height * out_height * out_width * channels;
        for (long x = 0; x < width; ++x) {
          T* to = input_gradient + (line * width + x) * channels;
          const auto one = [&]<class V>(V sum, long c) {
            if (accumulate) sum = load_vector<V>(to + c);
            for (long i = 0; i < w.kernel_height; ++i) {
              const long y = line % height + w.pad_top - i * w.dilation;
              if (y < 0 || y % w.stride != 0 || y / w.stride >= out_height) continue;
              for (long j = 0; j < w.kernel_width; ++j) {
                const long place = x + w.pad_left - j * w.dilation;
                if (place < 0 || place % w.stride != 0 || place / w.stride >= out_width) continue;
                sum += load_vector<V>(image + (y / w.stride * out_width + place / w.stride) * channels + c) *
                       load_vector<V>(weights + (i * w.kernel_width + j) * channels + c);
              }
            }
            store_vector(to + c, sum);
          };
          over_channels(0, channels, one);
        }
      }
    });
  }

  static long workspace(const Node& node) {
    return thread_count() * node.window.kernel_height * node.window.kernel_width *
           static_cast<long>(node.input.channels);
  }

  /// dw[i, j, c] = sum over n, y, x of the input * dy: each thread sums its lines, the sums are added in
  /// order.
  static void backward_weights(const Node& node, int samples, const T* input, const T* output_gradient,
                               T* weight_gradient, bool accumulate, T* workspace) {
    const Window& w = node.window;
    const long channels = node.input.channels, height = node.input.height, width = node.input.width;
    const long out_height = node.output.height, out_width = node.output.width;
    const long lines = samples * out_height, count = w.kernel_height * w.kernel_width * channels;
    const long parts = std::min<long>(thread_count(), lines);
    parallel([&](long thread, long threads) {
      for (long part = thread; part < parts; part += threads) {
        T* sums = workspace + part * count;
        std::fill_n(sums, count, T{});
        for (long line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
          const long y = line % out_height * w.stride - w.pad_top;
          const T* image = input + line / out_height * height * width * channels;
          const Taps rows = taps_inside(y, w.dilation, w.kernel_height, height);
          for (long i = rows.first; i < rows.last; ++i)
            for (long j = 0; j < w.kernel_width; ++j) {
              const long shift =
                  j * w.dilation - w.pad_left;  // x = out_x * stride + shift lies in [0, width)
              const long first = shift < 0 ? (-shift + w.stride - 1) / w.stride : 0;
              const long last = width > shift ? std::min(out_width, (width - 1 - shift) / w.stride + 1) : 0;
              const T* from = image + ((y + i * w.dilation) * width + shift) * channels;
              const T* gradient = output_gradient + line * out_width * channels;
              T* to = sums + (i * w.kernel_width + j) * channels;
              const auto one = [&]<class V>(V sum, long c) {
                for (long x = first; x < last; ++x)
                  sum += load_vector<V>(from + x * w.stride * channels + c) *
                         load_vector<V>(gradient + x * channels + c);
                store_vector(to + c, load_vector<V>(to + c) + sum);
              };
              over_channels(0, channels, one);
            }
        }
      }
    });
    for (long i = 0; i < count; ++i) {
      T sum = accumulate ? weight_gradient[i] : T{};
      for (long part = 0; part < parts; ++part) sum += workspace[part * count + i];
      weight_gradient[i] = sum;
    }
  }

 private:
  struct Taps {
    long first, last;
  };
  /// The taps i of a window at `place` with place + i * dilation in [0, extent).
  static Taps taps_inside(long place, long dilation, long taps, long extent) {
    const long first = place < 0 ? (-place + dilation - 1) / dilation : 0;
    const long last = extent > place ? std::min(taps, (extent - 1 - place) / dilation + 1) : 0;
    return {first, std::max(first, last)};
  }

  template <class One>
  static void over_channels(long begin, long end, const One& one) {
    for (; begin + simd_width<T> <= end; begin += simd_width<T>) one(Simd<T>{}, begin);
    for (; begin < end; ++begin) one(T{}, begin);
  }
};

}  // namespace mmdl::detail
