// SPDX-License-Identifier: Apache-2.0
// The register tile of a product of narrow numbers, whose steps are taken in pairs.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "tile_row_places.hpp"
#include "tile_unit.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// Two narrow numbers of neighbouring steps, the first in the lower half.
using NarrowPair = std::uint32_t;

/// Pairs of a block's `steps`, filled up with zeros to whole tiles where there is a unit for them.
constexpr long narrow_pairs(long steps) {
  constexpr long unit = TileUnit::exists ? 16 : 1;
  return ((steps + 1) / 2 + unit - 1) / unit * unit;
}

// Tiles are as wide as two vectors where there is a unit for them.
static_assert(!TileUnit::exists || simd_width<float> == 16);

// Intel's processors, which this tells by AVX-512 FP16 (they all have AMX besides, unless a virtual machine
// hides it), begin a dot product of pairs every second cycle: half of what float's arithmetic does in two.
#if defined(__AVX512BF16__) && !defined(__AVX512FP16__) && !defined(__CUDACC__)
#  define MMDL_DOT_OF_PAIRS
#endif

/// Whether the target multiplies narrow numbers faster than floats; else their products are float's. (Tests
/// define the macro.)
#if defined(MMDL_DOT_OF_PAIRS) || defined(MMDL_NARROW_PRODUCTS)
inline constexpr bool narrow_products = true;
#else
inline constexpr bool narrow_products = TileUnit::exists;
#endif

/// The first factor of a tile, pairs of steps: where no instruction takes pairs it is floats, which are made
/// of them once for all the tiles of some rows.
#if defined(MMDL_DOT_OF_PAIRS)
using NarrowFactor = NarrowPair;
#else
using NarrowFactor = float;
#endif
inline constexpr bool widens_pairs = !std::is_same_v<NarrowFactor, NarrowPair>;
inline constexpr long factors_of_pair = widens_pairs ? 2 : 1;

/// `rows` rows of `pairs`, `row_stride` apart, as the factors of a tile: those that are there, or else floats
/// made at `to`, 2 * row_stride apart.
#if defined(MMDL_DOT_OF_PAIRS)
inline const NarrowFactor* narrow_factors(long, long, const NarrowPair* from, long, NarrowFactor*) {
  return from;
}
#else
inline const NarrowFactor* narrow_factors(long rows, long pairs, const NarrowPair* from, long row_stride,
                                          NarrowFactor* to) {
  using V = Simd<float>;
  for (long row = 0; row < rows; ++row) {
    const auto* const numbers = reinterpret_cast<const BFloat16*>(from + row * row_stride);
    NarrowFactor* const line = to + row * 2 * row_stride;
    long i = 0;
    for (; i + simd_width<float> <= 2 * pairs; i += simd_width<float>)
      store_vector(line + i, load_vector<V>(numbers + i));
    for (; i < 2 * pairs; ++i) line[i] = numbers[i];
  }
  return to;
}
#endif

#if defined(MMDL_DOT_OF_PAIRS)
/// sum[i] += the products of both halves of a[i] and b[i].
inline void add_products_of_pairs(Simd<float>& sum, const Simd<NarrowPair>& a, const Simd<NarrowPair>& b) {
  Simd<float> result = sum;
  asm("vdpbf16ps %2, %1, %0" : "+v"(result) : "v"(a), "v"(b));
  sum = result;
}
#else
inline void add_products_of_pairs(Simd<float>& sum, const Simd<NarrowPair>& a, const Simd<NarrowPair>& b) {
  using V = Simd<float>;
  multiply_add(sum, std::bit_cast<V>(a << 16), std::bit_cast<V>(b << 16));
  multiply_add(sum, std::bit_cast<V>(a & 0xffff0000U), std::bit_cast<V>(b & 0xffff0000U));
}
#endif

/// multiply_step() of narrow pairs.
template <int Rows, class Number>
[[gnu::always_inline]] inline void multiply_step(Simd<float> (&left)[Rows], Simd<float> (&right)[Rows],
                                                 const NarrowPair* b, const Number& number) {
  using Pairs = Simd<NarrowPair>;
  const auto b_left = load_vector<Pairs>(b), b_right = load_vector<Pairs>(b + simd_width<float>);
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    const Pairs pair = number(r) | Pairs{};
    add_products_of_pairs(left[r], pair, b_left);
    add_products_of_pairs(right[r], pair, b_right);
  }
}

/// One pair of steps of a tile: of the first factor, the numbers from `factor` on.
template <int Rows, class Places>
[[gnu::always_inline]] inline void multiply_pair(Simd<float> (&left)[Rows], Simd<float> (&right)[Rows],
                                                 const Places& places, int factor, const NarrowPair* b) {
#if defined(MMDL_DOT_OF_PAIRS)
  multiply_step(left, right, b, [&](int r) { return places.number(r, factor); });
#else
  using V = Simd<float>;
  using Pairs = Simd<NarrowPair>;
  const auto b_left = load_vector<Pairs>(b), b_right = load_vector<Pairs>(b + simd_width<float>);
  // One half after the other: both, widened, would not leave the sums their registers.
  MMDL_UNROLL
  for (int half = 0; half < 2; ++half) {
    const V to_left = std::bit_cast<V>(half == 0 ? b_left << 16 : b_left & 0xffff0000U);
    const V to_right = std::bit_cast<V>(half == 0 ? b_right << 16 : b_right & 0xffff0000U);
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const V broadcast = places.number(r, factor + half) - V{};
      multiply_add(left[r], broadcast, to_left);
      multiply_add(right[r], broadcast, to_right);
    }
  }
#endif
}

/// sums[r][c] = sum over p of the products of both halves of pair p of row r and b[p * columns + c], where
/// `columns` is two vectors of floats and the rows of `a` are `row_stride` apart. With AMD's AVX-512 BF16 a
/// step is one instruction, which rounds its sum once for both products and takes subnormal numbers for zero;
/// else the halves are floats in float's arithmetic.
template <int Rows>
void multiply_narrow_tile(long pairs, const NarrowFactor* a, long row_stride, const NarrowPair* b,
                          float* sums) {
  using V = Simd<float>;
  constexpr long width = simd_width<float>;
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = V{};
  TileRowPlaces<Rows, NarrowFactor> places(a, row_stride);
  for (long p = 0; p < pairs; ++p, b += 2 * width) {
    multiply_pair(left, right, places, 0, b);
    places.advance(factors_of_pair);
    places.hide_distances();
  }
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    store_vector(sums + r * 2 * width, left[r]);
    store_vector(sums + r * 2 * width + width, right[r]);
  }
}

/// The same for 1 to `tile_rows` rows; sums, and what is read of `a`, may go on to the next of 1, a half or
/// all of them.
inline void multiply_narrow_rows(long rows, long pairs, const NarrowFactor* a, long row_stride,
                                 const NarrowPair* b, float* sums) {
  if (rows == 1)
    multiply_narrow_tile<1>(pairs, a, row_stride, b, sums);
  else if (rows <= tile_rows / 2)
    multiply_narrow_tile<tile_rows / 2>(pairs, a, row_stride, b, sums);
  else
    multiply_narrow_tile<tile_rows>(pairs, a, row_stride, b, sums);
}

}  // namespace mmdl::detail
