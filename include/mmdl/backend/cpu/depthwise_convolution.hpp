// SPDX-License-Identifier: Apache-2.0
// Convolutions of each channel by itself (groups == input channels == output channels): line by line, so that
// what is read several times comes from the cache. An operator apart, for few networks have them.
#pragma once

#include <algorithm>

#include "../../core/simd.hpp"
#include "../../core/threads.hpp"
#include "column_sums.hpp"
#include "convolution_epilogue.hpp"
#include "convolution_lines.hpp"
#include "depthwise_line.hpp"
#include "depthwise_ring.hpp"
#include "kernel.hpp"
#include "window_phase.hpp"

namespace mmdl::detail {

/// As `CpuKernel<operators::Convolution, T>`. Weights are [kernel_h][kernel_w][1][channels]. Howard et al.,
/// "MobileNets", 2017, section 3.1.
template <class T>
struct CpuKernel<operators::DepthwiseConvolution, T> {
  static long workspace(const Node& node, int, bool training) {
    const long of_backward = training ? 2 * thread_count() * weight_count(node) : 0;
    return std::max(epilogue_workspace(node) + thread_count() * ring_memory(node), of_backward);
  }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long channels = node.input.channels, lines = static_cast<long>(a.samples) * node.output.height;
    const long line_numbers = node.output.width * channels;
    const Epilogue<T> epilogue = convolution_epilogue(a);
    const bool in_registers = !epilogue.plain() && epilogue.residual == nullptr && epilogue.bounded();
    const BoundedEpilogue<T> bounded(epilogue);
    const W* const weights = a.parameters[0];
    T* const output = a.output;
    W* const scratch = a.workspace + epilogue_workspace(node);
    const long parts = parts_of(node, lines);
    // The output's lines from those of the input that `writer_of(part)` writes.
    const auto run = [&](const auto& writer_of) {
      parallel_ranges(parts, 1, [&](long first, long last) {
        for (long part = first; part < last; ++part) {
          auto write_line = writer_of(part);
          DepthwiseRing<T> ring(node);
          ring.start(reinterpret_cast<T*>(scratch + part * ring_memory(node)));
          for (long line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
            const long offset = line * line_numbers;
            ring.window(write_line, line / node.output.height, line % node.output.height)
                .correlate({weights, node.window.kernel_width * channels, channels}, false, output + offset,
                           channels, in_registers ? &bounded : nullptr);
            if (!epilogue.plain() && !in_registers)
              finish_line(epilogue, output, offset, node.output.width, channels);
          }
        }
      });
    };
    if (a.feeder != nullptr) {
      const ConvolutionLines<T> feeder(*a.feeder);
      run([&](long part) { return typename ConvolutionLines<T>::Part(feeder, part); });
      return;
    }
    const T* const input = a.inputs[0];
    const long input_line = node.input.width * channels, input_lines = node.input.height;
    run([=](long) {
      return [=](long sample, long y, long count, T* to, long stride) {
        const T* from = input + (sample * input_lines + y) * input_line;
        for (long x = 0; x < count; ++x, from += channels, to += stride) copy_numbers(from, channels, to);
      };
    });
  }

