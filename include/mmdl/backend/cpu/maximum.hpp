// SPDX-License-Identifier: Apache-2.0
// The element-wise maximum of several values of one shape.
#pragma once

#include "activation.hpp"

namespace mmdl::detail {

/// y = max(x0, x1, ...), all of the output's extent; a NaN anywhere is one in y. The gradient goes to the
/// first input that is the largest. PyTorch: `maximum`, which divides it among equal ones.
template <class T>
struct CpuKernel<operators::Maximum, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      Wide<T> largest[chunk_length];
      store(a.inputs[0] + i, largest, length, false);
      for (int k = 1; k < node.input_count; ++k) {
        const T* x = a.inputs[k] + i;
        MMDL_SIMD
        for (long j = 0; j < length; ++j) {
          const Wide<T> other = x[j], before = largest[j];
          const Wide<T> larger = other <= before ? before : other;  // a NaN of the second
          largest[j] = before != before ? before : larger;
        }
      }
      store(static_cast<const Wide<T>*>(largest), a.output + i, length, false);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    parallel_chunks(a.samples * node.output.size(), [&](long i, long length) {
      Wide<T> left[chunk_length], gradient[chunk_length];  // left: what no earlier input has taken
      store(a.output_gradient + i, left, length, false);
      for (int k = 0; k < node.input_count; ++k) {
        const T *x = a.inputs[k] + i, *y = a.output + i;
        MMDL_SIMD
        for (long j = 0; j < length; ++j) {
          const bool takes = wide(x[j]) == wide(y[j]);
          gradient[j] = takes ? left[j] : Wide<T>{0};
          left[j] = takes ? Wide<T>{0} : left[j];
        }
        if (a.input_gradients[k] != nullptr)
          store(static_cast<const Wide<T>*>(gradient), a.input_gradients[k] + i, length, a.accumulate[k]);
      }
    });
  }
};

}  // namespace mmdl::detail
