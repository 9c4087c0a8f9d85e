// SPDX-License-Identifier: Apache-2.0
// Maximum over a sliding window.
#pragma once

#include <algorithm>
#include <limits>

#include "channel_vectors.hpp"
#include "image_lines.hpp"
#include "kernel.hpp"
#include "max_pool_gradient.hpp"
#include "max_pool_gradient_of_four.hpp"
#include "max_pool_gradient_of_nine.hpp"
#include "pool_taps.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// y[oh, ow, c] = max of x[oh * stride - pad_top + i * dilation, ow * stride - pad_left + j * dilation, c]
/// over the places of the window that lie in the input: padding never wins. A NaN does, as in PyTorch's
/// `max_pool2d`. A window that misses the input altogether gives the lowest number.
template <class T>
struct CpuKernel<operators::MaxPool, T> {
  static long workspace(const Node& node, int, bool training) {
    if (!training || MaxPoolGradientOfFour<T>::suits(node)) return 0;
    return MaxPoolGradientOfNine<T>::suits(node) ? MaxPoolGradientOfNine<T>::workspace(node)
                                                 : MaxPoolGradient<T>::workspace(node);
  }

  static void forward(const ForwardArguments<T>& a) {
    const Window& w = a.node->window;
    const long of_line =
        1L * a.node->output.width * a.node->output.channels * w.kernel_height * w.kernel_width;
    parallel_image_lines(a.samples, a.node->output.height, parallel_grain / of_line,
                         [&](long, long sample, long begin, long end) {
                           run_lines(*a.node, a.inputs[0] + sample * a.node->input.size(),
                                     a.output + sample * a.node->output.size(), begin, end);
                         });
  }

