// SPDX-License-Identifier: Apache-2.0
// Weights between the layout of the library and that of the device's products.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

/// One weight in the table that `pack_weights` works through; the same structure in the kernel's language.
struct PackingEntry {
  const float* weight = nullptr;
  void* packed = nullptr;
  /// What is added behind the product: the bias, or what comes of a batch norm that is folded in. A copy,
  /// because products want their operands at multiples of 16 bytes and parameters lie close together.
  float* shift = nullptr;
  const float *bias = nullptr, *gamma = nullptr, *beta = nullptr, *mean = nullptr, *variance = nullptr;
  long long rows = 0, columns = 0;
  long long first_tile = 0;  ///< tiles of 32 x 32 of all entries before it
  float epsilon = 0.0f;
  int transposed = 0;  ///< the weight lies as columns x rows already
};

inline constexpr const char* pack_weights_text = R"cuda(
struct Entry {
  const float* weight; void* packed; float* shift;
  const float* bias; const float* gamma; const float* beta; const float* mean; const float* variance;
  long long rows, columns, first_tile;
  float epsilon; int transposed;
};
__device__ __forceinline__ float scale_of(const Entry& e, long long column) {
  return e.gamma == 0 ? 1.0f : e.gamma[column] / sqrtf(e.variance[column] + e.epsilon);
}
// One tile of 32 x 32: read along the columns, written along the rows.
extern "C" __global__ void __launch_bounds__(256) pack_weights(Arguments a) {
  __shared__ float tile[32][33];
  const Entry* entries = (const Entry*)a.p[0];
  int low = 0, high = (int)a.n[0] - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (entries[middle].first_tile <= (long long)blockIdx.x) low = middle; else high = middle - 1;
  }
  const Entry e = entries[low];
  const long long place = (long long)blockIdx.x - e.first_tile, across = (e.columns + 31) / 32;
  const long long row0 = place / across * 32, column0 = place % across * 32;
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  Number* packed = (Number*)e.packed;
  if (e.transposed) {
    for (int i = line; i < 32; i += 8) {
      const long long column = column0 + i, row = row0 + lane;
      if (row < e.rows && column < e.columns)
        put(packed[column * e.rows + row], e.weight[column * e.rows + row] * scale_of(e, column));
    }
  } else {
    for (int i = line; i < 32; i += 8) {
      const long long row = row0 + i, column = column0 + lane;
      if (row < e.rows && column < e.columns) tile[i][lane] = e.weight[row * e.columns + column];
    }
    __syncthreads();
    for (int i = line; i < 32; i += 8) {
      const long long column = column0 + i, row = row0 + lane;
      if (row < e.rows && column < e.columns) put(packed[column * e.rows + row], tile[lane][i] * scale_of(e, column));
    }
  }
  if (e.shift != 0 && row0 == 0 && line == 0 && column0 + lane < e.columns) {
    const long long column = column0 + lane;
    const float bias = e.bias == 0 ? 0.0f : e.bias[column];
    e.shift[column] = e.gamma == 0 ? bias : e.beta[column] + (bias - e.mean[column]) * scale_of(e, column);
  }
}
)cuda";

inline constexpr const char* unpack_gradient_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) unpack_gradient(Arguments a) {
  __shared__ float tile[32][33];
  const Number* packed = (const Number*)a.p[0];
  float* to = (float*)a.p[1];
  const long long row0 = (long long)blockIdx.y * 32, column0 = (long long)blockIdx.x * 32;
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  for (int i = line; i < 32; i += 8) {
    const long long column = column0 + i, row = row0 + lane;
    if (row < ROWS && column < COLUMNS) tile[i][lane] = to_float(packed[column * ROWS + row]);
  }
  __syncthreads();
  for (int i = line; i < 32; i += 8) {
    const long long row = row0 + i, column = column0 + lane;
    if (row >= ROWS || column >= COLUMNS) continue;
    const float value = tile[lane][i];
    float& place = to[row * COLUMNS + column];
    place = ACCUMULATE ? place + value : value;
  }
}
)cuda";

inline constexpr const char* widen_gradient_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) widen_gradient(Arguments a) {
  const Number* packed = (const Number*)a.p[0];
  float* to = (float*)a.p[1];
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i >= a.n[0]) return;
  const float value = to_float(packed[i]);
  to[i] = ACCUMULATE ? to[i] + value : value;
}
)cuda";

/// The gradient of a weight, from the layout of the device's products (columns x rows) to the library's.
template <class T>
void unpack_gradient(GpuCommands& commands, const T* packed, const PackedWeight& layout, float* to,
                     bool accumulate) {
  KernelArguments arguments;
  arguments.p[0] = const_cast<T*>(packed);
  arguments.p[1] = to;
  if (layout.transposed) {  // both lie alike
    arguments.n[0] = layout.rows * layout.columns;
    KernelText text("widen_gradient", widen_gradient_text);
    text.number<T>().set("ACCUMULATE", accumulate ? 1 : 0);
    commands.launch(text, {blocks_for(layout.rows * layout.columns, 256), 1, 256}, arguments);
    return;
  }
  KernelText text("unpack_gradient", unpack_gradient_text);
  text.number<T>().set("ACCUMULATE", accumulate ? 1 : 0);
  text.set("ROWS", layout.rows).set("COLUMNS", layout.columns);
  commands.launch(text, {blocks_for(layout.columns, 32), blocks_for(layout.rows, 32), 256}, arguments);
}

}  // namespace mmdl::detail
