// SPDX-License-Identifier: Apache-2.0
// The first factor of the tile unit, copied: rows of pairs of steps.
#pragma once

#include <algorithm>

#include "gemm_blocks.hpp"
#include "gemm_narrow_source.hpp"

namespace mmdl::detail {

// Rows, columns, steps of a tile; steps of a block of the depth; rows that are copied at once, and the
// numbers from one to the next.
inline constexpr long tile_size = 32;
inline constexpr long tile_block_steps = 2 * block_depth<NarrowPair>;
inline constexpr long tile_group_rows = 256;
inline constexpr long tile_row_stride = tile_block_steps + tile_size;
inline constexpr long tile_turning_size = 2 * simd_width<NarrowPair> * tile_group_rows;  // pairs of scratch

/// Rows [m, m_end) of `a`, their steps [k, k_end) filled up with zeros to whole tiles; a row every
/// `stride` numbers.
inline void pack_tile_rows(const PatchMatrix<BFloat16>& a, long m, long m_end, long k, long k_end,
                           BFloat16* to, long stride) {
  a.gather(m, m_end, k, k_end, to, stride);
  const long steps = k_end - k, filled = 2 * narrow_pairs(steps);
  if (steps == filled) return;
  for (long row = 0; row < m_end - m; ++row, to += stride) std::fill(to + steps, to + filled, BFloat16{});
}

/// Rows [m, m_end) of the transposed `a`, whose rows are the steps [k, k_end): squares of pairs are turned.
/// Whole vectors of channels, and `m` a multiple of them: a square's columns are channels of one tap, and are
/// joined where they lie.
inline void pack_turned_squares(const PatchMatrix<BFloat16>& a, long m, long m_end, long k, long k_end,
                                BFloat16* to) {
  constexpr long width = simd_width<NarrowPair>;
  static constexpr BFloat16 zeros[width] = {};
  const long pairs = narrow_pairs(k_end - k);
  auto* const packed = reinterpret_cast<NarrowPair*>(to);
  for (long begin = m; begin < m_end;) {
    const long tap = begin / a.channels, end = std::min((tap + 1) * a.channels, m_end);
    const BFloat16* lines[2][2 * width] = {};  // of this square and of the next
    const auto find = [&](long place) {
      const BFloat16** const to_find = lines[place / width % 2];
      const long first = k + 2 * place, count = std::clamp(k_end - first, 0L, 2 * width);
      a.places(first, count, tap, to_find);
      std::fill(to_find + count, to_find + 2 * width, nullptr);
    };
    find(0);
    for (long place = 0; place < pairs; place += width) {
      const BFloat16** const now = lines[place / width % 2];
      const BFloat16** const next = lines[(place / width + 1) % 2];
      if (place + width < pairs) find(place + width);
      long channel = begin - tap * a.channels;
      for (long row = begin; row < end; row += width, channel += width) {
        alignas(64) NarrowPair square[width * width];
        const auto line = [&](long i) { return now[i] == nullptr ? zeros : now[i] + channel; };
        for (long i = 0; i < width; ++i) {
          store_vector(square + i * width, joined_rows(line(2 * i), line(2 * i + 1)));
          __builtin_prefetch(next[2 * i] + channel);
          __builtin_prefetch(next[2 * i + 1] + channel);
        }
        transpose_square(square, width, packed + (row - m) * tile_row_stride / 2 + place,
                         tile_row_stride / 2);
      }
    }
    begin = end;
  }
}

}  // namespace mmdl::detail
