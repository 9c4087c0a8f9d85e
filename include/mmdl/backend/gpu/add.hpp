// SPDX-License-Identifier: Apache-2.0
// The sum of several values of one shape, with an activation after it where fusion put one.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Add, T>`.
template <class T>
struct GpuKernel<operators::Add, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    std::string sum = "x0";
    for (int i = 1; i < a.node->input_count; ++i) sum += " + x" + std::to_string(i);
    ElementwiseKernelOf<T> kernel("add_forward", "y0 = activate<ACTIVATION>(" + sum + ");");
    for (int i = 0; i < a.node->input_count; ++i) kernel.read(a.inputs[i]);
    kernel.write(a.output)
        .set("ACTIVATION", static_cast<long>(a.node->activation))
        .launch(commands, a.samples * a.node->output.size());
  }

  /// Every input gets the gradient of the sum. One of them may take over the output's gradient array.
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const bool masked = node.activation != Activation::none;
    std::string body =
        masked ? "const float g = activation_gradient<ACTIVATION>(x1, x0);" : "const float g = x0;";
    ElementwiseKernelOf<T> kernel = [&] {
      int outputs = 0;
      std::string text = body;
      for (int k = 0; k < node.input_count; ++k)
        if (writes(a, k, masked)) text += " y" + std::to_string(outputs++) + " = g;";
      return ElementwiseKernelOf<T>("add_backward", text);
    }();
    kernel.read(a.output_gradient).set("ACTIVATION", static_cast<long>(node.activation));
    if (masked) kernel.read(a.output);
    for (int k = 0; k < node.input_count; ++k)
      if (writes(a, k, masked)) kernel.write(a.input_gradients[k], a.accumulate[k]);
    kernel.launch(commands, a.samples * node.output.size());
  }

 private:
  static bool writes(const BackwardArguments<T>& a, int k, bool masked) {
    if (a.input_gradients[k] == nullptr) return false;
    return masked || a.accumulate[k] || a.input_gradients[k] != a.output_gradient;
  }
};

}  // namespace mmdl::detail
