// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution's input of few channels, such as an image.
#pragma once

#include <algorithm>

#include "gemm.hpp"
#include "image_lines.hpp"

namespace mmdl::detail {

/// A product whose columns are the input's channels would leave most of a vector empty. Here they are the
/// outputs of some lines: [taps * channels][out channels] * [out channels][outputs] gives what each tap adds,
/// whole vectors of neighbouring outputs, for lines of the input that wait in the cache, in planes: one for
/// each channel and each remainder of the column by the stride, so that a tap's places are neighbours there.
template <class T>
class ThinInputGradient {
 public:
  /// For less than half a vector of channels: from there on the usual product is faster.
  static bool applies(const Node& node) {
    return !is_narrow<T> && !node.window.pointwise() && node.window.groups == 1 &&
           4 * node.input.channels < tile_columns<T>;
  }
  static long workspace(const Node& node) { return thread_count() * Sizes(node).scratch; }

  static void run(const BackwardArguments<T>& a) {
    const Sizes sizes(*a.node);
    parallel_image_lines(
        a.samples, a.node->input.height, 1, [&](long thread, long sample, long begin, long end) {
          ThinInputGradient(a, sizes, a.workspace + thread * sizes.scratch).run_lines(sample, begin, end);
        });
  }

 private:
  struct Sizes {
    explicit Sizes(const Node& node) {
      const Window& w = node.window;
      const long width = node.output.width, reach_x = (w.kernel_width - 1L) * w.dilation;
      rows = 1L * w.kernel_height * w.kernel_width * node.input.channels;
      at_once = std::clamp(block_columns / width, 1L, static_cast<long>(node.output.height));
      plane = std::max(width + reach_x / w.stride, (node.input.width - 1L + w.pad_left) / w.stride) + 1;
      line = node.input.channels * w.stride * plane;
      reach = (w.kernel_height - 1L) * w.dilation;
      waiting = (at_once - 1) * w.stride + reach + 1;
      scratch = divide_up(gemm_block_size<T>() + rows * at_once * width + waiting * line, 16) * 16;
    }
    long rows = 0;     // of the product
    long at_once = 0;  // lines of outputs in one product
    long plane = 0, line = 0;
    long reach = 0;    // from a window's first line to its last
    long waiting = 0;  // lines of the input that wait for more
    long scratch = 0;
  };

  ThinInputGradient(const BackwardArguments<T>& a, const Sizes& sizes, T* scratch)
      : a_(a),
        in_(a.node->input),
        out_(a.node->output),
        w_(a.node->window),
        s_(sizes),
        block_(scratch),
        product_(scratch + gemm_block_size<T>()),
        waiting_(product_ + sizes.rows * sizes.at_once * out_.width) {}

  [[gnu::noinline]] void run_lines(long sample, long begin, long end) const {
    std::fill_n(waiting_, s_.waiting * s_.line, T{});
    const long first = std::max(begin + w_.pad_top - s_.reach + w_.stride - 1, 0L) / w_.stride;
    const long last = std::min((end - 1 + w_.pad_top) / w_.stride + 1, static_cast<long>(out_.height));
    long written = begin;
    const auto write_to = [&](long line) {
      for (; written < line; ++written) write(sample, written);
    };
    for (long line = first; line < last; line += s_.at_once) {
      const long count = std::min(s_.at_once, last - line);
      write_to(std::min(line * w_.stride - w_.pad_top, end));  // no later window reaches them
      multiply(sample, line, count);
      for (long k = 0; k < count; ++k)
        for (long i = 0; i < w_.kernel_height; ++i) {
          const long h = (line + k) * w_.stride - w_.pad_top + i * w_.dilation;
          if (h >= begin && h < end) add(h, i, product_ + k * out_.width, count * out_.width);
        }
    }
    write_to(end);
  }

  /// What each tap and channel gets from `count` lines of outputs.
  void multiply(long sample, long line, long count) const {
    const long channels = out_.channels, columns = count * out_.width;
    Gemm<T> g;
    g.a = plain_matrix(a_.parameters[0], s_.rows, channels, channels);
    g.b.data = a_.output_gradient + (sample * out_.height + line) * out_.width * channels;
    g.b.transposed = true;
    g.b.stride = g.b.channels = channels;
    g.columns = columns;
    GemmPart<T, T>(g, block_).run(0, s_.rows, 0, columns, 0, channels, product_,
                                  RowLayout{1, s_.rows, 0, 0, columns}, false);
  }

  T* waiting_line(long h) const { return waiting_ + h % s_.waiting * s_.line; }

  /// Adds a row of taps of one line of outputs to a line of the input.
  void add(long h, long row, const T* product, long columns) const {
    product += row * w_.kernel_width * in_.channels * columns;
    for (long j = 0; j < w_.kernel_width; ++j)
      for (long c = 0; c < in_.channels; ++c, product += columns) {
        const long right = j * w_.dilation;
        T* const to = waiting_line(h) + (c * w_.stride + right % w_.stride) * s_.plane + right / w_.stride;
        MMDL_SIMD
        for (long q = 0; q < out_.width; ++q) to[q] += product[q];
      }
  }

  /// A line of the input's gradient from its planes, which are cleared for another line.
  void write(long sample, long h) const {
    const long stride = w_.stride, channels = in_.channels;
    T* const dx = a_.input_gradients[0] + (sample * in_.height + h) * in_.width * channels;
    T* const line = waiting_line(h);
    for (long phase = 0; phase < stride; ++phase)
      for (long c = 0; c < channels; ++c) {
        const T* const from = line + (c * stride + phase) * s_.plane;
        const long begin = std::max(w_.pad_left - phase + stride - 1, 0L) / stride;
        const long end = (in_.width + w_.pad_left - phase + stride - 1) / stride;
        T* const to = dx + (phase - w_.pad_left) * channels + c;
        if (a_.accumulate[0])
          for (long q = begin; q < end; ++q) to[q * stride * channels] += from[q];
        else
          for (long q = begin; q < end; ++q) to[q * stride * channels] = from[q];
      }
    std::fill_n(line, s_.line, T{});
  }

  const BackwardArguments<T>& a_;
  const Extent in_, out_;
  const Window& w_;
  const Sizes& s_;
  T* block_;
  T* product_;
  T* waiting_;
};

}  // namespace mmdl::detail
