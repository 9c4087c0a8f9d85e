// SPDX-License-Identifier: Apache-2.0
// What the element-wise loops share: the hint to vectorise, and the lengths they are cut into.
#pragma once

// Placed before a loop whose iterations are independent. Where OpenMP is off the compiler decides for itself.
#ifdef _OPENMP
#  define MMDL_SIMD _Pragma("omp simd")
#elif defined(__GNUC__) && !defined(__clang__)
#  define MMDL_SIMD _Pragma("GCC ivdep")
#else
#  define MMDL_SIMD
#endif

namespace mmdl::detail {

inline constexpr long parallel_grain = 4096;  // numbers below which another thread does not pay
inline constexpr long chunk_length = 256;     // numbers of scratch that a loop keeps on the stack

}  // namespace mmdl::detail
