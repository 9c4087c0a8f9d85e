// SPDX-License-Identifier: Apache-2.0
// The sources of the GPU's small kernels, made for the shapes of one node.
#pragma once

#include <string>
#include <string_view>

#include "../../core/bfloat16.hpp"

namespace mmdl::detail {

/// What every kernel finds before its own text. CUDA's C++ without any header, so that the compiler in a
/// driver's company (NVRTC) needs no toolkit beside it.
inline constexpr std::string_view kernel_prelude = R"cuda(
typedef unsigned short Bits16;
typedef unsigned int Bits32;
typedef unsigned long long Bits64;
struct Arguments { void* p[24]; long long n[8]; float f[8]; };
struct BFloat16 { Bits16 bits; };

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(BFloat16 x) { return __uint_as_float((Bits32)x.bits << 16); }
__device__ __forceinline__ void put(float& to, float x) { to = x; }
__device__ __forceinline__ void put(BFloat16& to, float x) {
  const Bits32 all = __float_as_uint(x);
  const Bits32 nearest = all + 0x7fffu + (all >> 16 & 1u);
  to.bits = (Bits16)((x != x ? all | 0x400000u : nearest) >> 16);
}

#define NONE 0
#define RELU 1
#define RELU6 2
#define SIGMOID 3
#define TANH 4
// Comparisons let a NaN pass.
template <int A> __device__ __forceinline__ float activate(float x) {
  if (A == RELU) return 0.0f > x ? 0.0f : x;
  if (A == RELU6) { const float y = 0.0f > x ? 0.0f : x; return 6.0f < y ? 6.0f : y; }
  if (A == SIGMOID) { const float e = expf(-fabsf(x)); return (x >= 0.0f ? 1.0f : e) / (1.0f + e); }
  if (A == TANH) return tanhf(x);
  return x;
}
// From the output y.
template <int A> __device__ __forceinline__ float activation_gradient(float y, float dy) {
  if (A == RELU) return y > 0.0f ? dy : 0.0f;
  if (A == RELU6) return y > 0.0f && y < 6.0f ? dy : 0.0f;
  if (A == SIGMOID) return dy * (y * (1.0f - y));
  if (A == TANH) return dy * (1.0f - y * y);
  return dy;
}

// Philox 4x32-10: four words of the counter (index, stream) under the key seed.
struct FourWords { Bits32 w[4]; };
__device__ __forceinline__ FourWords random_bits(Bits64 seed, Bits64 stream, Bits64 index) {
  Bits32 k0 = (Bits32)seed, k1 = (Bits32)(seed >> 32);
  FourWords c = {{(Bits32)index, (Bits32)(index >> 32), (Bits32)stream, (Bits32)(stream >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const Bits64 p0 = 0xD2511F53ull * c.w[0], p1 = 0xCD9E8D57ull * c.w[2];
    const FourWords d = {{(Bits32)(p1 >> 32) ^ c.w[1] ^ k0, (Bits32)p1, (Bits32)(p0 >> 32) ^ c.w[3] ^ k1, (Bits32)p0}};
    c = d;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// The sum over the block's threads, in an order that does not change; the same in all of them.
template <int THREADS> __device__ __forceinline__ float block_sum(float x, float* shared) {
  shared[threadIdx.x] = x;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  const float sum = shared[0];
  __syncthreads();
  return sum;
}
template <int THREADS> __device__ __forceinline__ float block_maximum(float x, float* shared) {
  shared[threadIdx.x] = x;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      const float other = shared[threadIdx.x + half];
      if (other > shared[threadIdx.x]) shared[threadIdx.x] = other;
    }
    __syncthreads();
  }
  const float maximum = shared[0];
  __syncthreads();
  return maximum;
}
)cuda";

/// The source of one kernel. Its function is `extern "C" __global__ void <name>(Arguments a)`.
class KernelText {
 public:
  /// `body` is the kernel's own text; constants and the number type are set before it.
  KernelText(std::string name, std::string body) : name_(std::move(name)), body_(std::move(body)) {}

  /// An integer that the body may use by its name.
  KernelText& set(std::string_view name, long value) {
    constants_ += "#define " + std::string(name) + " (" + std::to_string(value) + ")\n";
    return *this;
  }
  /// The type of values: `Number`, and `Pack` of PACK of them, 16 bytes.
  template <class T>
  KernelText& number() {
    constants_ += is_narrow<T> ? "typedef BFloat16 Number;\n#define PACK 8\n"
                               : "typedef float Number;\n#define PACK 4\n";
    constants_ += "struct alignas(16) Pack { Number v[PACK]; };\n";
    return *this;
  }

  const std::string& name() const { return name_; }
  std::string source() const { return std::string(kernel_prelude) + constants_ + body_; }

 private:
  std::string name_, body_, constants_;
};

}  // namespace mmdl::detail
