// SPDX-License-Identifier: Apache-2.0
// The arithmetic that this machine reaches on registers alone: the ceiling that rates are compared with.
// Prints a line for each number type: "float32 <GFLOP/s>", "bf16 <GFLOP/s>" (products of bf16, sums in
// float32, by the fastest way that the program was compiled for: float32's arithmetic is one of them), on
// OMP_NUM_THREADS threads. Usage: peak [seconds for each (1)]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "mmdl/backend/cpu/tile_unit.hpp"
#include "mmdl/backend/cpu/vector.hpp"
#include "mmdl/core/threads.hpp"

#if defined(__AVX512BF16__)
#  include <immintrin.h>
#endif

namespace {

using Vector = mmdl::detail::Simd<float>;
// Independent, so many that the latency of one is covered by the others (a core begins two in each of its
// four cycles); all fit the registers, and the compiler unrolls the loop over them (of more than 16 it does
// not).
constexpr int sums = 12;
constexpr long steps = 200000;  // of a call, about a millisecond

/// Keeps the compiler from working a value out, or from dropping it.
inline void opaque(Vector& value) { asm volatile("" : "+v"(value)); }

/// Floating-point operations of one call: every sum takes a multiply-add of a whole vector in each step.
double multiply_add() {
  Vector sum[sums] = {}, factor = Vector{} + 0.999f, term = Vector{} + 0.001f;
  opaque(factor);
  opaque(term);
  for (long step = 0; step < steps; ++step) {
    MMDL_UNROLL
    for (int i = 0; i < sums; ++i) {
      sum[i] = sum[i] * factor + term;
      opaque(sum[i]);
    }
  }
  return 2.0 * static_cast<double>(steps * sums * mmdl::detail::simd_width<float>);
}

#if defined(MMDL_TILE_UNIT_OF_THE_CPU)
double tile_product() {
  mmdl::detail::TileUnit::configure();  // all tiles are zero then: of any numbers the product takes the same
                                        // time
  constexpr long products = steps / 20;
  for (long step = 0; step < products; ++step)
    asm volatile(
        "tdpbf16ps %tmm6, %tmm4, %tmm0\n\ttdpbf16ps %tmm7, %tmm4, %tmm1\n\t"
        "tdpbf16ps %tmm6, %tmm5, %tmm2\n\ttdpbf16ps %tmm7, %tmm5, %tmm3");
  mmdl::detail::TileUnit::release();
  return 4.0 * static_cast<double>(products) * 2.0 * 16 * 16 * 32;
}
#endif

#if defined(__AVX512BF16__)
double dot_product() {
  Vector sum[sums] = {};
  __m512bh a, b;  // zeros: of any numbers the product takes the same time
  asm volatile("vpxorq %0, %0, %0" : "=v"(a));
  asm volatile("vpxorq %0, %0, %0" : "=v"(b));
  for (long step = 0; step < steps; ++step) {
    MMDL_UNROLL
    for (int i = 0; i < sums; ++i) asm volatile("vdpbf16ps %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b));
  }
  return 4.0 * static_cast<double>(steps * sums * mmdl::detail::simd_width<float>);
}
#endif

/// GFLOP/s of `call` on all threads: the best of parts of 10 ms, as others' work on the machine only takes
/// away.
template <class Call>
double rate(const Call& call, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::vector<double> of_thread(static_cast<std::size_t>(mmdl::thread_count()));
  double best = 0.0;
  for (const auto begin = Clock::now(); best == 0.0 || since(begin) < seconds;) {
    double operations = 0.0, elapsed = 0.0;
    const auto start = Clock::now();
    do {
      mmdl::detail::parallel([&](int thread, int) {
        double& mine = of_thread[static_cast<std::size_t>(thread)];
        mine = 0.0;
        for (int i = 0; i < 4; ++i) mine += call();
      });
      for (const double done : of_thread) operations += done;
      elapsed = since(start);
    } while (elapsed < 0.01);
    best = std::max(best, operations / elapsed);
  }
  return best * 1e-9;
}

}  // namespace

int main(int count, char** words) {
  const double seconds = count > 1 ? std::atof(words[1]) : 1.0;
  const double of_floats = rate(multiply_add, seconds);
  double of_narrow = of_floats;
#if defined(__AVX512BF16__)
  of_narrow = std::max(of_narrow, rate(dot_product, seconds));
#endif
#if defined(MMDL_TILE_UNIT_OF_THE_CPU)
  if (mmdl::detail::TileUnit::available()) of_narrow = std::max(of_narrow, rate(tile_product, seconds));
#endif
  std::printf("float32 %.1f\nbf16 %.1f\n", of_floats, of_narrow);
  return 0;
}
