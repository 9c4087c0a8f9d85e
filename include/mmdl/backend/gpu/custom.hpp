// SPDX-License-Identifier: Apache-2.0
// A user's element-wise layer, from two expressions.
#pragma once

#include "../../layers/custom.hpp"
#include "elementwise.hpp"

namespace mmdl::detail {

/// Whether an element-wise layer says its expressions for the GPU.
template <class User>
concept SaysGpuExpressions = requires {
  std::string_view(User::gpu_forward);
  std::string_view(User::gpu_backward);
};

/// y = gpu_forward of x, and dx = gpu_backward of x, y and dy: expressions in C, of floats.
template <class User, class T>
requires SaysGpuExpressions<User>
struct GpuKernel<operators::Elementwise<User>, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    ElementwiseKernelOf<T>("custom_forward",
                           "const float x = x0; y0 = (" + std::string(User::gpu_forward) + ");")
        .read(a.inputs[0])
        .write(a.output)
        .launch(commands, a.samples * a.node->output.size());
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    ElementwiseKernelOf<T>("custom_backward",
                           "const float x = x0, y = x1, dy = x2; (void)x; (void)y; y0 = (" +
                               std::string(User::gpu_backward) + ");")
        .read(a.inputs[0])
        .read(a.output)
        .read(a.output_gradient)
        .write(a.input_gradients[0], a.accumulate[0])
        .launch(commands, a.samples * a.node->output.size());
  }
};

}  // namespace mmdl::detail
