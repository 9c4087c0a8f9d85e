// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of a matrix: the gradients of biases.
#pragma once

#include "row_sums.hpp"

namespace mmdl::detail {

inline constexpr const char* combine_sums_text = R"cuda(
extern "C" __global__ void __launch_bounds__(1024) combine_sums(Arguments a) {
  double sum[1];
  sum_parts((const float*)a.p[0], (int)a.n[0], sum);
  if (threadIdx.x >= 32 || COLUMN >= CHANNELS) return;
  float& to = ((float*)a.p[1])[COLUMN];
  to = ACCUMULATE ? (float)(to + sum[0]) : (float)sum[0];
}
)cuda";

/// to[c] = sum over rows of x[row][c], or added to it.
template <class T>
void gpu_column_sums(GpuCommands& commands, const T* x, long rows, long channels, float* to,
                     bool accumulate) {
  const auto [partial, parts] =
      RowSums<T>("column_sums", "", "        s0[j] += x0;", 1).read(x).launch(commands, rows, channels);
  KernelText combine("combine_sums", std::string(sum_parts_text) + combine_sums_text);
  combine.set("CHANNELS", channels).set("SUMS", 1).set("ACCUMULATE", accumulate ? 1 : 0);
  KernelArguments second;
  second.p[0] = partial;
  second.p[1] = to;
  second.n[0] = parts;
  commands.launch(combine, sum_parts_grid(channels), second);
}

}  // namespace mmdl::detail
