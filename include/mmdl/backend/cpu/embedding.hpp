// SPDX-License-Identifier: Apache-2.0
// A row of a table for each index.
#pragma once

#include <algorithm>
#include <string>

#include "../../core/error.hpp"
#include "activation.hpp"

namespace mmdl::detail {

/// y[i] = table[index[i]]. PyTorch: `embedding`. There is none for narrow numbers, which do not hold whole
/// numbers above 256.
template <class T>
requires(!is_narrow<T>) struct CpuKernel<operators::Embedding, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const long indices = a.samples * a.node->input.size(), channels = a.node->output.channels;
    const long rows = a.node->table_rows;
    for (long i = 0; i < indices; ++i) {  // before any thread starts: an exception must not leave one
      const T index = a.inputs[0][i];
      if (!(index >= T{0}) || !(index < static_cast<T>(rows)) ||
          index != static_cast<T>(static_cast<long>(index)))
        fail("embedding: index " + std::to_string(i % a.node->input.size() + 1) + " of sample " +
                 std::to_string(i / a.node->input.size() + 1),
             std::to_string(index), "a whole number from 0 to " + std::to_string(rows - 1));
    }
    parallel_ranges(indices, parallel_grain / channels + 1, [&](long begin, long end) {
      for (long i = begin; i < end; ++i)
        store(a.parameters[0] + static_cast<long>(a.inputs[0][i]) * channels, a.output + i * channels,
              channels, false);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    const long indices = a.samples * a.node->input.size(), channels = a.node->output.channels;
    if (a.input_gradients[0] != nullptr && !a.accumulate[0])  // an index has no slope
      std::fill_n(a.input_gradients[0], indices, T{});
    T* gradient = a.parameter_gradients[0];
    if (gradient == nullptr) return;
    if (!a.accumulate_parameters) std::fill_n(gradient, a.parameter_sizes[0], T{});
    // Threads take channels, not indices: the order of each sum is that of the batch.
    parallel_ranges(channels, parallel_grain / std::max(indices, 1L) + 16, [&](long begin, long end) {
      for (long i = 0; i < indices; ++i)
        store(a.output_gradient + i * channels + begin,
              gradient + static_cast<long>(a.inputs[0][i]) * channels + begin, end - begin, true);
    });
  }
};

}  // namespace mmdl::detail
