// SPDX-License-Identifier: Apache-2.0
// Values of one height and width, put side by side along the channels.
#pragma once

#include "copy_block.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Concat, T>`.
template <class T>
struct GpuKernel<operators::Concat, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const long total = a.node->output.channels, rows = a.samples * a.node->output.pixels();
    long offset = 0;
    for (int i = 0; i < a.node->input_count; ++i) {
      const long channels = a.node->input_channels[i];
      copy_block(commands, a.inputs[i], {0, channels, rows}, a.output, {offset, total, rows}, 1, rows,
                 channels, false);
      offset += channels;
    }
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const long total = a.node->output.channels, rows = a.samples * a.node->output.pixels();
    long offset = 0;
    for (int i = 0; i < a.node->input_count; ++i) {
      const long channels = a.node->input_channels[i];
      if (a.input_gradients[i] != nullptr)
        copy_block(commands, a.output_gradient, {offset, total, rows}, a.input_gradients[i],
                   {0, channels, rows}, 1, rows, channels, a.accumulate[i]);
      offset += channels;
    }
  }
};

}  // namespace mmdl::detail
