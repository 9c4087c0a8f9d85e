// SPDX-License-Identifier: Apache-2.0
// The sum of several values of one shape, with an activation after it where fusion put one.
#pragma once

#include "activation.hpp"

namespace mmdl::detail {

/// y = activation(x0 + x1 + ...), all of the output's extent. `output` may be inputs[0]. PyTorch: `relu(a +
/// b)`.
template <class T>
struct CpuKernel<operators::Add, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      T* y = a.output + i;
      if (node.input_count == 2) {
        const T *x0 = a.inputs[0] + i, *x1 = a.inputs[1] + i;
        MMDL_SIMD
        for (long j = 0; j < length; ++j) y[j] = x0[j] + x1[j];
        activate(node.activation, y, y, length);  // rounding before it and after it is the same
        return;
      }
      Wide<T> sum[chunk_length];  // not in the output: a later input may be the same array as the first
      store(a.inputs[0] + i, sum, length, false);
      for (int k = 1; k < node.input_count; ++k) store(a.inputs[k] + i, sum, length, true);
      activate(node.activation, sum, y, length);
    });
  }

  /// Every input gets the gradient of the sum. One of them may take over the output's gradient array.
  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const bool masked = node.activation != Activation::none;
    bool work = false, shared = false;
    for (int k = 0; k < node.input_count; ++k) {
      if (a.input_gradients[k] == nullptr) continue;
      const bool same = a.input_gradients[k] == a.output_gradient;
      shared = shared || same;
      work = work || masked || a.accumulate[k] || !same;
    }
    if (!work) return;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      T scratch[chunk_length];
      const T* gradient = a.output_gradient + i;
      if (masked || shared) {
        activation_gradient(node.activation, masked ? a.output + i : nullptr, gradient, scratch, length);
        gradient = scratch;
      }
      for (int k = 0; k < node.input_count; ++k)
        if (a.input_gradients[k] != nullptr)
          store(gradient, a.input_gradients[k] + i, length, a.accumulate[k]);
    });
  }
};

}  // namespace mmdl::detail
