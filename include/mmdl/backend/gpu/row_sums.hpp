// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of matrices, column by column: what batch norm and biases are made of.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernel.hpp"

namespace mmdl::detail {

/// For kernels that add up the parts of `RowSums`: 32 columns a block, 32 threads for each of them.
inline constexpr const char* sum_parts_text = R"cuda(
#define COLUMN ((int)(blockIdx.x * 32 + threadIdx.x % 32))
// The sums of this thread's column; all threads of a block take part, those of the first line get them.
__device__ __forceinline__ void sum_parts(const float* partial, int parts, double* sums) {
  __shared__ double shared[SUMS][32][32];
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  for (int s = 0; s < SUMS; ++s) sums[s] = 0.0;
  if (COLUMN < CHANNELS) {
#pragma unroll 8
    for (int part = line; part < parts; part += 32)
      for (int s = 0; s < SUMS; ++s) sums[s] += partial[((long long)part * SUMS + s) * CHANNELS + COLUMN];
  }
  for (int s = 0; s < SUMS; ++s) shared[s][line][lane] = sums[s];
  for (int half = 16; half > 0; half /= 2) {
    __syncthreads();
    if (line < half)
      for (int s = 0; s < SUMS; ++s) shared[s][line][lane] += shared[s][line + half][lane];
  }
  for (int s = 0; s < SUMS; ++s) sums[s] = shared[s][0][lane];
}
)cuda";
inline Grid sum_parts_grid(long channels) { return {static_cast<unsigned>((channels + 31) / 32), 1, 1024}; }

/// One or two sums over the rows, of what `body` adds to s0 and s1 for each number from the arrays' numbers
/// x0, x1, ...; `setup` runs once for each column c before and may define what `body` uses, as arrays of one
/// element per column: it is given the index j and sets `k0[j]` to `k3[j]`. Every thread treats 16 bytes of a
/// row where rows are whole multiples of that. The rows are divided into parts whose number depends on the
/// matrix alone, so sums do not depend on the device; a later kernel adds the parts up.
template <class T>
class RowSums {
 public:
  RowSums(std::string name, std::string setup, std::string body, int sums)
      : name_(std::move(name)), setup_(std::move(setup)), body_(std::move(body)), sums_(sums) {}

  RowSums& read(const T* data) {
    reads_.push_back(data);
    return *this;
  }
  /// A pointer that the texts find at a.p[EXTRA + i].
  RowSums& extra(const void* pointer) {
    extras_.push_back(pointer);
    return *this;
  }
  RowSums& set(std::string_view name, long value) {
    constants_.emplace_back(name, value);
    return *this;
  }

  /// Gives the partial sums, [part][sum][column], and how many parts there are.
  std::pair<float*, long> launch(GpuCommands& commands, long rows, long channels) {
    constexpr long pack = 16 / static_cast<long>(sizeof(T));
    const long vector = channels % pack == 0 ? pack : 1;
    long columns = 1;
    while (columns < 32 && columns * vector < channels) columns *= 2;
    const long blocks = (channels + columns * vector - 1) / (columns * vector);
    const long parts = std::clamp((rows + 63) / 64, 1L, std::max(32L, 512 / blocks));
    float* partial = commands.scratch<float>(parts * sums_ * channels);
    KernelText text(name_, source());
    text.template number<T>()
        .set("CHANNELS", channels)
        .set("VECTOR", vector)
        .set("COLUMNS", columns)
        .set("SUMS", sums_)
        .set("EXTRA", static_cast<long>(reads_.size()) + 1);
    for (const auto& [name, value] : constants_) text.set(name, value);
    KernelArguments k;
    int p = 0;
    k.p[p++] = partial;
    for (const T* data : reads_) k.p[p++] = const_cast<T*>(data);
    for (const void* pointer : extras_) k.p[p++] = const_cast<void*>(pointer);
    k.n[0] = rows;
    commands.launch(text, {static_cast<unsigned>(blocks), static_cast<unsigned>(parts), 256}, k);
    return {partial, parts};
  }

 private:
  std::string source() const {
    std::string loads, values;
    for (std::size_t i = 0; i < reads_.size(); ++i) {
      const std::string n = std::to_string(i);
      loads += "      const Lane r" + n + " = *(const Lane*)((const Number*)a.p[" + std::to_string(i + 1) +
               "] + row * CHANNELS + first);\n";
      values += "        const float x" + n + " = to_float(r" + n + ".v[j]);\n";
    }
    return "struct alignas(VECTOR * sizeof(Number)) Lane { Number v[VECTOR]; };\n"
           "extern \"C\" __global__ void __launch_bounds__(256) " +
           name_ +
           "(Arguments a) {\n"
           "  __shared__ float shared[SUMS][256 * VECTOR];\n"
           "  const long long rows = a.n[0], parts = gridDim.y, part = blockIdx.y;\n"
           "  const int column = threadIdx.x % COLUMNS, line = threadIdx.x / COLUMNS, lines = 256 / "
           "COLUMNS;\n"
           "  const int first = (blockIdx.x * COLUMNS + column) * VECTOR;\n"
           "  const long long begin = rows * part / parts, end = rows * (part + 1) / parts;\n"
           "  float s0[VECTOR] = {}, s1[VECTOR] = {}, k0[VECTOR], k1[VECTOR], k2[VECTOR];\n"
           "  (void)s1; (void)k0; (void)k1; (void)k2;\n"
           "  if (first < CHANNELS) {\n"
           "    for (int j = 0; j < VECTOR; ++j) { const int c = first + j; (void)c;\n" +
           setup_ +
           "\n    }\n"
           "#pragma unroll 4\n"
           "    for (long long row = begin + line; row < end; row += lines) {\n" +
           loads +
           "#pragma unroll\n"
           "      for (int j = 0; j < VECTOR; ++j) {\n" +
           values + body_ +
           "\n      }\n    }\n  }\n"
           "  for (int j = 0; j < VECTOR; ++j) {\n"
           "    shared[0][j * 256 + threadIdx.x] = s0[j];\n"
           "    if (SUMS > 1) shared[SUMS - 1][j * 256 + threadIdx.x] = s1[j];\n"
           "  }\n"
           "  __syncthreads();\n"
           "  float* partial = (float*)a.p[0] + part * SUMS * CHANNELS;\n"
           "  for (int at = threadIdx.x; at < SUMS * VECTOR * COLUMNS; at += 256) {\n"
           "    const int sum = at / (VECTOR * COLUMNS), j = at / COLUMNS % VECTOR, of = at % COLUMNS;\n"
           "    const int c = (blockIdx.x * COLUMNS + of) * VECTOR + j;\n"
           "    float total = 0.0f;\n"
           "    for (int i = 0; i < lines; ++i) total += shared[sum][j * 256 + i * COLUMNS + of];\n"
           "    if (c < CHANNELS) partial[sum * CHANNELS + c] = total;\n"
           "  }\n"
           "}\n";
  }

  std::string name_, setup_, body_;
  int sums_;
  std::vector<const T*> reads_;
  std::vector<const void*> extras_;
  std::vector<std::pair<std::string, long>> constants_;
};

}  // namespace mmdl::detail
