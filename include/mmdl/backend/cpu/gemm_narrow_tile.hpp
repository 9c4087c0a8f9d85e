// SPDX-License-Identifier: Apache-2.0
// The register tile of a product of narrow numbers, whose steps are taken in pairs.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__AVX512BF16__) && !defined(__CUDACC__)
#  include <immintrin.h>
#endif

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

/// The same sums as multiply_narrow_tile's for 32 rows, by the tile unit.
template <long RowStride>
void multiply_with_tiles(long pairs, const NarrowPair* a, const NarrowPair* b, float* sums) {
  constexpr long pair_bytes = static_cast<long>(sizeof(NarrowPair));
  TileUnit::clear_sums();
  for (long p = 0; p < pairs; p += 16)
    TileUnit::add_product(a + p, RowStride * pair_bytes, b + p * 32, 32 * pair_bytes);
  TileUnit::store_sums(sums);
}

/// sums[r][c] = sum over p of the products of both halves of a[r * row_stride + p] and b[p * columns + c],
/// where `columns` is two vectors of floats. With AVX-512 BF16 a step is one instruction, which rounds its
/// sum once for both products and takes subnormal numbers for zero; else the halves are floats in float's
/// arithmetic.
template <int Rows>
void multiply_narrow_tile(long pairs, const NarrowPair* a, long row_stride, const NarrowPair* b,
                          float* sums) {
  using V = Simd<float>;
  constexpr long width = simd_width<float>;
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = V{};
  // Three rows a base address: more run-time multiples of the stride than that are not to be had for nothing.
  constexpr int bases = (Rows + 2) / 3;
  const NarrowPair* base[bases];
  MMDL_UNROLL
  for (int i = 0; i < bases; ++i) base[i] = a + 3 * i * row_stride;
  for (long p = 0; p < pairs; ++p, b += 2 * width) {
#if defined(__AVX512BF16__) && !defined(__CUDACC__)
    const auto b_left = (__m512bh)_mm512_loadu_si512(b), b_right = (__m512bh)_mm512_loadu_si512(b + width);
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const auto pair = (__m512bh)_mm512_set1_epi32(static_cast<int>(base[r / 3][r % 3 * row_stride]));
      left[r] = _mm512_dpbf16_ps(left[r], pair, b_left);
      right[r] = _mm512_dpbf16_ps(right[r], pair, b_right);
    }
#else
    using Pairs = Simd<NarrowPair>;
    const auto low = [](const Pairs& pair) { return std::bit_cast<V>(pair << 16); };
    const auto high = [](const Pairs& pair) { return std::bit_cast<V>(pair & 0xffff0000U); };
    const auto b_left = load_vector<Pairs>(b), b_right = load_vector<Pairs>(b + width);
    const V left_low = low(b_left), left_high = high(b_left);
    const V right_low = low(b_right), right_high = high(b_right);
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const NarrowPair pair = base[r / 3][r % 3 * row_stride];
      const float first = std::bit_cast<float>(pair << 16), second = std::bit_cast<float>(pair & 0xffff0000U);
      left[r] += first * left_low;
      left[r] += second * left_high;
      right[r] += first * right_low;
      right[r] += second * right_high;
    }
#endif
    MMDL_UNROLL
    for (int i = 0; i < bases; ++i) ++base[i];
  }
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    store_vector(sums + r * 2 * width, left[r]);
    store_vector(sums + r * 2 * width + width, right[r]);
  }
}

/// The same for 1 to `tile_rows` rows; sums (and what is read of `a`) may go on to the next of 1, a half or
/// all of them.
inline void multiply_narrow_rows(long rows, long pairs, const NarrowPair* a, long row_stride,
                                 const NarrowPair* b, float* sums) {
  if (rows == 1)
    multiply_narrow_tile<1>(pairs, a, row_stride, b, sums);
  else if (rows <= tile_rows / 2)
    multiply_narrow_tile<tile_rows / 2>(pairs, a, row_stride, b, sums);
  else
    multiply_narrow_tile<tile_rows>(pairs, a, row_stride, b, sums);
}

}  // namespace mmdl::detail
