// SPDX-License-Identifier: Apache-2.0
// The lines of an image that a depthwise window is over, copied (read as one stream) or computed, and laid
// out so that the channels of neighbouring pixels do not push each other out of the first cache.
#pragma once

#include <algorithm>

#include "../../graph/node.hpp"
#include "depthwise_line.hpp"

namespace mmdl::detail {

/// As many lines as the window is high, the oldest replaced by the next, with zeros where the window is
/// beside the image. Whole numbers of cache lines from a pixel to the next, an odd one: of a power of two
/// channels, the same channel of all the pixels under a window would share few sets of the cache.
template <class T>
class DepthwiseRing {
 public:
  explicit DepthwiseRing(const Node& node)
      : window_(node.window),
        height_(node.input.height),
        width_(node.input.width),
        channels_(node.input.channels),
        places_(node.output.width),
        pixel_stride_(((channels_ + line_numbers - 1) / line_numbers | 1) * line_numbers),
        columns_((places_ - 1) * window_.stride + (window_.kernel_width - 1L) * window_.dilation + 1),
        lines_((window_.kernel_height - 1L) * window_.dilation + 1) {}

  /// Numbers of its memory.
  long size() const { return lines_ * columns_ * pixel_stride_; }

  /// Begins anew, in `memory`: zeros where no pixel ever comes.
  void start(T* memory) {
    memory_ = memory;
    sample_ = -1;
    const long left = std::min<long>(window_.pad_left, columns_), right = left + copied_columns();
    for (long line = 0; line < lines_; ++line, memory += columns_ * pixel_stride_) {
      std::fill_n(memory, left * pixel_stride_, T{});
      std::fill_n(memory + right * pixel_stride_, (columns_ - right) * pixel_stride_, T{});
    }
  }

  /// The window over the line `y` of a sample's output. The lines of a sample come in their order.
  /// `write_line(sample, y, count, to, pixel_stride)` writes the first pixels of a line of the input.
  template <class WriteLine>
  DepthwiseLine<T> window(WriteLine& write_line, long sample, long y) {
    const long top = y * window_.stride - window_.pad_top;
    if (sample != sample_) sample_ = sample, next_ = 0;
    const long last = std::min(top + lines_, height_);
    for (next_ = std::max(next_, top); next_ < last; ++next_)
      write_line(sample, next_, copied_columns(),
                 memory_ + (next_ % lines_ * columns_ + window_.pad_left) * pixel_stride_, pixel_stride_);
    DepthwiseLine<T> line;
    line.image = memory_;
    line.line_step = window_.dilation * columns_ * pixel_stride_;
    line.around = size();
    line.origin = (top % lines_ + lines_) % lines_ * columns_ * pixel_stride_;
    line.rows = taps_inside(top, window_.dilation, window_.kernel_height, height_);
    line.width = columns_;
    line.channels = channels_;
    line.pixel_stride = pixel_stride_;
    line.step = window_.stride;
    line.dx = window_.dilation;
    line.taps = window_.kernel_width;
    line.places = places_;
    return line;
  }

 private:
  static constexpr long line_numbers = 64 / static_cast<long>(sizeof(T));

  /// Columns of the image that the window reaches.
  long copied_columns() const { return std::clamp(columns_ - window_.pad_left, 0L, width_); }

  Window window_;
  long height_, width_, channels_, places_;
  long pixel_stride_, columns_, lines_;
  T* memory_ = nullptr;
  long sample_ = -1, next_ = 0;  // of the last window; the line of the sample that is copied next
};

}  // namespace mmdl::detail
