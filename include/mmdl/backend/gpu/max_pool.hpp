// SPDX-License-Identifier: Apache-2.0
// Maximum over a sliding window.
#pragma once

#include "elementwise.hpp"
#include "window.hpp"

namespace mmdl::detail {

// A thread has VECTOR channels of one place, 16 bytes where channels come in such portions.
inline constexpr const char* max_pool_forward_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) max_pool_forward(Arguments a) {
  const Number* x = (const Number*)a.p[0];
  Number* y = (Number*)a.p[1];
  const Index thread = (Index)blockIdx.x * 256 + threadIdx.x;
  if (thread >= (Index)a.n[0]) return;
  const int c = (int)(thread % (CHANNELS / VECTOR)) * VECTOR;
  const Index place = thread / (CHANNELS / VECTOR);
  const int ow = (int)(place % OUT_WIDTH), oh = (int)(place / OUT_WIDTH % OUT_HEIGHT);
  const long long sample = (long long)(place / (OUT_WIDTH * OUT_HEIGHT)) * IN_HEIGHT;
  float largest[VECTOR];
  for (int j = 0; j < VECTOR; ++j) largest[j] = LOWEST;
  bool first = true;
#pragma unroll
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int h = oh * STRIDE - PAD_TOP + u * DILATION;
    if (h < 0 || h >= IN_HEIGHT) continue;
#pragma unroll
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int w = ow * STRIDE - PAD_LEFT + v * DILATION;
      if (w < 0 || w >= IN_WIDTH) continue;
      const Lane lane = *(const Lane*)(x + ((sample + h) * IN_WIDTH + w) * CHANNELS + c);
#pragma unroll
      for (int j = 0; j < VECTOR; ++j) {
        const float value = to_float(lane.v[j]);
        if (first || value > largest[j] || value != value) largest[j] = value;
      }
      first = false;
    }
  }
  Lane result;
#pragma unroll
  for (int j = 0; j < VECTOR; ++j) put(result.v[j], largest[j]);
  *(Lane*)(y + (long long)thread * VECTOR) = result;
}
)cuda";

inline constexpr const char* max_pool_backward_text = R"cuda(
// Whether a number of the window takes the gradient from `value`: of equal ones the first has it, of NaNs the last.
__device__ __forceinline__ bool beats(float other, bool before, float value) {
  if (value != value) return !before && other != other;
  return before ? !(other < value) : !(other <= value);
}
// Each number of the input gathers from the windows over it whose maximum it is.
extern "C" __global__ void __launch_bounds__(256) max_pool_backward(Arguments a) {
  const Number* x = (const Number*)a.p[0];
  const Number* dy = (const Number*)a.p[1];
  Lane* dx = (Lane*)a.p[2];
  const Index thread = (Index)blockIdx.x * 256 + threadIdx.x;
  if (thread >= (Index)a.n[0]) return;
  const int c = (int)(thread % (CHANNELS / VECTOR)) * VECTOR;
  const Index place = thread / (CHANNELS / VECTOR);
  const int iw = (int)(place % IN_WIDTH), ih = (int)(place / IN_WIDTH % IN_HEIGHT);
  const long long n = (long long)(place / (IN_WIDTH * IN_HEIGHT)), sample = n * IN_HEIGHT;
  const Lane own = ((const Lane*)x)[thread];
  float sum[VECTOR] = {};
#pragma unroll
  for (int u = 0; u < KERNEL_HEIGHT; ++u) {
    const int top = ih + PAD_TOP - u * DILATION;
    if (top < 0 || top % STRIDE != 0 || top / STRIDE >= OUT_HEIGHT) continue;
#pragma unroll
    for (int v = 0; v < KERNEL_WIDTH; ++v) {
      const int left = iw + PAD_LEFT - v * DILATION;
      if (left < 0 || left % STRIDE != 0 || left / STRIDE >= OUT_WIDTH) continue;
      const int oh = top / STRIDE, ow = left / STRIDE;
      bool wins[VECTOR];
      for (int j = 0; j < VECTOR; ++j) wins[j] = true;
#pragma unroll
      for (int s = 0; s < KERNEL_HEIGHT; ++s) {
        const int h = ih + (s - u) * DILATION;
        if (h < 0 || h >= IN_HEIGHT) continue;
#pragma unroll
        for (int t = 0; t < KERNEL_WIDTH; ++t) {
          const int w = iw + (t - v) * DILATION;
          if (w < 0 || w >= IN_WIDTH || (s == u && t == v)) continue;
          const bool before = s < u || (s == u && t < v);
          const Lane other = *(const Lane*)(x + ((sample + h) * IN_WIDTH + w) * CHANNELS + c);
#pragma unroll
          for (int j = 0; j < VECTOR; ++j)
            if (beats(to_float(other.v[j]), before, to_float(own.v[j]))) wins[j] = false;
        }
      }
      const Lane gradient = *(const Lane*)(dy + ((n * OUT_HEIGHT + oh) * OUT_WIDTH + ow) * CHANNELS + c);
#pragma unroll
      for (int j = 0; j < VECTOR; ++j)
        if (wins[j]) sum[j] += to_float(gradient.v[j]);
    }
  }
  Lane result;
  if (ACCUMULATE) result = dx[thread];
#pragma unroll
  for (int j = 0; j < VECTOR; ++j) put(result.v[j], ACCUMULATE ? to_float(result.v[j]) + sum[j] : sum[j]);
  dx[thread] = result;
}
)cuda";

/// As the CPU's `CpuKernel<operators::MaxPool, T>`.
template <class T>
struct GpuKernel<operators::MaxPool, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    // A window of padding alone gives the lowest number.
    const std::string lowest =
        is_narrow<T> ? "#define LOWEST -3.3895314e38f\n" : "#define LOWEST -3.402823466e38f\n";
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = a.output;
    launch(commands, "max_pool_forward", lowest + max_pool_forward_text, *a.node,
           a.samples * a.node->output.size(), false, k);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    KernelArguments k;
    k.p[0] = const_cast<T*>(a.inputs[0]);
    k.p[1] = const_cast<T*>(a.output_gradient);
    k.p[2] = a.input_gradients[0];
    launch(commands, "max_pool_backward", max_pool_backward_text, *a.node, a.samples * a.node->input.size(),
           a.accumulate[0], k);
  }

 private:
  static void launch(GpuCommands& commands, const char* name, const std::string& body, const Node& node,
                     long count, bool accumulate, KernelArguments k) {
    constexpr long pack = 16 / static_cast<long>(sizeof(T));
    const long vector = node.output.channels % pack == 0 ? pack : 1;
    const long threads = count / vector;
    const std::string index = threads >> 31 > 0 ? "typedef long long Index;\n" : "typedef unsigned Index;\n";
    KernelText text(name,
                    index + "struct alignas(VECTOR * sizeof(Number)) Lane { Number v[VECTOR]; };\n" + body);
    set_window<T>(text, node).set("VECTOR", vector).set("ACCUMULATE", accumulate ? 1 : 0);
    k.n[0] = threads;
    commands.launch(text, {blocks_for(threads, 256), 1, 256}, k);
  }
};

}  // namespace mmdl::detail
