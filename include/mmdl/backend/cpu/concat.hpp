// SPDX-License-Identifier: Apache-2.0
// Values of one height and width, put side by side along the channels.
#pragma once

#include "activation.hpp"

namespace mmdl::detail {

/// y[pixel] = (x0[pixel], x1[pixel], ...): input i has node->input_channels[i] channels. PyTorch:
/// `cat(dim=1)`.
template <class T>
struct CpuKernel<operators::Concat, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    for_rows(*a.node, a.samples, [&](int input, long row, long offset, long channels) {
      store(a.inputs[input] + row * channels, a.output + offset, channels, false);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    for_rows(*a.node, a.samples, [&](int input, long row, long offset, long channels) {
      if (a.input_gradients[input] == nullptr) return;
      store(a.output_gradient + offset, a.input_gradients[input] + row * channels, channels,
            a.accumulate[input]);
    });
  }

 private:
  /// Calls `body(input, row, place of the input's channels in the output, channels)` for each pixel and
  /// input.
  template <class Body>
  static void for_rows(const Node& node, int samples, const Body& body) {
    const long total = node.output.channels;
    parallel_ranges(samples * node.output.pixels(), parallel_grain / total + 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        long offset = row * total;
        for (int input = 0; input < node.input_count; ++input) {
          const long channels = node.input_channels[input];
          body(input, row, offset, channels);
          offset += channels;
        }
      }
    });
  }
};

}  // namespace mmdl::detail
