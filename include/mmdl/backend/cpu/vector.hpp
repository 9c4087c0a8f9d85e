// SPDX-License-Identifier: Apache-2.0
// The widest vector of the target, through the vector extension of GCC and Clang.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "../../core/bfloat16.hpp"

// Before a loop of few and known steps over an array that must live in registers: GCC decides that before it
// would unroll by itself.
#if defined(__CUDACC__)  // nvcc's own front end knows neither
#  define MMDL_UNROLL
#elif defined(__clang__)
#  define MMDL_UNROLL _Pragma("unroll")
#else
#  define MMDL_UNROLL _Pragma("GCC unroll 16")
#endif

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
template <>
struct SimdOf<BFloat16> : SimdOf<float> {};
/// As many numbers as one register holds; arithmetic on it is element by element, narrow numbers in float.
template <class T>
using Simd = typename SimdOf<T>::type;

template <class T>
struct HalfSimdOf {
  typedef T type __attribute__((vector_size(simd_bytes / 2)));
};
template <>
struct HalfSimdOf<BFloat16> : HalfSimdOf<float> {};
template <class T>
using HalfSimd = typename HalfSimdOf<T>::type;  ///< half of one

template <class T>
inline constexpr long simd_width = simd_bytes / static_cast<long>(sizeof(Wide<T>));

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

/// sum += a * b, of vectors or single numbers. GCC, left alone, reads a factor that is used again and again
/// from memory each time, and moves sums between registers; an array's element as the operand it keeps in
/// memory.
template <class V>
void multiply_add(V& sum, const V& a, const V& b) {
#if defined(__FMA__) && defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
  if constexpr (!std::is_arithmetic_v<V>) {
    V result = sum;
    if constexpr (sizeof(sum[0]) == 4)
      asm("vfmadd231ps %2, %1, %0" : "+v"(result) : "v"(a), "v"(b));
    else
      asm("vfmadd231pd %2, %1, %0" : "+v"(result) : "v"(a), "v"(b));
    sum = result;
    return;
  }
#endif
  sum += a * b;
}

/// Integers, one for each number of a vector.
template <class V, class Integer>
struct IntegersOf {
  typedef Integer type __attribute__((vector_size(sizeof(V) / sizeof(V{}[0]) * sizeof(Integer))));
};

/// Narrow numbers become floats where they are read, and are rounded where they are written.
template <class V>
V load_vector(const BFloat16* place) {
  if constexpr (std::is_same_v<V, float>) {
    return *place;
  } else {
#if !defined(__CUDACC__)
    typename IntegersOf<V, std::uint16_t>::type bits;
    std::memcpy(&bits, static_cast<const void*>(place), sizeof bits);
#  if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
    if constexpr (sizeof(V) == 64) {  // GCC 12 widens the halves, and joins them
      typename IntegersOf<V, std::uint32_t>::type wide;
      asm("vpmovzxwd %1, %0" : "=v"(wide) : "vm"(bits));
      return std::bit_cast<V>(wide << 16);
    }
#  endif
    return std::bit_cast<V>(__builtin_convertvector(bits, typename IntegersOf<V, std::uint32_t>::type) << 16);
#else
    V value;
    for (unsigned i = 0; i < sizeof(V) / sizeof(float); ++i) value[i] = place[i];
    return value;
#endif
  }
}

#if !defined(__CUDACC__)
/// The bits of each float rounded to the nearest narrow number, which is their upper half.
template <class V>
auto rounded_bits(const V& value) {
  using Bits = typename IntegersOf<V, std::uint32_t>::type;
  const Bits all = std::bit_cast<Bits>(value);
  const Bits nearest = all + 0x7fffU + (all >> 16 & 1U);
  return value != value ? all | 0x400000U : nearest;
}
#endif

template <class V>
void store_vector(BFloat16* place, const V& value) {
  if constexpr (std::is_same_v<V, float>) {
    *place = value;
#if defined(__AVX512BF16__) && !defined(__CUDACC__)
  } else if constexpr (sizeof(V) == 64) {  // one instruction, for which subnormal numbers are zero
    typename IntegersOf<V, std::uint16_t>::type bits;
    asm("vcvtneps2bf16 %1, %0" : "=v"(bits) : "v"(value));
    std::memcpy(static_cast<void*>(place), &bits, sizeof bits);
#endif
  } else {
#if !defined(__CUDACC__)
    using Bits = typename IntegersOf<V, std::uint16_t>::type;
    const Bits bits = __builtin_convertvector(rounded_bits(value) >> 16, Bits);
    std::memcpy(static_cast<void*>(place), &bits, sizeof bits);
#else
    for (unsigned i = 0; i < sizeof(V) / sizeof(float); ++i) place[i] = value[i];
#endif
  }
}

/// Copies `count` numbers between arrays that do not overlap: for the short pieces of packing, where a call
/// of memcpy would cost more than the copy.
template <class T>
void copy_numbers(const T* from, long count, T* to) {
  constexpr long width = simd_width<T>;
  if (count < width / 2) {
    for (long i = 0; i < count; ++i) to[i] = from[i];
    return;
  }
  if (count < width) {  // two halves, which may overlap
    store_vector(to, load_vector<HalfSimd<T>>(from));
    store_vector(to + count - width / 2, load_vector<HalfSimd<T>>(from + count - width / 2));
    return;
  }
  for (long i = 0; i + width < count; i += width) store_vector(to + i, load_vector<Simd<T>>(from + i));
  store_vector(to + count - width, load_vector<Simd<T>>(from + count - width));
}
inline void copy_numbers(const BFloat16* from, long count, BFloat16* to) {  // as bits, not by way of float
  copy_numbers(reinterpret_cast<const std::uint16_t*>(from), count, reinterpret_cast<std::uint16_t*>(to));
}

// nvcc writes a shuffle back wrongly for the host compiler: it gets the plain loop, which computes the same.
#if !defined(__CUDACC__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12))
/// a[0] b[0] a[1] b[1] ... of the halves of two vectors that start at `First`.
template <int First, class V, int... I>
V interleave(const V& a, const V& b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (First + I / 2 + I % 2 * static_cast<int>(sizeof...(I)))...);
}

/// Transposes a square of simd_width x simd_width numbers in registers: each round deals the rows like two
/// halves of a deck of cards, and after log2(width) rounds rows have become columns.
template <class T>
void transpose_square(const T* from, long from_stride, T* to, long to_stride) {
  constexpr int width = static_cast<int>(simd_width<T>);
  constexpr auto places = std::make_integer_sequence<int, width>{};
  Simd<T> rows[width], dealt[width];
  MMDL_UNROLL
  for (int i = 0; i < width; ++i) rows[i] = load_vector<Simd<T>>(from + i * from_stride);
  for (int round = 1; round < width; round *= 2) {
    MMDL_UNROLL
    for (int i = 0; i < width / 2; ++i) {
      dealt[2 * i] = interleave<0>(rows[i], rows[i + width / 2], places);
      dealt[2 * i + 1] = interleave<width / 2>(rows[i], rows[i + width / 2], places);
    }
    MMDL_UNROLL
    for (int i = 0; i < width; ++i) rows[i] = dealt[i];
  }
  MMDL_UNROLL
  for (int i = 0; i < width; ++i) store_vector(to + i * to_stride, rows[i]);
}
#else
template <class T>
void transpose_square(const T* from, long from_stride, T* to, long to_stride) {
  for (long i = 0; i < simd_width<T>; ++i)
    for (long j = 0; j < simd_width<T>; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}
#endif

}  // namespace mmdl::detail
