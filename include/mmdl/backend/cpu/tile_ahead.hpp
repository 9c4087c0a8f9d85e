// SPDX-License-Identifier: Apache-2.0
// What a tile of a matrix product asks for while it is multiplied.
#pragma once

#include "fetch_ahead.hpp"
#include "gemm_epilogue.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// Asks for the lines of one row of a tile: of its results, and of what is added to them, or the results'
/// again.
template <class T>
[[gnu::always_inline]] inline void ask_for_row(const T* output, const T* residual) {
  MMDL_UNROLL
  for (long i = 0; i < tile_columns<T>; i += 64 / static_cast<long>(sizeof(T))) {
    __builtin_prefetch(output + i, 1);
    __builtin_prefetch(residual + i, 0, 2);
  }
}

/// The lines that a tile's results go to, and those that are added to them: a store to a line that is
/// elsewhere holds up those after it. And lines of the factors that are read later. A few at each turn
/// between the steps: all at once would make the tile wait for them, and behind the tile is too late.
template <int Rows, class T>
class TileAhead {
 public:
  /// Goes on with `later`, of which it keeps a copy in registers. The results of row r are at output +
  /// offsets[r], what is added to them at residual + offsets[r] if there is a residual. The tile has `turns`.
  [[gnu::always_inline]] TileAhead(const FetchAhead& later, const T* output, const T* residual,
                                   const long* offsets, long turns)
      : later_(later),
        output_(output),
        residual_(residual == nullptr ? output : residual),
        offset_(offsets),
        end_(offsets + Rows) {
    while (end_ - offset_ > turns) ask_for_next_row();  // of few steps
  }

  [[gnu::always_inline]] void turn() {
    later_.turn();
    if (offset_ != end_) ask_for_next_row();
  }

  /// The results are not written yet.
  [[gnu::always_inline]] void leave_results() { offset_ = end_; }

  /// How far it came with that.
  [[gnu::always_inline]] const FetchAhead& later() const { return later_; }

 private:
  [[gnu::always_inline]] void ask_for_next_row() {
    ask_for_row(output_ + *offset_, residual_ + *offset_);
    ++offset_;
  }

  FetchAhead later_;
  const T *output_, *residual_;
  const long *offset_, *end_;
};

}  // namespace mmdl::detail
