// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of a matrix: the gradients of biases.
#pragma once

#include <algorithm>

#include "kernel.hpp"

namespace mmdl::detail {

/// How many parts the rows of a reduction are divided into: some blocks for every processor of a large
/// device, and a number that depends on nothing but the rows, so that sums do not depend on the device.
inline long row_parts(long rows) { return std::clamp((rows + 63) / 64, 1L, 256L); }

inline constexpr const char* column_sums_text = R"cuda(
// Block (x, y): 32 channels from 32 x on, part y of the rows; 8 rows at a time.
extern "C" __global__ void __launch_bounds__(256) column_sums(Arguments a) {
  __shared__ float shared[256];
  const Number* x = (const Number*)a.p[0];
  float* partial = (float*)a.p[1];
  const long long rows = a.n[0], parts = gridDim.y, part = blockIdx.y;
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  const int c = blockIdx.x * 32 + lane;
  const long long begin = rows * part / parts, end = rows * (part + 1) / parts;
  float sum = 0.0f;
  if (c < CHANNELS)
    for (long long row = begin + line; row < end; row += 8) sum += to_float(x[row * CHANNELS + c]);
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (line == 0 && c < CHANNELS) {
    for (int i = 1; i < 8; ++i) sum += shared[i * 32 + lane];
    partial[part * CHANNELS + c] = sum;
  }
}
)cuda";

inline constexpr const char* combine_sums_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) combine_sums(Arguments a) {
  const float* partial = (const float*)a.p[0];
  float* to = (float*)a.p[1];
  const int c = blockIdx.x * 256 + threadIdx.x;
  if (c >= CHANNELS) return;
  double sum = 0.0;
  for (long long part = 0; part < a.n[0]; ++part) sum += partial[part * CHANNELS + c];
  to[c] = ACCUMULATE ? (float)(to[c] + sum) : (float)sum;
}
)cuda";

/// to[c] = sum over rows of x[row][c], or added to it.
template <class T>
void gpu_column_sums(GpuCommands& commands, const T* x, long rows, long channels, float* to,
                     bool accumulate) {
  const long parts = row_parts(rows);
  float* partial = commands.scratch<float>(parts * channels);
  KernelText sums("column_sums", column_sums_text);
  sums.number<T>().set("CHANNELS", channels);
  KernelArguments first;
  first.p[0] = const_cast<T*>(x);
  first.p[1] = partial;
  first.n[0] = rows;
  commands.launch(sums, {blocks_for(channels, 32), static_cast<unsigned>(parts), 256}, first);
  KernelText combine("combine_sums", combine_sums_text);
  combine.set("CHANNELS", channels).set("ACCUMULATE", accumulate ? 1 : 0);
  KernelArguments second;
  second.p[0] = partial;
  second.p[1] = to;
  second.n[0] = parts;
  commands.launch(combine, {blocks_for(channels, 256), 1, 256}, second);
}

}  // namespace mmdl::detail
