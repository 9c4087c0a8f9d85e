// SPDX-License-Identifier: Apache-2.0
// The element-wise product of several values of one shape.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Product, T>`.
template <class T>
struct GpuKernel<operators::Product, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    std::string body = "y0 = x0";
    for (int i = 1; i < a.node->input_count; ++i) body += " * x" + std::to_string(i);
    ElementwiseKernelOf<T> kernel("product_forward", body + ";");
    for (int i = 0; i < a.node->input_count; ++i) kernel.read(a.inputs[i]);
    kernel.write(a.output).launch(commands, a.samples * a.node->output.size());
  }

  /// dx_k = dy * the product of the other factors: no division, so a zero does no harm.
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const int inputs = a.node->input_count;
    std::string body;
    int outputs = 0;
    for (int k = 0; k < inputs; ++k) {
      if (a.input_gradients[k] == nullptr) continue;
      body += "y" + std::to_string(outputs++) + " = x" + std::to_string(inputs);
      for (int i = 0; i < inputs; ++i)
        if (i != k) body += " * x" + std::to_string(i);
      body += "; ";
    }
    ElementwiseKernelOf<T> kernel("product_backward", body);
    for (int i = 0; i < inputs; ++i) kernel.read(a.inputs[i]);
    kernel.read(a.output_gradient);
    for (int k = 0; k < inputs; ++k)
      if (a.input_gradients[k] != nullptr) kernel.write(a.input_gradients[k], a.accumulate[k]);
    kernel.launch(commands, a.samples * a.node->output.size());
  }
};

}  // namespace mmdl::detail
