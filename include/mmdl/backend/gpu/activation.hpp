// SPDX-License-Identifier: Apache-2.0
// The activation functions alone.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Activation, T>`.
template <class T>
struct GpuKernel<operators::Activation, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    ElementwiseKernelOf<T>("activation_forward", "y0 = activate<ACTIVATION>(x0);")
        .read(a.inputs[0])
        .write(a.output)
        .set("ACTIVATION", static_cast<long>(a.node->activation))
        .launch(commands, a.samples * a.node->output.size());
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const long count = a.samples * a.node->output.size();
    if (a.node->activation == Activation::none) {
      if (a.input_gradients[0] == a.output_gradient) return;
      ElementwiseKernelOf<T>("identity_backward", "y0 = x0;")
          .read(a.output_gradient)
          .write(a.input_gradients[0], a.accumulate[0])
          .launch(commands, count);
      return;
    }
    ElementwiseKernelOf<T>("activation_backward", "y0 = activation_gradient<ACTIVATION>(x0, x1);")
        .read(a.output)
        .read(a.output_gradient)
        .write(a.input_gradients[0], a.accumulate[0])
        .set("ACTIVATION", static_cast<long>(a.node->activation))
        .launch(commands, count);
  }
};

}  // namespace mmdl::detail
