// SPDX-License-Identifier: Apache-2.0
// One step, or some channels, of a sequence; a vector at every step of one.
#pragma once

#include <algorithm>

#include "activation.hpp"

namespace mmdl::detail {

/// The rows from node->first_row on, the channels from node->first_channel on, of the input (1 x rows x
/// channels). PyTorch: `x[:, row:row + rows, channel:channel + channels]`.
template <class T>
struct CpuKernel<operators::Slice, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    for_rows(*a.node, a.samples, [&](long from, long to, long length) {
      store(a.inputs[0] + from, a.output + to, length, false);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    T* gradient = a.input_gradients[0];
    if (gradient == nullptr) return;
    if (!a.accumulate[0]) std::fill_n(gradient, a.samples * a.node->input.size(), T{});
    for_rows(*a.node, a.samples, [&](long from, long to, long length) {
      store(a.output_gradient + to, gradient + from, length, true);
    });
  }

 private:
  template <class Body>
  static void for_rows(const Node& node, int samples, const Body& body) {
    const long rows = node.output.pixels(), channels = node.output.channels;
    parallel_ranges(samples * rows, parallel_grain / channels + 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const long source = row / rows * node.input.pixels() + node.first_row + row % rows;
        body(source * node.input.channels + node.first_channel, row * channels, channels);
      }
    });
  }
};

/// y[row] = x for every row. PyTorch: `x.unsqueeze(1).expand(-1, rows, -1)`.
template <class T>
struct CpuKernel<operators::OverSteps, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const long rows = a.node->output.pixels(), channels = a.node->output.channels;
    parallel_ranges(a.samples * rows, parallel_grain / channels + 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row)
        store(a.inputs[0] + row / rows * channels, a.output + row * channels, channels, false);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const long rows = a.node->output.pixels(), channels = a.node->output.channels;
    parallel_ranges(a.samples, parallel_grain / (rows * channels) + 1, [&](long begin, long end) {
      Wide<T> sums[chunk_length];
      for (long sample = begin; sample < end; ++sample)
        for (long first = 0; first < channels; first += chunk_length) {
          const long count = std::min(channels - first, static_cast<long>(chunk_length));
          std::fill_n(sums, count, Wide<T>{});
          for (long row = 0; row < rows; ++row)
            store(a.output_gradient + (sample * rows + row) * channels + first, sums, count, true);
          store(static_cast<const Wide<T>*>(sums), a.input_gradients[0] + sample * channels + first, count,
                a.accumulate[0]);
        }
    });
  }
};

}  // namespace mmdl::detail
