// SPDX-License-Identifier: Apache-2.0
// The constants of a sliding window in a kernel's text.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

template <class T>
KernelText& set_window(KernelText& text, const Node& node) {
  const Window& w = node.window;
  return text.number<T>()
      .set("CHANNELS", node.input.channels)
      .set("IN_HEIGHT", node.input.height)
      .set("IN_WIDTH", node.input.width)
      .set("OUT_HEIGHT", node.output.height)
      .set("OUT_WIDTH", node.output.width)
      .set("KERNEL_HEIGHT", w.kernel_height)
      .set("KERNEL_WIDTH", w.kernel_width)
      .set("STRIDE", w.stride)
      .set("DILATION", w.dilation)
      .set("PAD_TOP", w.pad_top)
      .set("PAD_LEFT", w.pad_left)
      .set("PAD_BOTTOM", w.pad_bottom)
      .set("PAD_RIGHT", w.pad_right);
}

}  // namespace mmdl::detail
