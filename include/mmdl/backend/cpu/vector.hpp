// SPDX-License-Identifier: Apache-2.0
// The widest vector of the target, through the vector extension of GCC and Clang.
#pragma once

#include <cstring>

namespace mmdl::detail {

// Bytes of a vector, and the rows of the register tile of the matrix product: the tile is two vectors wide,
// so its sums, two vectors and a broadcast number fill the 32 registers of AVX-512 or the 16 of AVX2 and
// SSE2.
#if defined(__AVX512F__)
inline constexpr int simd_bytes = 64;
inline constexpr int tile_rows = 14;
#elif defined(__AVX__)
inline constexpr int simd_bytes = 32;
inline constexpr int tile_rows = 6;
#else
inline constexpr int simd_bytes = 16;
inline constexpr int tile_rows = 6;
#endif

template <class T>
struct SimdOf {
  typedef T type __attribute__((vector_size(simd_bytes)));
};
/// As many numbers as one register holds; arithmetic on it is element by element.
template <class T>
using Simd = typename SimdOf<T>::type;

template <class T>
inline constexpr long simd_width = simd_bytes / static_cast<long>(sizeof(T));

/// Reads `sizeof(V)` bytes from anywhere: `load_vector<Simd<T>>(p)`, or `load_vector<T>(p)` for one number.
template <class V, class T>
V load_vector(const T* place) {
  V value;
  std::memcpy(&value, place, sizeof(V));
  return value;
}

template <class V, class T>
void store_vector(T* place, const V& value) {
  std::memcpy(place, &value, sizeof(V));
}

}  // namespace mmdl::detail
