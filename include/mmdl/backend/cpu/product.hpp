// SPDX-License-Identifier: Apache-2.0
// The element-wise product of several values of one shape.
#pragma once

#include "activation.hpp"

namespace mmdl::detail {

/// y = activation(x0 * x1 * ...), all of the output's extent. PyTorch: `a * b`.
/// Not in place where a backward follows: the gradient of one input is made of the others.
template <class T>
struct CpuKernel<operators::Product, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      Wide<T> product[chunk_length];
      store(a.inputs[0] + i, product, length, false);
      for (int k = 1; k < node.input_count; ++k) multiply(a.inputs[k] + i, product, length);
      activate(node.activation, product, a.output + i, length);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const bool masked = node.activation != Activation::none;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      Wide<T> upstream[chunk_length],
          gradient[chunk_length];  // upstream is a copy: a gradient may share its array
      activation_gradient(node.activation, masked ? a.output + i : nullptr, a.output_gradient + i, upstream,
                          length);
      for (int k = 0; k < node.input_count; ++k) {
        if (a.input_gradients[k] == nullptr) continue;
        store(static_cast<const Wide<T>*>(upstream), gradient, length, false);
        for (int other = 0; other < node.input_count; ++other)
          if (other != k) multiply(a.inputs[other] + i, gradient, length);
        store(static_cast<const Wide<T>*>(gradient), a.input_gradients[k] + i, length, a.accumulate[k]);
      }
    });
  }

 private:
  static void multiply(const T* by, Wide<T>* values, long count) {
    MMDL_SIMD
    for (long i = 0; i < count; ++i) values[i] *= by[i];
  }
};

}  // namespace mmdl::detail
