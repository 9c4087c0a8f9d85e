// SPDX-License-Identifier: Apache-2.0
// The matrix product under convolutions and linear layers: packed, blocked for the caches, on all threads.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../core/work_shares.hpp"
#include "gemm_narrow_part.hpp"
#include "gemm_part.hpp"
#include "row_tiles.hpp"

namespace mmdl::detail {

/// How the product is divided among threads: parts of the rows, of the columns, of the depth.
struct GemmParts {
  long rows = 1, columns = 1, depth = 1;
  long count() const { return rows * columns * depth; }
};

/// What it costs to read a row of the first factor, and a column of the second, for each step: as much as so
/// many multiplications. What costs about the same is divided by rows rather than by columns: each row is
/// then copied by one thread only, and the threads can help each other.
struct GemmCosts {
  double row = 8.0, column = 8.0;
  double by_columns = 1.05;  // times as much

  /// Rows were mostly written by the thread that had them before, and lie in its cache: where multiplying is
  /// cheap, to read another's is not.
  static constexpr GemmCosts of_tile_unit() { return {32.0, 8.0, 1.0}; }
  /// A line is read once for all taps; the second factor is large, and comes from a far cache.
  static constexpr GemmCosts of_lines() { return {16.0, 64.0, 1.0}; }
};

/// The division with the least work for the busiest thread: multiplying, reading and packing, adding partial
/// sums. The largest of so many parts of the rows costs as much as `part_rows(parts)` rows.
template <class PartRows>
GemmParts gemm_parts(long rows, long columns, long depth, const PartRows& part_rows, const GemmCosts& costs,
                     long panel, bool split_depth, long threads) {
  GemmParts best;
  // Less than starting a thread costs. Of few rows it is the reading of the second factor that takes time.
  if (depth * (rows * columns + 8 * (rows + columns)) < 300000) return best;
  const auto tiles = [](long extent, long tile, long parts) {
    return static_cast<double>(divide_up(divide_up(extent, tile), parts) * tile);
  };
  const bool may_split = split_depth && rows * columns <= split_depth_limit;
  double least = 1e300;
  for (long m = 1; m <= threads; ++m)
    for (long n = 1; m * n <= threads; ++n) {
      const long k = may_split ? std::min(threads / (m * n), divide_up(depth, 64)) : 1;
      const double height = static_cast<double>(part_rows(m)), width = tiles(columns, panel, n);
      const double steps = static_cast<double>(depth) / static_cast<double>(k);
      const double product = steps * (height * width + costs.row * height + costs.column * width);
      const double cost =
          product * (n > 1 ? costs.by_columns : 1.0) +
          (k > 1 ? 8.0 * static_cast<double>(rows * columns * k) / static_cast<double>(threads) : 0.0);
      if (cost < least) least = cost, best = {m, n, k};
    }
  return best;
}

/// Numbers of scratch of one thread.
template <class T>
constexpr long gemm_block_size() {
  return std::max(GemmPart<T, T>::scratch_size, GemmPart<T, Wide<T>>::scratch_size);
}

/// Numbers of scratch that `gemm` wants for now, on thread_count() threads. `split_depth` as there.
template <class T>
long gemm_workspace(long rows, long columns, bool split_depth) {
  const long partial = split_depth && rows * columns <= split_depth_limit ? rows * columns : 0;
  return thread_count() * (gemm_block_size<T>() + divide_up(partial, 16) * 16) + 16;
}

/// Numbers of a packed second factor.
template <class T>
long packed_factor_size(long depth, long columns) {
  return packed_place<T>(columns, is_narrow<T> ? narrow_pairs(depth) : depth, 0, 0);
}

/// Packs the whole second factor of `depth` x `columns`, for products that are computed often.
template <class T>
void pack_factor(const WeightMatrix<Wide<T>>& b, long depth, long columns, Packed<T>* to) {
  constexpr long panel = tile_columns<T>, step = is_narrow<T> ? 2 : 1;
  constexpr long block = step * block_depth<Packed<T>>;
  const long panels = divide_up(columns, panel);
  parallel_ranges(panels * divide_up(depth, block), 1, [&](long begin, long end) {
    for (long task = begin; task < end; ++task) {
      const long k = task / panels * block, k_end = std::min(k + block, depth);
      const long column = task % panels * panel, column_end = std::min(column + panel, columns);
      Packed<T>* place =
          to + packed_place<T>(columns, k / step, is_narrow<T> ? narrow_pairs(k_end - k) : k_end - k, column);
      if constexpr (is_narrow<T>)
        NarrowPacking(b).pack(k, k_end, column, column_end, place);
      else
        b.pack(k, k_end, column, column_end, panel, place);
    }
  });
}

/// output += the sums of the later parts of the depth, in their order.
template <class T, class Output>
void add_partials(const Gemm<T, Output>& g, const Output* partials, long depth_parts) {
  if (depth_parts == 1) return;
  const long rows = g.rows(), columns = g.columns;
  parallel_ranges(rows, divide_up(4096, columns), [&](long begin, long end) {
    for (long row = begin; row < end; ++row) {
      Output* to = g.output + g.layout.offset(row);
      for (long k = 1; k < depth_parts; ++k) {
        const Output* from = partials + ((k - 1) * rows + row) * columns;
        for (long c = 0; c < columns; ++c) to[c] += from[c];
      }
      if (g.update != nullptr) (*g.update)(row * columns, to, columns);
    }
  });
}

/// How a product is divided, and the units of rows that its parts are cut in.
struct GemmDivision {
  GemmParts parts;
  long unit = 0;
};

template <class T, class Output>
GemmDivision gemm_division(const Gemm<T, Output>& g, [[maybe_unused]] Wide<T>* workspace, bool split_depth) {
  const long rows = g.rows();
  const auto divide = [&](const GemmCosts& costs, const auto& unit_of, const auto& cost_of) {
    const GemmParts parts = gemm_parts(
        rows, g.columns, g.depth(), [&](long m) { return cost_of(m, unit_of(m)); }, costs, tile_columns<T>,
        split_depth && !is_narrow<Output>, thread_count());
    return GemmDivision{parts, unit_of(parts.rows)};
  };
  // Of the largest of m parts, cut in whole units.
  const auto part_rows = [&](long m, long unit) { return divide_up(divide_up(rows, unit), m) * unit; };
  if constexpr (is_narrow<T>) {
    if (!TileUnit::available())
      return divide(
          GemmCosts{}, [](long) { return tile_rows; }, part_rows);
    const TileUnitPart<Output> part(g, workspace);
    if (!part.by_lines())
      return divide(
          GemmCosts::of_tile_unit(), [](long) { return tile_size; }, part_rows);
    return divide(
        GemmCosts::of_lines(), [&](long m) { return part.lines_unit(m); },
        [&](long m, long unit) { return part.lines_cost(std::min(rows, part_rows(m, unit))); });
  } else {
    if (g.transpose_a)
      return divide(
          GemmCosts{}, [](long) { return transposed_tile_rows; }, part_rows);
    return divide(
        GemmCosts{}, [&](long m) { return RowTiles::unit(rows, m); },
        [&](long m, long unit) { return RowTiles::part_cost(rows, m, unit); });
  }
}

/// Runs the product. `split_depth`: the depth may be divided among threads too (then the epilogue must be
/// plain). `workspace`: gemm_workspace() numbers. The order of every sum depends on the thread count alone.
template <class T, class Output>
void gemm(const Gemm<T, Output>& g, Wide<T>* workspace, bool split_depth = false) {
  const long rows = g.rows(), columns = g.columns, depth = g.depth();
  const long panel = tile_columns<T>;
  if (rows == 0) return;  // an empty batch
  const GemmDivision division = gemm_division(g, workspace, split_depth);
  const GemmParts& parts = division.parts;
  const long unit = division.unit;
  // With a packed factor nothing is prepared for a part: parts may be small, but for what starting one costs.
  // (Whole blocks of the tile unit's rows would be too large, and part of one wastes it.)
  const bool small_parts = g.packed_b != nullptr && !(is_narrow<T> && TileUnit::exists);
  if (small_parts && parts.rows > 1 && parts.count() == parts.rows) {
    constexpr long least_work = 500000;  // multiplications
    parallel_shares(divide_up(rows, unit), divide_up(least_work, depth * columns * unit),
                    [&](int thread, long begin, long end) {
                      GemmPart<T, Output>(g, workspace + thread * gemm_block_size<T>())
                          .run(begin * unit, std::min(rows, end * unit), 0, columns, 0, depth, g.output,
                               g.layout, g.epilogue.accumulate);
                    });
    return;
  }
  Wide<T>* const partials = workspace + parts.count() * gemm_block_size<T>();
  const RowLayout partial_layout{1, rows, 0, 0, columns};
  const auto cut = [](long extent, long piece, long part, long count) {
    return std::min(extent, divide_up(extent, piece) * part / count * piece);
  };
  parallel_ranges(parts.count(), 1, [&](long begin, long end) {
    for (long task = begin; task < end; ++task) {
      const long part_m = task % parts.rows, part_n = task / parts.rows % parts.columns;
      const long part_k = task / parts.rows / parts.columns;
      GemmPart<T, Output> part(g, workspace + task * gemm_block_size<T>());
      const auto run = [&](Output* output, const RowLayout& layout, bool accumulate) {
        part.run(cut(rows, unit, part_m, parts.rows), cut(rows, unit, part_m + 1, parts.rows),
                 cut(columns, panel, part_n, parts.columns), cut(columns, panel, part_n + 1, parts.columns),
                 cut(depth, 2, part_k, parts.depth), cut(depth, 2, part_k + 1, parts.depth), output, layout,
                 accumulate);
      };
      if (part_k == 0) {
        run(g.output, g.layout, g.epilogue.accumulate);
      } else if constexpr (!is_narrow<Output>) {  // a narrow output's depth is not divided
        run(partials + (part_k - 1) * rows * columns, partial_layout, false);
      }
    }
  });
  if constexpr (!is_narrow<Output>) add_partials(g, partials, parts.depth);
}

}  // namespace mmdl::detail
