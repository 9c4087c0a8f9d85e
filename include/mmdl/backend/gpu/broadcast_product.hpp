// SPDX-License-Identifier: Apache-2.0
// A map times a factor that is the same for all its channels, or for all its pixels.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

inline constexpr const char* factor_gradient_text = R"cuda(
// One block for each number of the factor: the sum of x * dy over the numbers that it multiplied.
extern "C" __global__ void __launch_bounds__(256) factor_gradient(Arguments a) {
  __shared__ float shared[256];
  const Number* x = (const Number*)a.p[0];
  const Number* dy = (const Number*)a.p[1];
  Number& to = ((Number*)a.p[2])[blockIdx.x];
  const long long sample = blockIdx.x / FACTORS, place = blockIdx.x % FACTORS;
  const long long first = sample * PIXELS * CHANNELS +
                          (PER_CHANNEL ? place : FACTORS == 1 ? 0 : place * CHANNELS);
  const int count = PER_CHANNEL ? PIXELS : FACTORS == 1 ? PIXELS * CHANNELS : CHANNELS;
  const int step = PER_CHANNEL ? CHANNELS : 1;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < count; i += 256) {
    const long long at = first + (long long)i * step;
    sum += to_float(x[at]) * to_float(dy[at]);
  }
  sum = block_sum<256>(sum, shared);
  if (threadIdx.x == 0) put(to, ACCUMULATE ? to_float(to) + sum : sum);
}
)cuda";

/// As the CPU's `CpuKernel<operators::BroadcastProduct, T>`.
template <class T>
struct GpuKernel<operators::BroadcastProduct, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    multiply(commands, "broadcast_product_forward", *a.node, a.extents[1], a.samples, a.inputs[0],
             a.inputs[1], a.output, false);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    // The factor's gradient first, since that of x may lie in the array of dy.
    if (a.input_gradients[1] != nullptr) {
      KernelText text("factor_gradient", factor_gradient_text);
      text.number<T>()
          .set("FACTORS", a.extents[1].size())
          .set("PER_CHANNEL", a.extents[1].channels > 1 ? 1 : 0)
          .set("PIXELS", node.output.pixels())
          .set("CHANNELS", node.output.channels)
          .set("ACCUMULATE", a.accumulate[1] ? 1 : 0);
      KernelArguments k;
      k.p[0] = const_cast<T*>(a.inputs[0]);
      k.p[1] = const_cast<T*>(a.output_gradient);
      k.p[2] = a.input_gradients[1];
      commands.launch(text, {static_cast<unsigned>(a.samples * a.extents[1].size()), 1, 256}, k);
    }
    if (a.input_gradients[0] != nullptr)
      multiply(commands, "broadcast_product_backward", node, a.extents[1], a.samples, a.output_gradient,
               a.inputs[1], a.input_gradients[0], a.accumulate[0]);
  }

 private:
  static void multiply(GpuCommands& commands, const char* name, const Node& node, Extent factor, int samples,
                       const T* x, const T* factors, T* to, bool accumulate) {
    const long size = node.output.size();
    ElementwiseKernelOf<T>(
        name,
        "const long long sample = i / SIZE, place = i % SIZE;\n"
        "const long long at = sample * FACTORS + (PER_CHANNEL ? place % CHANNELS : FACTORS == 1 ? 0 : "
        "place / CHANNELS);\n"
        "y0 = x0 * to_float(((const Number*)a.p[EXTRA])[at]);")
        .read(x)
        .write(to, accumulate)
        .extra(factors)
        .set("SIZE", size)
        .set("FACTORS", factor.size())
        .set("PER_CHANNEL", factor.channels > 1 ? 1 : 0)
        .set("CHANNELS", node.output.channels)
        .launch(commands, samples * size);
  }
};

}  // namespace mmdl::detail