  /// The gradient goes to the first place of the window, row by row, that is the largest, or to its last NaN,
  /// as in PyTorch.
  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    if (MaxPoolGradientOfFour<T>::suits(*a.node))
      MaxPoolGradientOfFour<T>(a).run();
    else if (MaxPoolGradientOfNine<T>::suits(*a.node))
      MaxPoolGradientOfNine<T>(a).run();
    else
      MaxPoolGradient<T>(a).run();
  }

 private:
  /// Lines [begin, end) of a sample's output.
  [[gnu::noinline]] static void run_lines(const Node& node, const T* x, T* y, long begin, long end) {
    const Window& w = node.window;
    const Extent in = node.input, out = node.output;
    const long channels = in.channels, line = in.width * channels;
    const bool nine = w.kernel_height == 3 && w.kernel_width == 3;
    const bool four = w.kernel_height == 2 && w.kernel_width == 2;
    for (long oh = begin; oh < end; ++oh) {
      const long top = oh * w.stride - w.pad_top;
      const PoolTaps rows(top, w.kernel_height, w.dilation, in.height);
      const auto row = [&](long tap) { return (top + tap * w.dilation) * line; };
      if (four && rows.count() > 0) {
        run_line_of_four(node, x + row(clamped(rows, 0)), x + row(clamped(rows, 1)),
                         y + oh * out.width * channels);
        continue;
      }
      for (long ow = 0; ow < out.width; ++ow) {
        T* const to = y + (oh * out.width + ow) * channels;
        const long left = ow * w.stride - w.pad_left;
        const PoolTaps columns(left, w.kernel_width, w.dilation, in.width);
        const auto column = [&](long tap) { return (left + tap * w.dilation) * channels; };
        if (rows.count() == 0 || columns.count() == 0) {
          std::fill_n(to, channels, std::numeric_limits<T>::lowest());
        } else if (nine) {  // a place twice changes no maximum
          largest_of_nine(x + row(clamped(rows, 0)), x + row(clamped(rows, 1)), x + row(clamped(rows, 2)),
                          column(clamped(columns, 0)), column(clamped(columns, 1)),
                          column(clamped(columns, 2)), channels, to);
        } else {
          bool first = true;
          for (long i = rows.begin; i < rows.end; ++i)
            for (long j = columns.begin; j < columns.end; ++j, first = false)
              take_larger(x + row(i) + column(j), channels, first, to);
        }
      }
    }
  }

  /// The nearest tap that lies in the input.
  static long clamped(const PoolTaps& taps, long tap) { return std::clamp(tap, taps.begin, taps.end - 1); }

  /// A line of windows of 2x2, over the input's lines `a` and `b`. Those with no padding at their sides are
  /// one loop.
  [[gnu::noinline]] static void run_line_of_four(const Node& node, const T* a, const T* b, T* y) {
    const Window& w = node.window;
    const long channels = node.input.channels, in = node.input.width, out = node.output.width;
    const long begin = std::min((w.pad_left + w.stride - 1L) / w.stride, out);
    const long last = in - 1 - w.dilation + w.pad_left;  // where the last of them may begin, with the padding
    const long end = last < 0 ? begin : std::clamp(last / w.stride + 1, begin, out);
    const auto run = [&](long ow, long count) {
      const long left = ow * w.stride - w.pad_left;
      const PoolTaps columns(left, 2, w.dilation, in);
      if (columns.count() == 0) {
        std::fill_n(y + ow * channels, channels, std::numeric_limits<T>::lowest());
        return;
      }
      const auto column = [&](long tap) { return (left + clamped(columns, tap) * w.dilation) * channels; };
      largest_of_four(a, b, column(0), column(1), w.stride * channels, count, channels, y + ow * channels);
    };
    for (long ow = 0; ow < begin; ++ow) run(ow, 1);
    if (begin < end) run(begin, end - begin);
    for (long ow = end; ow < out; ++ow) run(ow, 1);
  }

  /// y = max(y, x), or x where that is the first.
  static void take_larger(const T* x, long channels, bool first, T* y) {
    if (first) {
      MMDL_SIMD
      for (long c = 0; c < channels; ++c) y[c] = x[c];
    } else {
      MMDL_SIMD
      for (long c = 0; c < channels; ++c)
        y[c] =
            (static_cast<int>(x[c] > y[c]) | static_cast<int>(x[c] != x[c])) != 0 ? wide(x[c]) : wide(y[c]);
    }
  }

  /// `count` windows of 2x2, each `step` numbers on.
  [[gnu::noinline]] static void largest_of_four(const T* a, const T* b, long left, long right, long step,
                                                long count, long channels, T* y) {
    for_channel_vectors<T, true>(channels, [=]<class V>(V, long c) {
      const T *upper = a + c, *lower = b + c;
      T* to = y + c;
      for (long i = 0; i < count; ++i, upper += step, lower += step, to += channels) {
        V largest = load_vector<V>(upper + left);
        const auto take = [&](const V& value) {
          const auto wins = (value > largest) | (value != value);
          largest = wins ? value : largest;
        };
        take(load_vector<V>(upper + right));
        take(load_vector<V>(lower + left));
        take(load_vector<V>(lower + right));
        store_vector(to, largest);
      }
    });
  }

  /// Windows of 3x3: lines and columns in any order, without a loop. A NaN is kept apart, for the instruction
  /// of a maximum passes it over.
  static void largest_of_nine(const T* a, const T* b, const T* c, long left, long middle, long right,
                              long channels, T* y) {
    for_channel_vectors<T>(channels, [=]<class V>(V, long channel) {
      V nan{};
      const auto of_line = [&](const T* line) {
        const V values[3] = {load_vector<V>(line + left + channel), load_vector<V>(line + middle + channel),
                             load_vector<V>(line + right + channel)};
        MMDL_UNROLL
        for (int i = 0; i < 3; ++i) nan = values[i] != values[i] ? values[i] : nan;
        return larger(larger(values[0], values[1]), values[2]);
      };
      const V largest = larger(larger(of_line(a), of_line(b)), of_line(c));
      store_vector(y + channel, nan != nan ? nan : largest);
    });
  }
};

}  // namespace mmdl::detail
