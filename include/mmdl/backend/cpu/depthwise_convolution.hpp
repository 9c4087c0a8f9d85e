// SPDX-License-Identifier: Apache-2.0
// Convolutions of each channel by itself (groups == input channels == output channels): direct loops over
// channels.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../graph/arguments.hpp"
#include "gemm.hpp"

namespace mmdl::detail {

/// Weights are [kernel_h][kernel_w][1][channels]. Howard et al., "MobileNets", 2017, section 3.1.
template <class T>
struct DepthwiseConvolution {
  static bool applies(const Node& node) {
    return node.window.groups > 1 && node.window.groups == node.input.channels &&
           node.window.groups == node.output.channels;
  }

  /// What `gemm` is to the other convolutions, of the same description: the number of channel c of a row of
  /// the output is the sum over the taps (i, j) of that channel's patch times b.data[i * tap_y_stride + j *
  /// tap_x_stride + c].
  static void product(const Gemm<T>& g) {
    const PatchMatrix<T>& a = g.a;
    // Between these places of a line the whole window lies inside of the image.
    const long inner_begin = std::min(a.grid_width, a.x0 < 0 ? divide_up(-a.x0, a.step) : 0);
    const long room = a.width - 1 - a.x0 - (a.taps_x - 1) * a.dx;
    const long inner_end = std::clamp(room < 0 ? 0 : room / a.step + 1, inner_begin, a.grid_width);
    const long grain = divide_up(4096, a.grid_width * a.channels);
    parallel_ranges(a.samples * a.grid_height, grain, [&](long begin, long end) {
      constexpr int together = 6;  // outputs that share the load of a weight, and hide the latency of sums
      for (long index = begin; index < end; ++index) {
        const long y = index % a.grid_height * a.step + a.y0;
        const Line line{a.data + index / a.grid_height * a.sample_stride + y * a.width * a.pixel_stride,
                        g.layout.offset(index * a.grid_width), taps_inside(y, a.dy, a.taps_y, a.height)};
        for (long x = 0; x < a.grid_width;) {
          if (x >= inner_begin && x + together <= inner_end) {
            over_channels(a.channels, [&]<class V>(V, long c) { outputs<V, together>(g, line, x, c); });
            x += together;
          } else {
            over_channels(a.channels, [&]<class V>(V, long c) { outputs<V, 1>(g, line, x, c); });
            ++x;
          }
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
              over_channels(channels, one);
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

  /// Calls `one(zero, c)` for every vector of channels, then for every channel that is left.
  template <class One>
  static void over_channels(long channels, const One& one) {
    long c = 0;
    for (; c + simd_width<T> <= channels; c += simd_width<T>) one(Simd<T>{}, c);
    for (; c < channels; ++c) one(T{}, c);
  }

  /// A line of outputs: where its patches begin in memory, were nothing outside; its own place; the taps
  /// inside.
  struct Line {
    const T* from;
    long output;
    Taps taps;
  };

  /// `Count` neighbouring outputs of a line, of the channels from c on; more than one only where no tap falls
  /// outside of the line.
  template <class V, int Count>
  static void outputs(const Gemm<T>& g, const Line& line, long place, long c) {
    const PatchMatrix<T>& a = g.a;
    const long x = place * a.step + a.x0;
    const Taps columns = Count > 1 ? Taps{0, a.taps_x} : taps_inside(x, a.dx, a.taps_x, a.width);
    const T* image = line.from + x * a.pixel_stride + c;
    const long line_step = a.dy * a.width * a.pixel_stride, tap_step = a.dx * a.pixel_stride;
    const long step = a.step * a.pixel_stride;
    V sums[Count];
    MMDL_UNROLL
    for (int p = 0; p < Count; ++p) sums[p] = V{};
    for (long i = line.taps.first; i < line.taps.last; ++i)
      for (long j = columns.first; j < columns.last; ++j) {
        const V weight = load_vector<V>(g.b.data + i * g.b.tap_y_stride + j * g.b.tap_x_stride + c);
        const T* from = image + i * line_step + j * tap_step;
        MMDL_UNROLL
        for (int p = 0; p < Count; ++p) sums[p] += load_vector<V>(from + p * step) * weight;
      }
    const bool plain = g.epilogue.plain(), add = g.epilogue.accumulate;
    long offset = line.output + place * g.layout.pixel_stride + c;
    MMDL_UNROLL
    for (int p = 0; p < Count; ++p, offset += g.layout.pixel_stride) {
      if (add) sums[p] += load_vector<V>(g.output + offset);
      store_vector(g.output + offset, plain ? sums[p] : g.epilogue.apply(sums[p], c, offset));
    }
  }
};

}  // namespace mmdl::detail
