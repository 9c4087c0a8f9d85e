// SPDX-License-Identifier: Apache-2.0
// The options of windowed layers. They come in any order and have defaults: Conv<64, Kernel<7>, Stride<2>>.
#pragma once

#include "../graph/graph.hpp"

namespace mmdl {

namespace detail {

/// What the options of a convolution or pooling add up to.
struct WindowOptions {
  int kernel_height = 3, kernel_width = 3;
  int stride = 1;
  int dilation = 1;
  int groups = 1;
  bool bias = true;
  enum class Padding : unsigned char { half, exact, same } padding = Padding::half;
  int top = 0, left = 0, bottom = 0, right = 0;
  bool count_padding = true;

  template <class... Options>
  static constexpr WindowOptions of(WindowOptions defaults) {
    (Options::apply(defaults), ...);
    return defaults;
  }

  constexpr int reach_height() const { return dilation * (kernel_height - 1) + 1; }
  constexpr int reach_width() const { return dilation * (kernel_width - 1) + 1; }

  /// The window over an input of a given size.
  constexpr Window window(Extent input) const {
    Window w{kernel_height, kernel_width, stride, dilation, groups, top, left, bottom, right};
    if (padding == Padding::half) {
      w.pad_top = w.pad_bottom = (reach_height() - 1) / 2;
      w.pad_left = w.pad_right = (reach_width() - 1) / 2;
    } else if (padding == Padding::same) {
      const int height = same_total(input.height, reach_height());
      const int width = same_total(input.width, reach_width());
      w.pad_top = height / 2;
      w.pad_bottom = height - w.pad_top;
      w.pad_left = width / 2;
      w.pad_right = width - w.pad_left;
    }
    return w;
  }

  /// Height and width of the output; not positive when the window does not fit.
  constexpr Extent output(Extent input, int channels) const {
    const Window w = window(input);
    const int height = input.height + w.pad_top + w.pad_bottom - reach_height();
    const int width = input.width + w.pad_left + w.pad_right - reach_width();
    return {height < 0 ? 0 : height / stride + 1, width < 0 ? 0 : width / stride + 1, channels};
  }

 private:
  constexpr int same_total(int size, int reach) const {
    const int outputs = (size + stride - 1) / stride;
    const int total = (outputs - 1) * stride + reach - size;
    return total > 0 ? total : 0;
  }
};

}  // namespace detail

/// Height and width of the window (square with one number). Default 3.
template <int Height, int Width = Height>
struct Kernel {
  static_assert(Height > 0 && Width > 0, "mmdl: a kernel is at least 1x1");
  static constexpr void apply(detail::WindowOptions& o) { o.kernel_height = Height, o.kernel_width = Width; }
};

/// Steps of the window, in both directions. Default 1 for convolutions, the kernel's size for pooling.
template <int Step>
struct Stride {
  static_assert(Step > 0, "mmdl: a stride is at least 1");
  static constexpr void apply(detail::WindowOptions& o) { o.stride = Step; }
};

/// Zeros around the input: one number for all sides, or top, left, bottom, right. Default (kernel - 1) / 2
/// for convolutions, so that stride 1 keeps the size of an odd kernel; 0 for pooling.
template <int Top, int Left = Top, int Bottom = Top, int Right = Left>
struct Padding {
  static_assert(Top >= 0 && Left >= 0 && Bottom >= 0 && Right >= 0, "mmdl: padding is not negative");
  static constexpr void apply(detail::WindowOptions& o) {
    o.padding = detail::WindowOptions::Padding::exact;
    o.top = Top, o.left = Left, o.bottom = Bottom, o.right = Right;
  }
};

/// TensorFlow's "SAME": the output has ceil(size / stride) places, and odd padding goes to the bottom and
/// right.
struct SamePadding {
  static constexpr void apply(detail::WindowOptions& o) { o.padding = detail::WindowOptions::Padding::same; }
};

/// Distance between the taps of a convolution's kernel. Default 1.
template <int Distance>
struct Dilation {
  static_assert(Distance > 0, "mmdl: a dilation is at least 1");
  static constexpr void apply(detail::WindowOptions& o) { o.dilation = Distance; }
};

/// Input and output channels are split into this many independent groups. Default 1.
template <int Count>
struct Groups {
  static_assert(Count > 0, "mmdl: there is at least one group");
  static constexpr void apply(detail::WindowOptions& o) { o.groups = Count; }
};

/// Whether a convolution or linear layer adds a bias. Default true.
template <bool On>
struct Bias {
  template <class LayerOptions>
  static constexpr void apply(LayerOptions& o) {
    o.bias = On;
  }
};

/// Whether an average pooling divides by the whole window, padding included. Default true, as PyTorch's
/// `count_include_pad`.
template <bool On>
struct CountPadding {
  static constexpr void apply(detail::WindowOptions& o) { o.count_padding = On; }
};

}  // namespace mmdl
