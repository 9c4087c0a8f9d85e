// SPDX-License-Identifier: Apache-2.0
// One step, or some channels, of a sequence; a vector at every step of one.
#pragma once

#include "copy_block.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Slice, T>`.
template <class T>
struct GpuKernel<operators::Slice, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = node.output.pixels(), channels = node.output.channels;
    copy_block(commands, a.inputs[0], whole(node), a.output, {0, channels, rows}, a.samples, rows, channels,
               false);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    if (a.input_gradients[0] == nullptr) return;
    const long rows = node.output.pixels(), channels = node.output.channels;
    if (!a.accumulate[0])
      commands.clear(a.input_gradients[0],
                     static_cast<std::size_t>(a.samples * node.input.size()) * sizeof(T));
    copy_block(commands, a.output_gradient, {0, channels, rows}, a.input_gradients[0], whole(node), a.samples,
               rows, channels, true);
  }

 private:
  static BlockLayout whole(const Node& node) {
    return {static_cast<long>(node.first_row) * node.input.channels + node.first_channel, node.input.channels,
            node.input.pixels()};
  }
};

inline constexpr const char* over_steps_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) over_steps_forward(Arguments a) {
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i < a.n[0]) ((Number*)a.p[1])[i] = ((const Number*)a.p[0])[i / ((long long)ROWS * CHANNELS) * CHANNELS + i % CHANNELS];
}
extern "C" __global__ void __launch_bounds__(256) over_steps_backward(Arguments a) {
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const Number* dy = (const Number*)a.p[0] + i / CHANNELS * ROWS * CHANNELS + i % CHANNELS;
  float sum = 0.0f;
  for (int row = 0; row < ROWS; ++row) sum += to_float(dy[(long long)row * CHANNELS]);
  Number& dx = ((Number*)a.p[1])[i];
  put(dx, ACCUMULATE ? to_float(dx) + sum : sum);
}
)cuda";

/// As the CPU's `CpuKernel<operators::OverSteps, T>`.
template <class T>
struct GpuKernel<operators::OverSteps, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    record(commands, "over_steps_forward", *a.node, a.inputs[0], a.output, a.samples * a.node->output.size(),
           false);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    record(commands, "over_steps_backward", *a.node, a.output_gradient, a.input_gradients[0],
           1L * a.samples * a.node->output.channels, a.accumulate[0]);
  }

 private:
  static void record(GpuCommands& commands, const char* name, const Node& node, const T* from, T* to,
                     long count, bool accumulate) {
    KernelText text(name, over_steps_text);
    text.number<T>()
        .set("ROWS", node.output.pixels())
        .set("CHANNELS", node.output.channels)
        .set("ACCUMULATE", accumulate ? 1 : 0);
    KernelArguments k;
    k.p[0] = const_cast<T*>(from);
    k.p[1] = to;
    k.n[0] = count;
    commands.launch(text, {blocks_for(count, 256), 1, 256}, k);
  }
};

}  // namespace mmdl::detail
