// SPDX-License-Identifier: Apache-2.0
// The gradient of a maximum over windows of 3x3 with a stride of 2, as networks begin with, in one pass.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "../../graph/arguments.hpp"
#include "activation.hpp"
#include "channel_vectors.hpp"
#include "image_lines.hpp"
#include "pool_taps.hpp"
#include "simd.hpp"
#include "stream.hpp"

namespace mmdl::detail {

/// Window by window: which place won is found out again in registers, and its gradient is given at once. The
/// windows share lines and columns: what a line of windows gives to its last line of the input waits in
/// scratch for the next line of windows, and what a window gives to its last column for the next window, so
/// that each gradient is written once. Threads divide the lines of the input, and a line of windows that
/// reaches two of them is computed by both, so that the sums do not depend on their number.
template <class T>
class MaxPoolGradientOfNine {
 public:
  static bool suits(const Node& node) {
    const Window& w = node.window;
    return w.kernel_height == 3 && w.kernel_width == 3 && w.stride == 2 && w.dilation == 1;
  }
  static long workspace(const Node& node) { return thread_count() * scratch_size(node); }

  explicit MaxPoolGradientOfNine(const BackwardArguments<T>& a)
      : a_(a),
        in_(a.node->input),
        out_(a.node->output),
        w_(a.node->window),
        channels_(in_.channels),
        stream_(!a.accumulate[0] &&
                reinterpret_cast<std::uintptr_t>(a.workspace) % simd_bytes == 0 &&  // for what nobody reads
                worth_streaming_rows(a.input_gradients[0], a.samples * in_.pixels(), channels_)) {}

  void run() const {
    parallel_image_lines(a_.samples, in_.height, parallel_grain / (4 * in_.width * channels_),
                         [&](long thread, long sample, long begin, long end) {
                           run_lines(sample, begin, end, a_.workspace + thread * scratch_size(*a_.node));
                           if (stream_) streaming_done();
                         });
  }

 private:
  using W = Wide<T>;

  /// Columns that a line of windows reaches, those in the padding too.
  static long reached(const Node& node) { return 2L * node.output.width + 1; }
  /// Two lines of what waits, a pixel of each of three lines, and one that nobody reads.
  static long scratch_size(const Node& node) {
    return ((2 * reached(node) + 4) * node.input.channels + 15) / 16 * 16;
  }

  /// A line of windows.
  struct Line {
    long top;         ///< its first line of the input
    const T *x, *dy;  ///< that line, and the gradients of the windows
    T* dx[2];         ///< the two lines that are complete after it; null where another writes them
    const W* before;  ///< what the line of windows before gave to the first line
    W *after, *next;  ///< what this one gives to the third, and what a window gives to its third column
    T* nowhere;       ///< where a pixel that is none of this line's is written
  };

  /// The gradient of the lines [begin, end) of a sample.
  [[gnu::noinline]] void run_lines(long sample, long begin, long end, W* scratch) const {
    const long length = in_.width * channels_, kept = reached(*a_.node) * channels_;
    W *before = scratch, *after = scratch + kept;
    T* const nowhere = reinterpret_cast<T*>(scratch + 2 * kept + 3 * channels_);
    T* const dx = a_.input_gradients[0] + sample * in_.size();
    const auto owned = [&](long line) { return begin <= line && line < end ? dx + line * length : nullptr; };
    std::fill_n(before, kept, W{0});
    const long first = std::max(begin + w_.pad_top - 1, 0L) / 2;
    long row = first;
    for (; row < out_.height && 2 * row - w_.pad_top < end; ++row) {
      const long top = 2 * row - w_.pad_top;
      const Line line{top,
                      a_.inputs[0] + sample * in_.size() + top * length,
                      a_.output_gradient + (sample * out_.height + row) * out_.width * channels_,
                      {owned(top), owned(top + 1)},
                      before,
                      after,
                      scratch + 2 * kept,
                      nowhere};
      // A suspected NaN: once more, in a way that finds it. That changes what was written, not what was read.
      if (a_.accumulate[0] || !run_line<true>(line)) run_line<false>(line);
      std::swap(before, after);
    }
    for (long line = std::max(2 * row - w_.pad_top, begin); line < end; ++line) {
      if (line == 2 * row - w_.pad_top && row > first)
        for (long column = 0; column < reached(*a_.node); ++column)
          for_channel_vectors<T>(channels_, [&]<class V>(V, long c) {
            put(place(owned(line), column, nowhere), c, load_vector<V>(before + column * channels_ + c),
                a_.accumulate[0]);
          });
      else if (!a_.accumulate[0])
        std::fill_n(owned(line), length, T{});
    }
    if (!a_.accumulate[0])  // columns that no window reaches
      for (long line = begin; line < end; ++line)
        for (long column = reached(*a_.node) - w_.pad_left; column < in_.width; ++column)
          std::fill_n(dx + line * length + column * channels_, channels_, T{});
  }

  /// A column of the windows, from the padding on, in a line of the input, which may be null.
  T* place(T* line, long column, T* nowhere) const {
    const long at = column - w_.pad_left;
    return line == nullptr || at < 0 || at >= in_.width ? nowhere : line + at * channels_;
  }

