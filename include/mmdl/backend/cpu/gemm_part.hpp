// SPDX-License-Identifier: Apache-2.0
// What one thread does of a matrix product.
#pragma once

#include <algorithm>

#include "gemm_ahead.hpp"
#include "gemm_first_factor.hpp"
#include "gemm_turned_product.hpp"

namespace mmdl::detail {

/// One thread's part of the product: rows [m0, m1), columns [n0, n1), steps [k0, k1).
template <class T>
requires(!is_narrow<T>) class GemmPart<T, T> {
  static constexpr long near_bytes = 4L << 20;  // of three matrices that the caches hold
  static constexpr bool many_rows = FirstFactor<T>::many_rows;
  // Rows from which on a second factor of short rows repays its copy.
  static constexpr long repaying_rows = many_rows ? block_rows : 4 * tile_rows;

 public:
  /// Numbers of scratch wanted.
  static constexpr long scratch_size = FirstFactor<T>::scratch_size + single_block<T> * block_columns;

  GemmPart(const Gemm<T>& g, T* scratch)
      : g_(g),
        bounded_(g.epilogue),
        near_(g.a.plain() && bytes(g) <= near_bytes),
        packed_b_(scratch),
        first_(g.a, g.turned, scratch + single_block<T> * block_columns),
        ahead_(scratch) {}

  [[gnu::noinline]] void run(long m0, long m1, long n0, long n1, long k0, long k1, T* output,
                             const RowLayout& layout, bool accumulate) {
    if (m0 == m1) return;  // more parts than units of rows
    const long block = steps_of_block(k1 - k0);
    const long rows_of_block = block_rows / first_.tile_height() * first_.tile_height();
    const bool updates = g_.update != nullptr && k1 - k0 == g_.depth(), once = updates && k1 - k0 <= block;
    for (long n = n0; n < n1; n += block_columns) {
      const long n_end = std::min(n + block_columns, n1);
      for (long k = k0; k < k1; k += block) {
        const long k_end = std::min(k + block, k1);
        // Few rows would not repay the copy: whole tiles of columns are then read where they are. For more
        // than one tile of rows they must stay in the cache, where rows far apart push each other out.
        const long repaying = g_.b.stride * static_cast<long>(sizeof(T)) <= 1024 ? repaying_rows : tile_rows;
        const bool in_place =
            !g_.b.transposed && g_.packed_b == nullptr && m1 - m0 <= (near_ ? repaying : tile_rows);
        const bool packed = !in_place || n_end < tile_columns<T>;
        const T* from = packed_b_;
        if (!packed)
          from = g_.b.data + k * g_.b.stride + n;
        else if (g_.packed_b != nullptr)
          from = g_.packed_b + packed_place<T>(g_.columns, k, k_end - k, n);
        else
          g_.b.pack(k, k_end, n, n_end, tile_columns<T>, packed_b_);
        if (from == packed_b_ && !g_.b.transposed && k_end < k1)
          ahead_.second = {g_.b.data + k_end * g_.b.stride + n, std::min(block, k1 - k_end), n_end - n,
                           g_.b.stride};
        else if (g_.packed_b != nullptr)
          ahead_.second = k_end < k1 ? packed_panels(k_end, std::min(block, k1 - k_end), n, n_end)
                                     : packed_panels(k0, std::min(block, k1 - k0), n_end,
                                                     std::min(n_end + block_columns, n1));
        by_columns_ = packed && columns_repay(n_end - n, k_end - k);
        first_.read(!in_place, n_end - n, by_columns_, k_end - k == g_.depth());
        ahead_.share_turns(divide_up(m1 - m0, first_.tile_height()),
                           divide_up(n_end - n, tile_columns<T>) * ((k_end - k) / steps_at_once));
        for (long m = m0; m < m1; m += rows_of_block) {
          const long m_end = std::min(m + rows_of_block, m1);
          first_.pack(m, m_end, k, k_end);
          if (!first_.in_place() && g_.a.plain() && (m_end < m1 || k_end < k1))
            ahead_.first = m_end < m1 ? first_.ahead(m_end, std::min(rows_of_block, m1 - m_end), k, k_end - k)
                                      : first_.ahead(m0, std::min(rows_of_block, m1 - m0), k_end,
                                                     std::min(block, k1 - k_end));
          if (!first_.in_place()) ahead_.spread_first((m_end - m) / first_.tile_height());
          const long place = once ? m0 : m;  // all of the part's rows in one place, which the cache holds
          layout.offsets(place, place + m_end - m, offsets_);
          multiply_block(from, packed, m, m_end - m, n, n_end, k, k_end, output, accumulate || k > k0,
                         k_end == k1);
          if (updates && k_end == k1) g_.update_rows(m, m_end, n, n_end, output, offsets_);
        }
      }
    }
  }

 private:
  /// Of both factors and the output.
  static long bytes(const Gemm<T>& g) {
    return (g.rows() * (g.depth() + g.columns) + g.depth() * g.columns) * static_cast<long>(sizeof(T));
  }

  /// Steps of a block, of `depth` in all. Those of packed factors were decided when packing.
  long steps_of_block(long depth) const {
    if (!g_.transpose_a) return block_depth<T>;
    const long blocks = depth <= single_block<T> ? 1 : divide_up(depth, deepest_block<T>);
    return std::max(4L, divide_up(divide_up(depth, blocks), 4) * 4);  // four steps are computed at once
  }

  /// The packed panels of the columns [n, n_end), steps from `k` on: none if there are none.
  FetchAhead packed_panels(long k, long steps, long n, long n_end) const {
    const long columns = divide_up(n_end - n, tile_columns<T>) * tile_columns<T>;
    return {g_.packed_b + packed_place<T>(g_.columns, k, steps, n), columns > 0 ? 1 : 0, columns * steps, 0};
  }

  /// Tile by tile, of columns that were packed, or else are read where they are.
  [[gnu::noinline]] void multiply_block(const T* b, bool packed, long m, long rows, long n, long n_end,
                                        long k, long k_end, T* output, bool add, bool last) {
    const long steps = k_end - k;
    const bool apply = last && !g_.epilogue.plain(), bounded = !apply || g_.epilogue.bounded();
    const long panel_step = tile_columns<T> * (packed ? steps : 1);
    long row = 0;
    // Of these rows, only the columns from `whole_end` on are left to do.
    const long whole_rows = by_columns_ ? rows / tile_rows * tile_rows : 0;
    const long whole_end = n + (n_end - n) / tile_columns<T> * tile_columns<T>;
    if (whole_rows > 0) {
      multiply_columns(b, m, whole_rows / tile_rows, n, whole_end, k, steps, output, add, apply);
      if (whole_end == n_end) row = whole_rows;
    }
    for (long height; row < rows; row += height) {
      const long limit = first_.tile_limit(m + row, rows - row), tile = first_.next_tile(limit);
      height = std::min(tile, limit);
      TileSource<T> source = first_.tile(m, row, k, steps);
      bool to_pack = first_.in_place();  // by those that read only packed rows
      if (first_.in_place()) {
        const TileSource<T> there = first_.tile_in_place(m + row, height, k);
        if (there.a != nullptr) {
          source = there;
        } else {
          first_.pack_tile(m, row, height, k, k_end);
          to_pack = false;
        }
        if (g_.a.plain()) {
          ahead_.first = {there.a + height * there.row,
                          std::min<long>(tile_rows, g_.a.rows() - (m + row + height)), steps, there.row};
          ahead_.spread_first(1);
        }
      }
      long column = row < whole_rows ? whole_end : n;
      const T* panel = b + (column - n) / tile_columns<T> * panel_step;
      if (packed && bounded && height == tile) {
        TileFinish<T> finish{bounded_, output, offsets_ + row, column, add, apply};
        for (; column + tile_columns<T> <= n_end; column += tile_columns<T>, panel += panel_step) {
          finish.column = column;
          multiply_whole<2>(steps, source, panel, finish, height, ahead_.next());
        }
        if (n_end - column == simd_width<T> && !g_.transpose_a) {
          finish.column = column;
          multiply_whole<1>(steps, source, panel, finish, height, ahead_.next());
          column = n_end;
        }
      }
      for (; column < n_end; column += tile_columns<T>, panel += panel_step) {
        if (to_pack) {
          first_.pack_tile(m, row, height, k, k_end);
          to_pack = false;
        }
        // A last tile that is read where it is begins earlier, so that it does not reach beyond the row.
        const long width = std::min(tile_columns<T>, n_end - column);
        fetch_results(output, row, height, column, width, apply);
        const long before = packed ? 0 : tile_columns<T> - width;
        multiply_edge(source, row, height, steps, panel - before, packed ? tile_columns<T> : g_.b.stride,
                      before, width, column, output, add, last);
      }
    }
  }

  /// Whether tiles one below the other are multiplied with each panel, which is then read from a near cache:
  /// low ones, where panels are several. Rows of patches are copied for it: for a few panels, which stay in
  /// the second cache in the other order too, that does not repay, but for tiles of few steps, where it is
  /// their beginnings and ends that take time, which overlap here.
  bool columns_repay(long columns, long steps) const {
    const long few = g_.a.plain() ? 1 : 8;
    return !many_rows && (g_.epilogue.plain() || g_.epilogue.bounded()) &&
           (columns > few * tile_columns<T> || steps <= 160);
  }

  /// `tiles` whole tiles of rows from row `m` on, and whole ones of columns: as many one below the other as
  /// the second cache holds beside the panels.
  void multiply_columns(const T* b, long m, long tiles, long n, long n_end, long k, long steps, T* output,
                        bool add, bool apply) {
    if constexpr (!many_rows) {
      constexpr long at_once = 9;
      const long pieces = divide_up(tiles, at_once), panels = (n_end - n) / tile_columns<T>;
      for (long piece = 0; piece < pieces; ++piece) {
        const long first = tiles * piece / pieces, count = tiles * (piece + 1) / pieces - first;
        const long row = first * tile_rows, after = m + row + count * tile_rows;
        const TileColumnSource<T> source = first_.column(m, row, k, steps);
        if (first_.in_place()) {
          ahead_.first = first_.ahead(after, std::min(count * tile_rows, g_.a.rows() - after), k, steps);
          ahead_.first.spread(panels * count * (steps / steps_at_once) / 2);
        }
        TileFinish<T> finish{bounded_, output, offsets_ + row, n, add, apply};
        for (const T* panel = b; finish.column < n_end; finish.column += tile_columns<T>) {
          if (g_.transpose_a)
            g_.turned->tile_column(steps, count, source, panel, finish, ahead_.next());
          else
            multiply_tile_column<tile_rows, false>(steps, count, source, panel, finish, ahead_.next());
          panel += tile_columns<T> * steps;
        }
      }
    }
  }

  /// A whole tile, or one of at most `height` rows.
  template <int Vectors>
  void multiply_whole(long steps, const TileSource<T>& source, const T* panel, const TileFinish<T>& finish,
                      [[maybe_unused]] long height, FetchAhead& later) {
    if constexpr (Vectors == 2)
      if (g_.transpose_a) return g_.turned->whole_tile(steps, source, panel, finish, later);
    if constexpr (RowTiles::mixed)
      if (height <= RowTiles::low)
        return multiply_whole_tile<RowTiles::low, false, Vectors>(steps, source, panel, finish, later);
    multiply_whole_tile<tile_rows, false, Vectors>(steps, source, panel, finish, later);
  }

  /// Asks for the lines that a tile is written to when it is done, and those that are added to it then. A
  /// store to a line that is elsewhere holds up those after it.
  void fetch_results(const T* output, long row, long height, long column, long width, bool apply) const {
    constexpr long line = 64 / static_cast<long>(sizeof(T));
    const T* const residual = apply ? g_.epilogue.residual : nullptr;
    for (long r = 0; r < height; ++r) {
      const long offset = offsets_[row + r] + column;
      for (long i = 0; i < width; i += line) {
        __builtin_prefetch(output + offset + i, 1);
        if (residual != nullptr) __builtin_prefetch(residual + offset + i);
      }
    }
  }

  /// A tile that is not whole, or whose second factor is read where it is: the numbers of `b` from `before`
  /// on. Of the first a turned one is read from `source`, another from its packed rows.
  void multiply_edge(const TileSource<T>& source, long row, long height, long steps, const T* b, long b_step,
                     long before, long columns, long column, T* output, bool add, bool last) {
    alignas(64) T sums[tile_rows * tile_columns<T>];
    FetchAhead& ahead = ahead_.next();
    const bool slim = b_step == tile_columns<T> && before == 0 && columns <= simd_width<T>;
    if (g_.transpose_a) {
      (slim ? g_.turned->slim_tile : g_.turned->tile)(steps, source.a, source.step, b, b_step, sums, ahead);
    } else {
      const T* const a = first_.packed_tile(row, steps);
      const TileSource<T> rows = first_.in_lines() ? source : TileSource<T>{a, packed_row<T>, 1, steps};
      const TileFinish<T> to_sums{bounded_, sums, places_of_sums.offsets, 0, false, false};
      if (height == 1 && !first_.in_lines())
        multiply_row(steps, a, b, b_step, sums, ahead);
      else if (slim)
        multiply_whole<1>(steps, rows, b, to_sums, height, ahead);
      else if (first_.in_lines())
        multiply_whole<2>(steps, rows, b, to_sums, height, ahead);
      else if (height <= tile_rows / 2)
        multiply_tile<tile_rows / 2, packed_row<T>, 2>(steps, a, 1, b, b_step, sums, ahead);
      else if (many_rows && height == 8)  // a batch of them is usual
        multiply_tile<many_rows ? 8 : tile_rows, packed_row<T>, 2>(steps, a, 1, b, b_step, sums, ahead);
      else
        multiply_tile<tile_rows, packed_row<T>, 2>(steps, a, 1, b, b_step, sums, ahead);
    }
    finish_tile(sums + before, height, columns, output, offsets_ + row, column, add, last, g_.epilogue);
  }

  /// Where the rows of a tile's sums are, when they are put away.
  struct PlacesOfSums {
    long offsets[tile_rows];
    constexpr PlacesOfSums() : offsets{} {
      for (long r = 0; r < tile_rows; ++r) offsets[r] = r * tile_columns<T>;
    }
  };
  static constexpr PlacesOfSums places_of_sums{};

  const Gemm<T>& g_;
  BoundedEpilogue<T> bounded_;  // where the epilogue is one
  bool near_;                   // whether the matrices, the first a plain one, are found in the caches
  T* packed_b_;
  FirstFactor<T> first_;
  GemmAhead ahead_;
  bool by_columns_ = false;  // tiles one below the other, in the block
  long offsets_[block_rows];
};

}  // namespace mmdl::detail
