// SPDX-License-Identifier: Apache-2.0
// The element-wise maximum of several values of one shape.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Maximum, T>`: the gradient goes to the first input that is the largest.
template <class T>
struct GpuKernel<operators::Maximum, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    std::string body = "float m = x0;";
    for (int i = 1; i < a.node->input_count; ++i) {
      const std::string x = "x" + std::to_string(i);
      body += " if (m == m && !(" + x + " <= m)) m = " + x + ";";
    }
    ElementwiseKernelOf<T> kernel("maximum_forward", body + " y0 = m;");
    for (int i = 0; i < a.node->input_count; ++i) kernel.read(a.inputs[i]);
    kernel.write(a.output).launch(commands, a.samples * a.node->output.size());
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const int inputs = a.node->input_count;
    std::string body = "float left = x" + std::to_string(inputs + 1) + ";";
    int outputs = 0;
    for (int k = 0; k < inputs; ++k) {
      body += " { const bool takes = x" + std::to_string(k) + " == x" + std::to_string(inputs) + ";";
      if (a.input_gradients[k] != nullptr)
        body += " y" + std::to_string(outputs++) + " = takes ? left : 0.0f;";
      body += " left = takes ? 0.0f : left; }";
    }
    ElementwiseKernelOf<T> kernel("maximum_backward", body);
    for (int i = 0; i < inputs; ++i) kernel.read(a.inputs[i]);
    kernel.read(a.output).read(a.output_gradient);
    for (int k = 0; k < inputs; ++k)
      if (a.input_gradients[k] != nullptr) kernel.write(a.input_gradients[k], a.accumulate[k]);
    kernel.launch(commands, a.samples * a.node->output.size());
  }
};

}  // namespace mmdl::detail