  /// Whether no NaN was seen, if `simple`; then true.
  template <bool simple>
  [[gnu::noinline]] bool run_line(const Line& line) const {
    const PoolTaps rows(line.top, 3, 1, in_.height);
    std::fill_n(line.next, 3 * channels_, W{0});
    Sums sums{};
    for (long window = 0; window < out_.width; ++window) {
      const PoolTaps columns(2 * window - w_.pad_left, 3, 1, in_.width);
      if (simple && rows.count() == 3 && columns.count() == 3)
        run_window<true>(line, window, rows, columns, sums);
      else
        run_window<false>(line, window, rows, columns, sums);
    }
    const long last = 2L * out_.width;
    for_channel_vectors<T>(channels_, [&]<class V>(V, long c) {
      const V waited = load_vector<V>(line.before + last * channels_ + c);
      put(place(line.dx[0], last, line.nowhere), c, waited + load_vector<V>(line.next + c), a_.accumulate[0]);
      put(place(line.dx[1], last, line.nowhere), c, load_vector<V>(line.next + channels_ + c),
          a_.accumulate[0]);
      store_vector(line.after + last * channels_ + c, load_vector<V>(line.next + 2 * channels_ + c));
    });
    return !simple || sums.finite();
  }

  /// Sums of all that windows have seen, which a NaN makes one. (Infinities may as well.)
  struct Sums {
    Simd<T> vectors;
    W singles;
    bool finite() const {
      W sum = singles;
      for (int i = 0; i < simd_width<T>; ++i) sum += vectors[i];
      return sum == sum;
    }
  };

  template <bool simple>
  void run_window(const Line& line, long window, const PoolTaps& rows, const PoolTaps& columns,
                  Sums& sums) const {
    const long column = 2 * window, channels = channels_, length = in_.width * channels;
    const T* const x = line.x + (column - w_.pad_left) * channels_;
    const T* const dy = line.dy + window * channels_;
    const auto to = [&](int i, int j) { return place(line.dx[i], column + j, line.nowhere); };
    T *const to00 = to(0, 0), *const to01 = to(0, 1), *const to10 = to(1, 0), *const to11 = to(1, 1);
    const W* const before = line.before + column * channels;
    W *const after = line.after + column * channels, *const next = line.next;
    const bool add = !simple && a_.accumulate[0], streams = simple && stream_;
    const auto run = [=]<class V>(V seen, long c) {
      V given[9];
      const V gradient = load_vector<V>(dy + c);
      if constexpr (simple)
        seen += give_first(x + c, length, channels, gradient, given);
      else
        give_checked(x + c, length, channels, rows, columns, gradient, given);
      V left[3];
      MMDL_UNROLL
      for (int i = 0; i < 3; ++i) {
        W* const waiting = next + i * channels + c;
        left[i] = load_vector<V>(static_cast<const W*>(waiting)) + given[3 * i];
        store_vector(waiting, given[3 * i + 2]);
      }
      const auto write = [&](T* pixel, const V& value) {
        if (streams)
          stream_vector(pixel + c, value);
        else
          put(pixel, c, value, add);
      };
      write(to00, load_vector<V>(before + c) + left[0]);
      write(to01, load_vector<V>(before + channels + c) + given[1]);
      write(to10, left[1]);
      write(to11, given[4]);
      store_vector(after + c, left[2]);
      store_vector(after + channels + c, given[7]);
      return seen;
    };
    Simd<T> seen{};
    long c = 0;
    for (; c + simd_width<T> <= channels; c += simd_width<T>) seen = run(seen, c);
    sums.vectors += seen;
    for (; c < channels; ++c) run_single(run, sums.singles, c);
  }

  template <class Body>
  [[gnu::noinline]] static void run_single(const Body& body, W& seen, long c) {
    seen = body(seen, c);
  }

  /// The gradient to the first of nine places that is the largest. Returns the sum of all.
  template <class V>
  static V give_first(const T* x, long length, long channels, V gradient, V* given) {
    V values[9];
    MMDL_UNROLL
    for (int tap = 0; tap < 9; ++tap) values[tap] = load_vector<V>(x + tap / 3 * length + tap % 3 * channels);
    V largest = values[0], sum = values[0];
    MMDL_UNROLL
    for (int tap = 1; tap < 9; ++tap) {
      largest = larger(values[tap], largest);
      sum += values[tap];
    }
    MMDL_UNROLL
    for (int tap = 0; tap < 8; ++tap) {
      given[tap] = values[tap] == largest ? gradient : V{};
      gradient = without(gradient, given[tap]);
    }
    given[8] = gradient;
    return sum;
  }
  /// The same for windows that reach out of the input, and for those with a NaN: its last takes the gradient.
  template <class V>
  static void give_checked(const T* x, long length, long channels, const PoolTaps& rows,
                           const PoolTaps& columns, const V& gradient, V* given) {
    V largest{}, winner = V{} - W{1};
    for (long i = rows.begin; i < rows.end; ++i)
      for (long j = columns.begin; j < columns.end; ++j) {
        const V value = load_vector<V>(x + i * length + j * channels), tap = V{} + static_cast<W>(3 * i + j);
        const bool first = i == rows.begin && j == columns.begin;
        winner = first ? tap : value > largest ? tap : value != value ? tap : winner;
        largest = first ? value : value > largest ? value : value != value ? value : largest;
      }
    for (int tap = 0; tap < 9; ++tap) given[tap] = winner == V{} + static_cast<W>(tap) ? gradient : V{};
  }

  /// Zero where both are the same bits, `value` where `part` is zero.
  template <class V>
  static V without(const V& value, const V& part) {
    using Bits = std::remove_const_t<decltype(negative_mask(value))>;
    return std::bit_cast<V>(std::bit_cast<Bits>(value) ^ std::bit_cast<Bits>(part));
  }

  template <class V>
  static void put(T* pixel, long c, const V& value, bool add) {
    store_vector(pixel + c, add ? load_vector<V>(static_cast<const T*>(pixel) + c) + value : value);
  }

  const BackwardArguments<T>& a_;
  const Extent in_, out_;
  const Window& w_;
  const long channels_;
  const bool stream_;  // past the caches
};

}  // namespace mmdl::detail
