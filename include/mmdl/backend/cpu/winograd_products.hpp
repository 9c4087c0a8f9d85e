// SPDX-License-Identifier: Apache-2.0
// The products of Winograd's algorithm: matrices of tiles and channels, and where they lie.
#pragma once

#include <algorithm>
#include <utility>

#include "gemm_tile.hpp"

namespace mmdl::detail {

/// c[r][0 .. tile_columns) = (`add`: what it holds +) the sum over k of a(r, k) * b[k * b_step + ...], where
/// a(r, k) is a[r * a_stride + k], or a[k * a_stride + r] if Transposed. The sums stay in registers. Of
/// narrow pairs the sums are floats.
template <int Rows, bool Transposed, class T, class Sum>
void multiply_rows(long depth, const T* a, long a_stride, const T* b, long b_step, Sum* c, long c_stride,
                   bool add) {
  using V = Simd<Sum>;
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    left[r] = add ? load_vector<V>(c + r * c_stride) : V{};
    right[r] = add ? load_vector<V>(c + r * c_stride + simd_width<Sum>) : V{};
  }
  // Three rows a base address: more run-time multiples of the stride than that are not to be had for nothing.
  constexpr int bases = (Rows + 2) / 3;
  const T* base[bases];
  MMDL_UNROLL
  for (int i = 0; i < bases; ++i) base[i] = a + 3 * i * (Transposed ? 1 : a_stride);
  static_assert(Rows % 2 == 0);
  constexpr int at_once = Rows >= 8 || Rows == tile_rows ? 4 : 1;
  // The sums behind these, and the rows of `a`: mostly the next to be computed. Lines of them for as many
  // steps.
  Sum* next_sums = c + Rows * c_stride;
  Sum* const last_sums = next_sums + Rows * c_stride;
  const char* behind = reinterpret_cast<const char*>(a + Rows * a_stride);
  constexpr int lines = (at_once * Rows * static_cast<int>(sizeof(T)) + 63) / 64;
  long k = 0;
  for (; k + at_once <= depth; k += at_once) {
    if (next_sums != last_sums) {
      MMDL_UNROLL
      for (int i = 0; i < 2; ++i, next_sums += c_stride) {
        __builtin_prefetch(next_sums, 1);
        __builtin_prefetch(next_sums + simd_width<Sum>, 1);
      }
    }
    MMDL_UNROLL
    for (int step = 0; step < at_once; ++step) {
      if constexpr (Transposed) __builtin_prefetch(a + 2 * Rows - 1);
      multiply_step(left, right, b,
                    [&](int r) { return Transposed ? a[r] : base[r / 3][r % 3 * a_stride + step]; });
      if constexpr (Transposed) a += a_stride;
      b += b_step;
    }
    if constexpr (!Transposed) {
      MMDL_UNROLL
      for (int i = 0; i < lines; ++i) __builtin_prefetch(behind + i * 64, 0, 2);
      behind += lines * 64;
      MMDL_UNROLL
      for (int i = 0; i < bases; ++i) base[i] += at_once;
    }
  }
  for (; at_once > 1 && k < depth; ++k) {
    multiply_step(left, right, b, [&](int r) { return Transposed ? a[r] : base[r / 3][r % 3 * a_stride]; });
    if constexpr (Transposed) {
      a += a_stride;
    } else {
      MMDL_UNROLL
      for (int i = 0; i < bases; ++i) ++base[i];
    }
    b += b_step;
  }
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    store_vector(c + r * c_stride, left[r]);
    store_vector(c + r * c_stride + simd_width<Sum>, right[r]);
  }
}

/// multiply_rows for any even number of rows, in pieces of nearly equal height that fit the registers.
template <bool Transposed, class T, class Sum>
void multiply_panel(long rows, long depth, const T* a, long a_stride, const T* b, long b_step, Sum* c,
                    long c_stride, bool add) {
  using Multiply = void (*)(long, const T*, long, const T*, long, Sum*, long, bool);
  static constexpr auto table = []<int... I>(std::integer_sequence<int, I...>) {
    struct Table {
      Multiply of_pairs[tile_rows / 2];
    };
    return Table{{&multiply_rows<2 * I + 2, Transposed, T, Sum>...}};
  }
  (std::make_integer_sequence<int, tile_rows / 2>{});
  const long pieces = (rows + tile_rows - 1) / tile_rows, pairs = rows / 2;
  for (long piece = 0; piece < pieces; ++piece) {
    const long begin = pairs * piece / pieces, end = pairs * (piece + 1) / pieces;
    if (begin < end)
      table.of_pairs[end - begin - 1](depth, a + 2 * begin * (Transposed ? 1 : a_stride), a_stride, b, b_step,
                                      c + 2 * begin * c_stride, c_stride, add);
  }
}

/// A cache line of nothing, behind what is as long as a power of two: without it the places that a
/// transform writes or reads would share one set of the cache.
template <class T>
inline constexpr long winograd_gap = 64 / static_cast<long>(sizeof(T));

/// Numbers from one tile of a transformed batch to the next.
template <class T>
constexpr long winograd_row(long channels) {
  return channels + winograd_gap<T>;
}

/// Numbers from one product to the next, for `tiles` (an even number of them).
template <class T>
constexpr long winograd_plane(long tiles, long channels) {
  return (tiles + tiles % 2) * winograd_row<T>(channels) + winograd_gap<T>;
}

/// Fills the row after an odd number of tiles, which is multiplied with the others, in each of `products`.
template <class T>
void clear_odd_row(int products, long tiles, long channels, T* planes) {
  if (tiles % 2 == 0) return;
  for (int p = 0; p < products; ++p)
    std::fill_n(planes + p * winograd_plane<T>(tiles, channels) + tiles * winograd_row<T>(channels), channels,
                T{});
}

}  // namespace mmdl::detail
