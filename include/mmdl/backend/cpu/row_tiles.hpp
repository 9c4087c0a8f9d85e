// SPDX-License-Identifier: Apache-2.0
// How the rows of a product of floats are cut into register tiles.
#pragma once

#include <algorithm>

#include "gemm_blocks.hpp"

namespace mmdl::detail {

/// The best tiles of up to a block of rows: the height of the first, and what all cost, in rows.
struct RowTilesPlan {
  static constexpr int low = 8, most = static_cast<int>(block_rows);

  int first[most] = {};
  int cost[most] = {};

  constexpr RowTilesPlan() {
    for (int rows = 1; rows < most; ++rows) {
      // A last tile that is not whole is computed as one of half the height or of all of it, from copied
      // rows.
      constexpr int copying = 2;
      first[rows] = tile_rows;
      cost[rows] = rows >= tile_rows       ? tile_rows + cost[rows - tile_rows]
                   : rows <= tile_rows / 2 ? tile_rows / 2 + copying
                                           : tile_rows + copying;
      if (rows < low || low + cost[rows - low] >= cost[rows]) continue;
      first[rows] = low;
      cost[rows] = low + cost[rows - low];
    }
  }
};

/// How rows are cut into tiles. Fourteen rows of registers are no part of most batches: tiles of eight rows,
/// which are as fast for a row, take what fourteen would leave.
class RowTiles {
  static constexpr RowTilesPlan plan{};

 public:
  static constexpr int low = RowTilesPlan::low;
  static constexpr bool mixed = tile_rows > low;  ///< whether there are two heights

  /// Rows of the next tile where `left` are left (the last may have fewer).
  static long next(long left) { return !mixed || left >= block_rows ? tile_rows : plan.first[left]; }
  /// What so many rows cost, in rows.
  static long cost(long rows) {
    if (!mixed) return divide_up(rows, tile_rows) * tile_rows;
    return rows / block_rows * block_rows + plan.cost[rows % block_rows];
  }
  /// The units of rows that parts are cut in: those with which the largest of `parts` costs less.
  static long unit(long rows, long parts) {
    return mixed && part_cost(rows, parts, low) < part_cost(rows, parts, tile_rows) ? low : tile_rows;
  }
  /// The cost of the largest part.
  static long part_cost(long rows, long parts, long unit) {
    return cost(std::min(rows, divide_up(divide_up(rows, unit), parts) * unit));
  }
};

}  // namespace mmdl::detail
