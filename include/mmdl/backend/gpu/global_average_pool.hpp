// SPDX-License-Identifier: Apache-2.0
// Mean over all pixels of a channel.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

inline constexpr const char* global_average_pool_text = R"cuda(
// Block (x, y): 32 channels from 32 y on of sample x, 8 pixels at a time.
extern "C" __global__ void __launch_bounds__(256) global_average_pool_forward(Arguments a) {
  __shared__ float shared[256];
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  const int c = blockIdx.y * 32 + lane;
  const Number* x = (const Number*)a.p[0] + (long long)blockIdx.x * PIXELS * CHANNELS;
  float sum = 0.0f;
  if (c < CHANNELS)
    for (int pixel = line; pixel < PIXELS; pixel += 8) sum += to_float(x[(long long)pixel * CHANNELS + c]);
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (line != 0 || c >= CHANNELS) return;
  for (int i = 1; i < 8; ++i) sum += shared[i * 32 + lane];
  put(((Number*)a.p[1])[(long long)blockIdx.x * CHANNELS + c], sum / (float)PIXELS);
}
extern "C" __global__ void __launch_bounds__(256) global_average_pool_backward(Arguments a) {
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const long long sample = i / ((long long)PIXELS * CHANNELS);
  const float dy = to_float(((const Number*)a.p[0])[sample * CHANNELS + i % CHANNELS]) * (1.0f / (float)PIXELS);
  Number& dx = ((Number*)a.p[1])[i];
  put(dx, ACCUMULATE ? to_float(dx) + dy : dy);
}
)cuda";

/// As the CPU's `CpuKernel<operators::GlobalAveragePool, T>`.
template <class T>
struct GpuKernel<operators::GlobalAveragePool, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = a.output;
    commands.launch(text("global_average_pool_forward", *a.node, false),
                    {static_cast<unsigned>(a.samples), blocks_for(a.node->input.channels, 32), 256}, k);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.output_gradient);
    k.p[1] = a.input_gradients[0];
    k.n[0] = a.samples * a.node->input.size();
    commands.launch(text("global_average_pool_backward", *a.node, a.accumulate[0]),
                    {blocks_for(static_cast<long>(k.n[0]), 256), 1, 256}, k);
  }

 private:
  static KernelText text(const char* name, const Node& node, bool accumulate) {
    KernelText text(name, global_average_pool_text);
    text.number<T>()
        .set("PIXELS", node.input.pixels())
        .set("CHANNELS", node.input.channels)
        .set("ACCUMULATE", accumulate ? 1 : 0);
    return text;
  }
};

}  // namespace mmdl::detail
