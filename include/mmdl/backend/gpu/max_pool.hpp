// SPDX-License-Identifier: Apache-2.0
// Maximum over a sliding window.
#pragma once

#include "elementwise.hpp"
#include "window.hpp"

namespace mmdl::detail {

inline constexpr const char* max_pool_forward_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) max_pool_forward(Arguments a) {
  const Number* x = (const Number*)a.p[0];
  Number* y = (Number*)a.p[1];
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const int c = (int)(i % CHANNELS);
  const long long place = i / CHANNELS;
  const int ow = (int)(place % OUT_WIDTH), oh = (int)(place / OUT_WIDTH % OUT_HEIGHT);
  const long long sample = place / (OUT_WIDTH * OUT_HEIGHT) * IN_HEIGHT;
  float largest = LOWEST;
  bool first = true;
#pragma unroll
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int h = oh * STRIDE - PAD_TOP + u * DILATION;
    if (h < 0 || h >= IN_HEIGHT) continue;
#pragma unroll
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int w = ow * STRIDE - PAD_LEFT + v * DILATION;
      if (w < 0 || w >= IN_WIDTH) continue;
      const float value = to_float(x[((sample + h) * IN_WIDTH + w) * CHANNELS + c]);
      if (first || value > largest || value != value) largest = value;
      first = false;
    }
  }
  put(y[i], largest);
}
)cuda";

inline constexpr const char* max_pool_backward_text = R"cuda(
// Each number of the input gathers from the windows over it whose first maximum it is.
__device__ __forceinline__ bool is_first_maximum(const Number* x, float value, long long sample, int oh, int ow, int ih,
                                                 int iw, int c) {
  bool before = true;
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int h = oh * STRIDE - PAD_TOP + u * DILATION;
    if (h < 0 || h >= IN_HEIGHT) continue;
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int w = ow * STRIDE - PAD_LEFT + v * DILATION;
      if (w < 0 || w >= IN_WIDTH) continue;
      if (h == ih && w == iw) { before = false; continue; }
      const float other = to_float(x[((sample + h) * IN_WIDTH + w) * CHANNELS + c]);
      if (before ? !(other < value) : !(other <= value)) return false;
    }
  }
  return true;
}
extern "C" __global__ void __launch_bounds__(256) max_pool_backward(Arguments a) {
  const Number* x = (const Number*)a.p[0];
  const Number* dy = (const Number*)a.p[1];
  Number* dx = (Number*)a.p[2];
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const int c = (int)(i % CHANNELS);
  const long long place = i / CHANNELS;
  const int iw = (int)(place % IN_WIDTH), ih = (int)(place / IN_WIDTH % IN_HEIGHT);
  const long long n = place / (IN_WIDTH * IN_HEIGHT), sample = n * IN_HEIGHT;
  const float value = to_float(x[i]);
  float sum = 0.0f;
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int top = ih + PAD_TOP - u * DILATION;
    if (top < 0 || top % STRIDE != 0 || top / STRIDE >= OUT_HEIGHT) continue;
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int left = iw + PAD_LEFT - v * DILATION;
      if (left < 0 || left % STRIDE != 0 || left / STRIDE >= OUT_WIDTH) continue;
      const int oh = top / STRIDE, ow = left / STRIDE;
      const long long at = ((n * OUT_HEIGHT + oh) * OUT_WIDTH + ow) * CHANNELS + c;
      if (is_first_maximum(x, value, sample, oh, ow, ih, iw, c)) sum += to_float(dy[at]);
    }
  }
  put(dx[i], ACCUMULATE ? to_float(dx[i]) + sum : sum);
}
)cuda";

/// As the CPU's `CpuKernel<operators::MaxPool, T>`.
template <class T>
struct GpuKernel<operators::MaxPool, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    // A window of padding alone gives the lowest number.
    std::string body = max_pool_forward_text;
    KernelText text(
        "max_pool_forward",
        (is_narrow<T> ? "#define LOWEST -3.3895314e38f\n" : "#define LOWEST -3.402823466e38f\n") + body);
    set_window<T>(text, *a.node);
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = a.output;
    k.n[0] = a.samples * a.node->output.size();
    commands.launch(text, {blocks_for(static_cast<long>(k.n[0]), 256), 1, 256}, k);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    KernelText text("max_pool_backward", max_pool_backward_text);
    set_window<T>(text, *a.node).set("ACCUMULATE", a.accumulate[0] ? 1 : 0);
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = const_cast<T*>(a.output_gradient);
    k.p[2] = a.input_gradients[0];
    k.n[0] = a.samples * a.node->input.size();
    commands.launch(text, {blocks_for(static_cast<long>(k.n[0]), 256), 1, 256}, k);
  }
};

}  // namespace mmdl::detail
