// SPDX-License-Identifier: Apache-2.0
// Mean over a sliding window.
#pragma once

#include "window.hpp"

namespace mmdl::detail {

inline constexpr const char* average_pool_text = R"cuda(
// The places of a window along one axis that lie in the input are [begin, end).
__device__ __forceinline__ float reciprocal(int oh, int ow) {
  const int top = oh * STRIDE - PAD_TOP, left = ow * STRIDE - PAD_LEFT;
  const int h0 = COUNT_PADDING || top > 0 ? top : 0, w0 = COUNT_PADDING || left > 0 ? left : 0;
  const int bottom = top + KERNEL_HEIGHT, right = left + KERNEL_WIDTH;
  const int last_row = COUNT_PADDING ? IN_HEIGHT + PAD_BOTTOM : IN_HEIGHT;
  const int last_column = COUNT_PADDING ? IN_WIDTH + PAD_RIGHT : IN_WIDTH;
  const int rows = (bottom < last_row ? bottom : last_row) - h0, columns = (right < last_column ? right : last_column) - w0;
  return rows > 0 && columns > 0 ? 1.0f / ((float)rows * (float)columns) : 0.0f;
}
extern "C" __global__ void __launch_bounds__(256) average_pool_forward(Arguments a) {
  const Number* x = (const Number*)a.p[0];
  Number* y = (Number*)a.p[1];
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const int c = (int)(i % CHANNELS);
  const long long place = i / CHANNELS;
  const int ow = (int)(place % OUT_WIDTH), oh = (int)(place / OUT_WIDTH % OUT_HEIGHT);
  const long long sample = place / (OUT_WIDTH * OUT_HEIGHT) * IN_HEIGHT;
  float sum = 0.0f;
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int h = oh * STRIDE - PAD_TOP + u;
    if (h < 0 || h >= IN_HEIGHT) continue;
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int w = ow * STRIDE - PAD_LEFT + v;
      if (w >= 0 && w < IN_WIDTH) sum += to_float(x[((sample + h) * IN_WIDTH + w) * CHANNELS + c]);
    }
  }
  put(y[i], sum * reciprocal(oh, ow));
}
extern "C" __global__ void __launch_bounds__(256) average_pool_backward(Arguments a) {
  const Number* dy = (const Number*)a.p[0];
  Number* dx = (Number*)a.p[1];
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const int c = (int)(i % CHANNELS);
  const long long place = i / CHANNELS;
  const int iw = (int)(place % IN_WIDTH), ih = (int)(place / IN_WIDTH % IN_HEIGHT);
  const long long sample = place / (IN_WIDTH * IN_HEIGHT) * OUT_HEIGHT;
  float sum = 0.0f;
  for (int u = KERNEL_HEIGHT - 1; u >= 0; --u) {
    const int top = ih + PAD_TOP - u;
    if (top < 0 || top % STRIDE != 0 || top / STRIDE >= OUT_HEIGHT) continue;
    for (int v = KERNEL_WIDTH - 1; v >= 0; --v) {
      const int left = iw + PAD_LEFT - v;
      if (left < 0 || left % STRIDE != 0 || left / STRIDE >= OUT_WIDTH) continue;
      const int oh = top / STRIDE, ow = left / STRIDE;
      sum += to_float(dy[((sample + oh) * OUT_WIDTH + ow) * CHANNELS + c]) * reciprocal(oh, ow);
    }
  }
  put(dx[i], ACCUMULATE ? to_float(dx[i]) + sum : sum);
}
)cuda";

/// As the CPU's `CpuKernel<operators::AveragePool, T>`.
template <class T>
struct GpuKernel<operators::AveragePool, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = a.output;
    k.n[0] = a.samples * a.node->output.size();
    record(commands, "average_pool_forward", *a.node, false, k);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.output_gradient);
    k.p[1] = a.input_gradients[0];
    k.n[0] = a.samples * a.node->input.size();
    record(commands, "average_pool_backward", *a.node, a.accumulate[0], k);
  }

 private:
  static void record(GpuCommands& commands, const char* name, const Node& node, bool accumulate,
                     const KernelArguments& k) {
    KernelText text(name, average_pool_text);
    set_window<T>(text, node)
        .set("COUNT_PADDING", node.count_padding ? 1 : 0)
        .set("ACCUMULATE", accumulate ? 1 : 0);
    commands.launch(text, {blocks_for(static_cast<long>(k.n[0]), 256), 1, 256}, k);
  }
};

}  // namespace mmdl::detail
