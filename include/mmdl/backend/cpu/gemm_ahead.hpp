// SPDX-License-Identifier: Apache-2.0
// What a matrix product asks for while its tiles are multiplied.
#pragma once

#include <algorithm>

#include "fetch_ahead.hpp"
#include "gemm_source.hpp"

namespace mmdl::detail {

/// To ask for: the block of a plain matrix, or of its transpose, that begins at row `m`, step `k`.
template <class T>
FetchAhead block_ahead(const PatchMatrix<T>& a, bool transposed, long m, long rows, long k, long steps) {
  if (transposed) return {a.data + k * a.sample_stride + m, steps, rows, a.sample_stride};
  return {a.data + m * a.sample_stride + k, rows, steps, a.sample_stride};
}

/// What is packed, or read where it is, after the tiles that are multiplied now: of both factors.
class GemmAhead {
 public:
  /// With nothing to be asked for, what is asked for all the same begins at `place`.
  explicit GemmAhead(const void* place) : place_(place) {}

  FetchAhead first{nullptr}, second{nullptr};

  /// The turns of a block's `tiles` tiles of rows, `turns` each: what is read of the second factor after the
  /// block is asked for in three quarters of them, the next rows of the first factor in a quarter of those
  /// that are not needed for that.
  void share_turns(long tiles, long turns) {
    const long all = tiles * turns;
    turns_for_first_ = std::max(0L, all - second.turns()) / (4 * tiles);
    second.spread(all / 4 * 3);
  }
  /// Asks for those rows while `tiles` tiles are multiplied.
  void spread_first(long tiles) { first.spread(tiles * turns_for_first_); }

  /// What is to be asked for next.
  FetchAhead& next() {
    if (!first.done()) return first;
    if (second.done()) second = FetchAhead(place_);
    return second;
  }

 private:
  const void* place_;
  long turns_for_first_ = 0;  // of a tile of rows
};

}  // namespace mmdl::detail
