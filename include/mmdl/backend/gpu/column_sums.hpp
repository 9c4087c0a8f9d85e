// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of a matrix: the gradients of biases.
#pragma once

#include "row_sums.hpp"

namespace mmdl::detail {

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
  const auto [partial, parts] =
      RowSums<T>("column_sums", "", "        s0[j] += x0;", 1).read(x).launch(commands, rows, channels);
  KernelText combine("combine_sums", combine_sums_text);
  combine.set("CHANNELS", channels).set("ACCUMULATE", accumulate ? 1 : 0);
  KernelArguments second;
  second.p[0] = partial;
  second.p[1] = to;
  second.n[0] = parts;
  commands.launch(combine, {blocks_for(channels, 256), 1, 256}, second);
}

}  // namespace mmdl::detail
