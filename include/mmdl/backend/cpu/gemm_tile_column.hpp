// SPDX-License-Identifier: Apache-2.0
// A column of register tiles: where registers have few rows, the order in which products are computed.
#pragma once

#include "gemm_tile.hpp"
#include "tile_ahead.hpp"

namespace mmdl::detail {

/// The first factor of some tiles one below the other: number r of step k of tile t is a[t * tile + r * row +
/// k * step]; either `row` or `step` is one.
template <class T>
struct TileColumnSource {
  const T* a;
  long row, step, tile;
};

/// multiply_whole_tile() for `tiles` tiles one below the other and a panel of the second factor, which stays
/// in a near cache meanwhile: tiles of few rows would read it too often from a far one. What a tile begins
/// and ends with overlaps with the steps of its neighbours. They ask for the lines of their results, and go
/// on with `later`.
template <int Rows, bool Turned, class T>
[[gnu::noinline]] void multiply_tile_column(long depth, long tiles, const TileColumnSource<T>& source,
                                            const T* panel, const TileFinish<T>& finish, FetchAhead& later) {
  static_assert(Rows <= 6);
  const long* offsets = finish.offsets;
  const T* const output = finish.output + finish.column;
  const T* residual = finish.apply ? finish.epilogue.residual() : nullptr;
  residual = residual == nullptr ? output : residual + finish.column;
  FetchAhead ahead = later;  // in registers
  for (const T* begin = source.a; tiles > 0; --tiles, begin += source.tile, offsets += Rows) {
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) ask_for_row(output + offsets[r], residual + offsets[r]);
    auto places = tile_places<Rows, Turned>(begin, source.row, source.step);
    const T* b = panel;
    Simd<T> sums[2][Rows];
    clear_sums(sums);
    multiply_steps<2, Rows, T>(sums, places, b, depth, [&] { ahead.turn(); });
    finish_vectors(sums[0], 0, offsets, finish);
    finish_vectors(sums[1], simd_width<T>, offsets, finish);
  }
  later = ahead;
}

}  // namespace mmdl::detail
