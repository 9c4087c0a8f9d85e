// SPDX-License-Identifier: Apache-2.0
// Softmax over the channels.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

inline constexpr const char* softmax_text = R"cuda(
// One block a pixel.
extern "C" __global__ void __launch_bounds__(128) softmax_forward(Arguments a) {
  __shared__ float shared[128];
  const Number* x = (const Number*)a.p[0] + (long long)blockIdx.x * CHANNELS;
  Number* y = (Number*)a.p[1] + (long long)blockIdx.x * CHANNELS;
  float largest = to_float(x[0]);
  for (int c = threadIdx.x; c < CHANNELS; c += 128) {
    const float v = to_float(x[c]);
    if (v > largest) largest = v;
  }
  largest = block_maximum<128>(largest, shared);
  float sum = 0.0f;
  for (int c = threadIdx.x; c < CHANNELS; c += 128) sum += expf(to_float(x[c]) - largest);
  sum = block_sum<128>(sum, shared);
  for (int c = threadIdx.x; c < CHANNELS; c += 128) put(y[c], expf(to_float(x[c]) - largest) / sum);
}
extern "C" __global__ void __launch_bounds__(128) softmax_backward(Arguments a) {
  __shared__ float shared[128];
  const Number* y = (const Number*)a.p[0] + (long long)blockIdx.x * CHANNELS;
  const Number* dy = (const Number*)a.p[1] + (long long)blockIdx.x * CHANNELS;
  Number* dx = (Number*)a.p[2] + (long long)blockIdx.x * CHANNELS;
  float mean = 0.0f;
  for (int c = threadIdx.x; c < CHANNELS; c += 128) mean += to_float(y[c]) * to_float(dy[c]);
  mean = block_sum<128>(mean, shared);
  for (int c = threadIdx.x; c < CHANNELS; c += 128) {
    const float gradient = to_float(y[c]) * (to_float(dy[c]) - mean);
    put(dx[c], ACCUMULATE ? to_float(dx[c]) + gradient : gradient);
  }
}
)cuda";

/// As the CPU's `CpuKernel<operators::Softmax, T>`.
template <class T>
struct GpuKernel<operators::Softmax, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = a.output;
    record(commands, "softmax_forward", *a.node, a.samples, false, k);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.output);
    k.p[1] = const_cast<T*>(a.output_gradient);
    k.p[2] = a.input_gradients[0];
    record(commands, "softmax_backward", *a.node, a.samples, a.accumulate[0], k);
  }

 private:
  static void record(GpuCommands& commands, const char* name, const Node& node, int samples, bool accumulate,
                     const KernelArguments& k) {
    KernelText text(name, softmax_text);
    text.number<T>().set("CHANNELS", node.output.channels).set("ACCUMULATE", accumulate ? 1 : 0);
    commands.launch(text, {static_cast<unsigned>(samples * node.output.pixels()), 1, 128}, k);
  }
};

}  // namespace mmdl::detail
