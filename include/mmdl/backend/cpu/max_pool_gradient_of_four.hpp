// SPDX-License-Identifier: Apache-2.0
// The gradient of a maximum over windows of 2x2 that lie side by side, the usual ones.
#pragma once

#include <algorithm>

#include "../../graph/arguments.hpp"
#include "channel_vectors.hpp"
#include "image_lines.hpp"
#include "simd.hpp"
#include "stream.hpp"

namespace mmdl::detail {

/// Each pixel lies in one window at most: which place won is found out again in registers, and all four get
/// their gradients at once. Threads divide the lines of windows.
template <class T>
class MaxPoolGradientOfFour {
 public:
  static bool suits(const Node& node) {
    const Window& w = node.window;
    return w.kernel_height == 2 && w.kernel_width == 2 && w.stride == 2 && w.dilation == 1 &&
           w.pad_top == 0 && w.pad_left == 0 && 2 * node.output.height <= node.input.height &&
           2 * node.output.width <= node.input.width;
  }

  explicit MaxPoolGradientOfFour(const BackwardArguments<T>& a)
      : a_(a),
        in_(a.node->input),
        out_(a.node->output),
        channels_(in_.channels),
        stream_(!a.accumulate[0] &&
                worth_streaming_rows(a.input_gradients[0], a.samples * in_.pixels(), channels_)) {}

  void run() const {
    parallel_image_lines(a_.samples, out_.height, parallel_grain / (4 * out_.width * channels_),
                         [&](long, long sample, long begin, long end) {
                           run_lines(sample, begin, end);
                           if (stream_) streaming_done();
                         });
  }

 private:
  [[gnu::noinline]] void run_lines(long sample, long begin, long end) const {
    const long line = in_.width * channels_;
    const T* const x = a_.inputs[0] + sample * in_.size();
    const T* dy = a_.output_gradient + (sample * out_.height + begin) * out_.width * channels_;
    T* const dx = a_.input_gradients[0] + sample * in_.size();
    for (long row = begin; row < end; ++row, dy += out_.width * channels_) {
      const long at = 2 * row * line;
      for (long window = 0; window < out_.width; ++window)
        run_window(x + at + 2 * window * channels_, dy + window * channels_,
                   dx + at + 2 * window * channels_);
    }
    if (a_.accumulate[0]) return;
    // A column and a line that no window reaches.
    const long covered = 2 * out_.width * channels_;
    for (long y = 2 * begin; y < 2 * end; ++y) std::fill(dx + y * line + covered, dx + (y + 1) * line, T{});
    if (end == out_.height) std::fill(dx + 2 * end * line, dx + in_.size(), T{});
  }

  /// The first that is the largest wins, or the last NaN.
  void run_window(const T* x, const T* dy, T* dx) const {
    const long places[4] = {0, channels_, in_.width * channels_, (in_.width + 1) * channels_};
    const bool add = a_.accumulate[0], stream = stream_;
    for_channel_vectors<T, true>(channels_, [=]<class V>(V, long c) {
      const auto value = [&](int tap) { return load_vector<V>(x + places[tap] + c); };
      const auto wins = [](const V& v, const V& before) { return (v > before) | (v != v); };
      const auto put = [&](int tap, V gradient) {
        T* const to = dx + places[tap] + c;
        if (add) gradient += load_vector<V>(static_cast<const T*>(to));
        if (stream)
          stream_vector(to, gradient);
        else
          store_vector(to, gradient);
      };
      V largest = value(0);
      const auto second = wins(value(1), largest);
      largest = second ? value(1) : largest;
      const auto third = wins(value(2), largest);
      largest = third ? value(2) : largest;
      const auto fourth = wins(value(3), largest);
      V left = load_vector<V>(dy + c);  // what no later place has taken
      put(3, fourth ? left : V{});
      left = fourth ? V{} : left;
      put(2, third ? left : V{});
      left = third ? V{} : left;
      put(1, second ? left : V{});
      put(0, second ? V{} : left);
    });
  }

  const BackwardArguments<T>& a_;
  const Extent in_, out_;
  const long channels_;
  const bool stream_;
};

}  // namespace mmdl::detail
