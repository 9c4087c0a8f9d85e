// SPDX-License-Identifier: Apache-2.0
// The gradient of a maximum over any sliding window, in one pass over the input and its gradient.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "../../graph/arguments.hpp"
#include "activation.hpp"
#include "channel_vectors.hpp"
#include "image_lines.hpp"
#include "pool_taps.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// For each line of windows it is noted which place each window has chosen, in numbers that stay in the
/// cache; then each pixel adds up the gradients of the windows that chose it, in their order. Threads divide
/// the lines of the input, and a line of windows that reaches two of them is looked at by both, so that the
/// sums do not depend on their number.
template <class T>
class MaxPoolGradient {
 public:
  static long workspace(const Node& node) { return thread_count() * chosen_size(node); }

  explicit MaxPoolGradient(const BackwardArguments<T>& a)
      : a_(a),
        in_(a.node->input),
        out_(a.node->output),
        w_(a.node->window),
        channels_(out_.channels),
        stream_(worth_streaming_rows(a.input_gradients[0], a.samples * in_.pixels(), channels_)) {}

  void run() const {
    const long size = chosen_size(*a_.node);
    parallel_image_lines(a_.samples, in_.height, parallel_grain / (4 * in_.width * channels_),
                         [&](long thread, long sample, long begin, long end) {
                           run_lines(sample, begin, end, a_.workspace + thread * size);
                           if (stream_) streaming_done();
                         });
  }

 private:
  using W = Wide<T>;

  /// How far it is from a window's first line to its last.
  static long reach(const Window& w) { return (w.kernel_height - 1L) * w.dilation; }
  /// Lines of windows that can reach one line of the input.
  static long lines_kept(const Window& w) { return reach(w) / w.stride + 1; }
  /// Numbers that one thread notes choices in.
  static long chosen_size(const Node& node) {
    return (lines_kept(node.window) * node.output.width * node.output.channels + 15) / 16 * 16;
  }

  /// The gradient of the lines [begin, end) of a sample.
  [[gnu::noinline]] void run_lines(long sample, long begin, long end, W* chosen) const {
    const long length = out_.width * channels_, kept = lines_kept(w_);
    long next = 0;  // line of windows whose choices are still to be noted
    for (long h = begin; h < end; ++h) {
      const long place = h + w_.pad_top;
      const long first = std::max(place - reach(w_) + w_.stride - 1, 0L) / w_.stride;
      const long last = std::min(place / w_.stride + 1, static_cast<long>(out_.height));
      for (next = std::max(next, first); next < last; ++next)
        choose(sample, next, chosen + next % kept * length);
      collect(sample, h, first, last, chosen);
    }
  }

  /// Notes for a line of windows which place each has chosen: row * width + column of the window, -1 for
  /// none.
  void choose(long sample, long line, W* chosen) const {
    const long top = line * w_.stride - w_.pad_top;
    const T* x = a_.inputs[0] + sample * in_.size();
    const PoolTaps rows(top, w_.kernel_height, w_.dilation, in_.height);
    const bool small = w_.kernel_height == 3 && w_.kernel_width == 3 && w_.dilation == 1 && rows.count() == 3;
    for (long window = 0; window < out_.width; ++window, chosen += channels_) {
      const long left = window * w_.stride - w_.pad_left;
      const PoolTaps columns(left, w_.kernel_width, w_.dilation, in_.width);
      const T* from = x + (top * in_.width + left) * channels_;
      if (small && columns.count() == 3)
        choose_of_nine(from, chosen);
      else
        choose_of(from, rows, columns, chosen);
    }
  }

  void choose_of(const T* x, const PoolTaps& rows, const PoolTaps& columns, W* chosen) const {
    const long line = in_.width * channels_;
    const bool none = rows.count() == 0 || columns.count() == 0;
    const W first = none ? W{-1} : static_cast<W>(rows.begin * w_.kernel_width + columns.begin);
    for_channel_vectors<T, true>(channels_, [&]<class V>(V, long c) {
      const auto value = [&](long i, long j) {
        return load_vector<V>(x + w_.dilation * (i * line + j * channels_) + c);
      };
      V largest = V{} - std::numeric_limits<W>::infinity(), choice = V{} + first;
      for (long i = rows.begin; i < rows.end; ++i)
        for (long j = columns.begin; j < columns.end; ++j) {
          const V other = value(i, j);
          const auto wins = (other > largest) | (other != other);
          choice = wins ? V{} + static_cast<W>(i * w_.kernel_width + j) : choice;
          largest = wins ? other : largest;
        }
      store_vector(chosen + c, choice);
    });
  }
  /// The same for a window of 3x3 that lies in the input, without a loop.
  void choose_of_nine(const T* x, W* chosen) const {
    const long line = in_.width * channels_;
    for_channel_vectors<T, true>(channels_, [&]<class V>(V, long c) {
      V values[9];
      MMDL_UNROLL
      for (int tap = 0; tap < 9; ++tap)
        values[tap] = load_vector<V>(x + tap / 3 * line + tap % 3 * channels_ + c);
      V largest = values[0], choice = V{} - W{1};
      MMDL_UNROLL
      for (int tap = 1; tap < 9; ++tap) largest = larger(values[tap], largest);
      MMDL_UNROLL
      for (int tap = 8; tap >= 0; --tap) choice = values[tap] == largest ? V{} + static_cast<W>(tap) : choice;
      MMDL_UNROLL
      for (int tap = 0; tap < 9; ++tap)
        choice = values[tap] != values[tap] ? V{} + static_cast<W>(tap) : choice;
      store_vector(chosen + c, choice);
    });
  }
  /// A window that holds a pixel: its choices, its gradient, and which of its places the pixel is.
  struct Claim {
    const W* chosen;
    const T* gradient;
    W place;
  };
  static constexpr int claims_at_once = 16;

