// SPDX-License-Identifier: Apache-2.0
// The second factor of the tile unit's products: its panels, and when they are asked for.
#pragma once

#include <algorithm>

#include "fetch_ahead.hpp"
#include "gemm_blocks.hpp"
#include "gemm_narrow_source.hpp"
#include "tile_unit_packing.hpp"

namespace mmdl::detail {

inline constexpr long most_joined_blocks = 8;

/// Where in the depth, and in the columns, a block of the product is.
struct TileUnitBlock {
  long n, n_end, k, k_end;
  bool first, last;

  /// `joined` blocks' steps from `k` on, of [k0, k1).
  static TileUnitBlock at(long n, long n1, long k, long k0, long k1, long joined) {
    const long k_end = std::min(k + joined * tile_block_steps, k1);
    return {n, std::min(n + block_columns, n1), k, k_end, k == k0, k_end == k1};
  }
};

/// The panels of one block after the other: those that were packed for all, or such as are packed here.
template <class Output>
class TileUnitPanels {
  static constexpr long unit = tile_size, block_steps = tile_block_steps;
  static constexpr long far = 2 * (unit / 2) * unit;  // two steps of a panel

 public:
  /// Pairs of scratch wanted.
  static constexpr long scratch_size = block_steps / 2 * block_columns;

  TileUnitPanels(const Gemm<BFloat16, Output>& g, NarrowPair* scratch) : g_(g), packed_(scratch) {}

  /// All panels of some steps.
  struct Steps {
    const NarrowPair* pairs;
    long steps;
  };
  /// Of the block, those of its steps after one another.
  const Steps* of_block() const { return steps_; }

  /// Whether the second factor keeps its place in the second cache while all rows are multiplied.
  bool small() const { return g_.depth() * g_.columns <= 768L << 10; }

  void find(const TileUnitBlock& block) {
    if (g_.packed_b == nullptr) {
      NarrowPacking(g_.b).pack(block.k, block.k_end, block.n, block.n_end, packed_);
      steps_[0] = {packed_, divide_up(block.k_end - block.k, unit)};
      return;
    }
    for (long k = block.k, i = 0; k < block.k_end; k += block_steps, ++i) {
      const long steps = steps_from(k, block.k_end);
      steps_[i] = {place(k, steps, block.n), steps};
    }
  }

  /// While `rows` rows meet the panels of a block, those of the next are asked for, if there are any and they
  /// are packed: each comes from a far cache, and no more are on their way than a few steps can wait for.
  void ask_for_next(const TileUnitBlock& block, const TileUnitBlock& next, long rows) {
    asked_ = asked_panels_ == steps_[0].pairs;
    ahead_ = FetchAhead(nullptr);
    if (g_.packed_b == nullptr || next.n >= next.n_end || small()) return;
    asked_panels_ = place(next.k, steps_from(next.k, next.k_end), next.n);
    const long panels = divide_up(next.n_end - next.n, unit), of_block = block_steps / 2;
    ahead_ = {asked_panels_, divide_up(next.k_end - next.k, block_steps),
              panels * unit * std::min(of_block, divide_up(next.k_end - next.k, 2)),
              divide_up(g_.columns, unit) * unit * of_block};
    const long steps = divide_up(rows, unit) * divide_up(block.n_end - block.n, unit) *
                       divide_up(block.k_end - block.k, unit);
    lines_ = divide_up(ahead_.lines(), steps);
  }

  /// Beside the step of a panel at `step`, asks for what comes: the first tile of rows finds the second
  /// factor in a far cache, where the unit's own loads would wait for each line, unless it was asked for
  /// before.
  void ask(const NarrowPair* step, bool first_tile) {
    constexpr long line = 64 / static_cast<long>(sizeof(NarrowPair));
    if (first_tile && !asked_)
      for (long i = 0; i < unit / 2 * unit; i += line) __builtin_prefetch(step + far + i);
    ahead_.fetch(lines_);
  }

 private:
  /// Tiles' steps of the packed block that begins with `k`.
  static long steps_from(long k, long k_end) { return divide_up(std::min(block_steps, k_end - k), unit); }
  const NarrowPair* place(long k, long steps, long n) const {
    return g_.packed_b + packed_place<BFloat16>(g_.columns, k / 2, steps * (unit / 2), n);
  }

  const Gemm<BFloat16, Output>& g_;
  NarrowPair* packed_;
  Steps steps_[most_joined_blocks];
  FetchAhead ahead_{nullptr};  // the next block's
  const NarrowPair* asked_panels_ = nullptr;
  long lines_ = 0;      // to be asked for at each step
  bool asked_ = false;  // for the block's panels, while those before them were multiplied
};

}  // namespace mmdl::detail