  /// dw[i, j, c] = sum over n, y, x of the input * dy, and dx; where null, they are not wanted. One pass over
  /// the lines, for both read dy. Each thread sums its lines, the sums are added in order.
  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    if (a.parameter_gradients[1] != nullptr)
      column_sums(a.output_gradient, a.samples * node.output.pixels(),
                  static_cast<long>(node.output.channels), a.parameter_gradients[1], a.accumulate_parameters);
    const long lines = static_cast<long>(a.samples) * node.output.height, count = weight_count(node);
    const long parts = parts_of(node, lines);
    W* const weight_gradient = a.parameter_gradients[0];
    parallel_ranges(parts, 1, [&](long first, long last) {
      for (long part = first; part < last; ++part) {
        W *total = a.workspace + 2 * part * count, *sums = total + count;
        if (weight_gradient != nullptr) std::fill_n(total, 2 * count, W{});
        const long begin = lines * part / parts, end = lines * (part + 1) / parts;
        for (long line = begin; line < end; ++line) {
          if (weight_gradient != nullptr) {
            window_line(node, a.inputs[0], line)
                .add_products(a.output_gradient + line * node.output.width * node.output.channels, sums);
            if ((line - begin) % lines_a_sum == lines_a_sum - 1 || line + 1 == end)
              move_sums(sums, count, total);
          }
          if (a.input_gradients[0] != nullptr) backward_data(a, line);
        }
      }
    });
    if (weight_gradient == nullptr) return;
    for (long i = 0; i < count; ++i) {
      W sum = a.accumulate_parameters ? weight_gradient[i] : W{};
      for (long part = 0; part < parts; ++part) sum += a.workspace[2 * part * count + i];
      weight_gradient[i] = sum;
    }
  }

 private:
  using W = Wide<T>;

  /// Parts of the lines of an output, one a thread, or fewer where there is little to do.
  static long parts_of(const Node& node, long lines) {
    return std::clamp<long>(lines * node.output.width * node.output.channels / 4096, 1,
                            std::min<long>(thread_count(), lines));
  }

  /// Numbers of scratch for the lines under the window of one thread.
  static long ring_memory(const Node& node) {
    constexpr long of_line = 64 / static_cast<long>(sizeof(W));
    const long bytes = DepthwiseRing<T>(node).size() * static_cast<long>(sizeof(T));
    return (bytes + 63) / 64 * of_line;
  }

  static constexpr long lines_a_sum = 16;  // lines that are summed before they are added to the sum of all

  static long weight_count(const Node& node) {
    return static_cast<long>(node.window.kernel_height) * node.window.kernel_width * node.input.channels;
  }

  static void move_sums(W* sums, long count, W* total) {
    MMDL_SIMD
    for (long i = 0; i < count; ++i) total[i] += sums[i], sums[i] = W{};
  }

  /// What fusion joined that is not finished in registers, while the line is in a near cache.
  static void finish_line(const Epilogue<T>& epilogue, T* output, long offset, long places, long channels) {
    const Epilogue<T> e = epilogue;  // a copy, which no store can change
    const auto finish = [&]<class V>(V value, long c, long place) {
      store_vector(output + place, e.apply(value, c, place));
    };
    for (long place = offset, end = offset + places * channels; place < end; place += channels) {
      long c = 0;
      for (; c + simd_width<T> <= channels; c += simd_width<T>)
        finish(load_vector<Simd<T>>(output + place + c), c, place + c);
      for (; c < channels; ++c) finish(wide(output[place + c]), c, place + c);
    }
  }

  /// The window over the input at a line of the output, for its products with the gradient.
  static DepthwiseLine<T> window_line(const Node& node, const T* input, long line) {
    const Window& w = node.window;
    const long y = line % node.output.height * w.stride - w.pad_top;
    const long line_numbers = static_cast<long>(node.input.width) * node.input.channels;
    DepthwiseLine<T> window;
    window.image = input + (line / node.output.height * node.input.height + y) * line_numbers;
    window.line_step = w.dilation * line_numbers;
    window.rows = taps_inside(y, w.dilation, w.kernel_height, node.input.height);
    window.width = node.input.width;
    window.channels = window.pixel_stride = node.input.channels;
    window.x0 = -w.pad_left;
    window.step = w.stride;
    window.dx = w.dilation;
    window.taps = w.kernel_width;
    window.places = node.output.width;
    return window;
  }

  /// dx of the lines of the input that belong to a line of the output: for each remainder of their pixels by
  /// the stride, a window over dy of the taps that reach them.
  static void backward_data(const BackwardArguments<T>& a, long line) {
    const Node& node = *a.node;
    const Window& w = node.window;
    const long sample = line / node.output.height, y = line % node.output.height,
               channels = node.input.channels;
    const long line_numbers = node.output.width * channels, weight_row = w.kernel_width * channels;
    const long first = std::min<long>(y * w.stride, node.input.height);
    const long last =
        y + 1 == node.output.height ? node.input.height : std::min<long>(first + w.stride, node.input.height);
    DepthwiseLine<T> window;
    window.width = node.output.width;
    window.channels = window.pixel_stride = channels;
    for (long row = first; row < last; ++row) {
      const WindowPhase rows(row + w.pad_top, w.kernel_height, w.stride, w.dilation);
      window.image = a.output_gradient + (sample * node.output.height + rows.origin) * line_numbers;
      window.line_step = rows.step * line_numbers;
      window.rows = taps_inside(rows.origin, rows.step, rows.count, node.output.height);
      for (long x = 0; x < std::min(w.stride, node.input.width); ++x) {
        const WindowPhase taps(x + w.pad_left, w.kernel_width, w.stride, w.dilation);
        window.x0 = taps.origin;
        window.dx = taps.step;
        window.taps = taps.count;
        window.places = (node.input.width - x + w.stride - 1) / w.stride;
        window.correlate(
            {a.parameters[0] + rows.first * weight_row + taps.first * channels, -rows.tap_step * weight_row,
             -taps.tap_step * channels},
            a.accumulate[0],
            a.input_gradients[0] + ((sample * node.input.height + row) * node.input.width + x) * channels,
            w.stride * channels);
      }
    }
  }
};

}  // namespace mmdl::detail