  /// The gradient of a line of the input, from the lines of windows [first, last). Pixels whose distance is
  /// the stride lie in like places of like windows: they are served by one loop, but for those at the
  /// borders, where windows are missing.
  void collect(long sample, long h, long first, long last, const W* chosen) const {
    const long before =
        (w_.kernel_width - 1L) * w_.dilation / w_.stride;  // windows to the left that reach a pixel
    for (long phase = 0; phase < w_.stride; ++phase) {
      // Pixel phase + stride * q - pad_left, in windows q - before to q at most.
      const long q_begin = std::max(w_.pad_left - phase + w_.stride - 1, 0L) / w_.stride;
      const long q_end = (in_.width + w_.pad_left - phase + w_.stride - 1) / w_.stride;
      const long inner_begin = std::clamp(before, q_begin, q_end);
      const long inner_end = std::clamp(static_cast<long>(out_.width), inner_begin, q_end);
      const auto serve = [&](long q, long pixels) {
        collect_pixels(sample, h, first, last, phase, q, pixels, chosen);
      };
      for (long q = q_begin; q < inner_begin; ++q) serve(q, 1);
      if (inner_begin < inner_end) serve(inner_begin, inner_end - inner_begin);
      for (long q = inner_end; q < q_end; ++q) serve(q, 1);
    }
  }

  /// The gradients of pixels whose distance is the stride.
  void collect_pixels(long sample, long h, long first, long last, long phase, long q, long pixels,
                      const W* chosen) const {
    const long line_length = out_.width * channels_, image_line = sample * in_.height + h;
    const long pixel = q * w_.stride + phase - w_.pad_left;
    const T* const dy = a_.output_gradient + sample * out_.size();
    T* const dx = a_.input_gradients[0] + (image_line * in_.width + pixel) * channels_;
    // The input that the next line of windows reads first: the processor sees no stream in what windows read.
    const long next_line = std::min(image_line + reach(w_) + w_.stride, 1L * a_.samples * in_.height - 1);
    const T* const next = a_.inputs[0] + (next_line * in_.width + pixel) * channels_;
    Claim claims[claims_at_once];
    int count = 0;
    bool add = a_.accumulate[0];
    const auto settle_all = [&] {
      settle(claims, count, add, dx, next, pixels);
      count = 0;
      add = true;
    };
    for (long line = first; line < last; ++line) {
      const long down = h + w_.pad_top - line * w_.stride;
      if (down % w_.dilation != 0) continue;
      const long row = down / w_.dilation, slot = line % lines_kept(w_);
      for (long window = std::max(q - (w_.kernel_width - 1L) * w_.dilation / w_.stride, 0L);
           window <= std::min(q, out_.width - 1L); ++window) {
        const long right = (q - window) * w_.stride + phase;
        if (right % w_.dilation != 0 || right / w_.dilation >= w_.kernel_width) continue;
        claims[count++] = {chosen + slot * line_length + window * channels_,
                           dy + line * line_length + window * channels_,
                           static_cast<W>(row * w_.kernel_width + right / w_.dilation)};
        if (count == claims_at_once) settle_all();
      }
    }
    if (count > 0 || !add) settle_all();
  }

  /// Writes, or adds, what the windows give to some pixels.
  void settle(const Claim* claims, int count, bool add, T* dx, const T* next, long pixels) const {
    const bool stream = stream_ && !add;
    const long step = w_.stride * channels_;
    const auto run = [&](auto number) {
      for (long pixel = 0; pixel < pixels; ++pixel) {
        const long at = pixel * channels_;
        T* const to = dx + pixel * step;
        for_channel_vectors<T, true>(channels_, [&]<class V>(V, long c) {
          __builtin_prefetch(next + pixel * step + c, 0, 2);
          V sum = add ? load_vector<V>(to + c) : V{};
          for (int k = 0; k < number; ++k) {
            const Claim& claim = claims[k];
            sum += keep_if_zero(load_vector<V>(claim.chosen + at + c) - claim.place,
                                load_vector<V>(claim.gradient + at + c));
          }
          if (stream)
            stream_vector(to + c, sum);
          else
            store_vector(to + c, sum);
        });
      }
    };
    if (count == 4)  // the most of windows of 3x3 with a stride of 2
      run(std::integral_constant<int, 4>{});
    else
      run(count);
  }

  /// `value` where the whole number `distance` is zero, else zero. Made of signs, as keep_if_passed() is.
  template <class V>
  static V keep_if_zero(V distance, V value) {
    const auto mask = negative_mask(distance * distance - W{0.5f});
    return std::bit_cast<V>(std::bit_cast<std::remove_const_t<decltype(mask)>>(value) & mask);
  }

  const BackwardArguments<T>& a_;
  const Extent in_, out_;
  const Window& w_;
  const long channels_;
  const bool stream_;
};

}  // namespace mmdl::detail
