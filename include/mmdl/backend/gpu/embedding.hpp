// SPDX-License-Identifier: Apache-2.0
// A row of a table for each index.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

inline constexpr const char* embedding_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) embedding_forward(Arguments a) {
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const float index = ((const float*)a.p[0])[i / CHANNELS];
  const int row = (int)index;
  const bool valid = index >= 0.0f && index < (float)ROWS && index == (float)row;
  ((float*)a.p[2])[i] = valid ? ((const float*)a.p[1])[(long long)row * CHANNELS + i % CHANNELS]
                              : __uint_as_float(0x7fc00000u);
}
// Threads take channels, not indices: the order of each sum is that of the batch.
extern "C" __global__ void __launch_bounds__(256) embedding_backward(Arguments a) {
  const int c = blockIdx.x * 256 + threadIdx.x;
  if (c >= CHANNELS) return;
  const float* indices = (const float*)a.p[0];
  const float* dy = (const float*)a.p[1];
  float* gradient = (float*)a.p[2];
  for (long long i = 0; i < a.n[0]; ++i) {
    const float index = indices[i];
    if (index >= 0.0f && index < (float)ROWS) gradient[(long long)index * CHANNELS + c] += dy[i * CHANNELS + c];
  }
}
)cuda";

/// As the CPU's `CpuKernel<operators::Embedding, T>`, but that an index outside of the table gives NaN, which
/// fails a training step, where the CPU throws at once.
template <class T>
requires(!is_narrow<T>) struct GpuKernel<operators::Embedding, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const long count = a.samples * a.node->input.size() * a.node->output.channels;
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = const_cast<float*>(a.parameters[0]);
    k.p[2] = a.output;
    k.n[0] = count;
    commands.launch(text("embedding_forward", *a.node), {blocks_for(count, 256), 1, 256}, k);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const long indices = a.samples * a.node->input.size();
    if (a.input_gradients[0] != nullptr && !a.accumulate[0])  // an index has no slope
      commands.clear(a.input_gradients[0], static_cast<std::size_t>(indices) * sizeof(T));
    if (a.parameter_gradients[0] == nullptr) return;
    if (!a.accumulate_parameters)
      commands.clear(a.parameter_gradients[0],
                     static_cast<std::size_t>(a.parameter_sizes[0]) * sizeof(float));
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = const_cast<T*>(a.output_gradient);
    k.p[2] = a.parameter_gradients[0];
    k.n[0] = indices;
    commands.launch(text("embedding_backward", *a.node), {blocks_for(a.node->output.channels, 256), 1, 256},
                    k);
  }

 private:
  static KernelText text(const char* name, const Node& node) {
    KernelText text(name, embedding_text);
    text.set("CHANNELS", node.output.channels).set("ROWS", node.table_rows);
    return text;
  }
};

}  // namespace mmdl::detail
