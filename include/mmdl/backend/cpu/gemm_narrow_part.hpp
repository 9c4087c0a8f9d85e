// SPDX-License-Identifier: Apache-2.0
// What one thread does of a product of narrow numbers.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../core/simd.hpp"
#include "gemm_ahead.hpp"
#include "gemm_blocks.hpp"
#include "gemm_narrow_source.hpp"
#include "gemm_narrow_whole_tile.hpp"
#include "gemm_tile_unit.hpp"

namespace mmdl::detail {

/// Sums are floats throughout: where the output is narrow and the depth has several blocks, they wait for the
/// last block in scratch memory, for a strip of rows at a time.
template <class Output>
class GemmPart<BFloat16, Output> {
  static constexpr long panel = NarrowPacking<float>::panel;
  static constexpr long width = simd_width<NarrowPair>;
  static constexpr long depth_pairs = block_depth<NarrowPair>, row_pairs = packed_row<NarrowPair>;
  static constexpr long rows_of_block = block_rows;
  static constexpr long strip_rows = 8 * rows_of_block;
  static constexpr long line_length = divide_up(rows_of_block, width) * width;
  static constexpr long packed_a_size = (line_length + tile_rows) * row_pairs;
  static constexpr long turning_size = 2 * width * line_length;  // pairs, and the lines they are joined from
  static constexpr long packed_b_size = depth_pairs * block_columns;
  static constexpr long factors_size = widens_pairs ? 2 * tile_rows * row_pairs : 0;
  static constexpr long sums_size = is_narrow<Output> ? strip_rows * block_columns : 0;

 public:
  /// Floats of scratch wanted.
  static constexpr long scratch_size =
      std::max(divide_up(packed_b_size + packed_a_size + turning_size + factors_size + sums_size, 16) * 16,
               TileUnit::exists ? TileUnitPart<Output>::scratch_size : 0);

  GemmPart(const Gemm<BFloat16, Output>& g, float* scratch)
      : g_(g),
        bounded_(g.epilogue),
        scratch_(scratch),
        packed_b_(reinterpret_cast<NarrowPair*>(scratch)),
        packed_a_(packed_b_ + packed_b_size),
        turning_(packed_a_ + packed_a_size),
        factors_(reinterpret_cast<NarrowFactor*>(turning_ + turning_size)),
        sums_(scratch + packed_b_size + packed_a_size + turning_size + factors_size),
        ahead_(scratch) {}

  /// Rows [m0, m1), columns [n0, n1), steps [k0, k1); k0 is even.
  void run(long m0, long m1, long n0, long n1, long k0, long k1, Output* output, const RowLayout& layout,
           bool accumulate) {
    if constexpr (TileUnit::exists)
      if (TileUnit::available()) {
        TileUnitPart<Output>(g_, scratch_).run(m0, m1, n0, n1, k0, k1, output, layout, accumulate);
        return;
      }
    const NarrowPacking packing(g_.b);
    const bool updates = g_.update != nullptr && k1 - k0 == g_.depth();
    const bool once = updates && k1 - k0 <= 2 * depth_pairs;
    const bool strips = is_narrow<Output> && k1 - k0 > 2 * depth_pairs;
    for (long n = n0; n < n1; n += block_columns) {
      const long n_end = std::min(n + block_columns, n1);
      for (long strip = m0; strip < m1;) {
        const long strip_end = strips ? std::min(strip + strip_rows, m1) : m1;
        for (long k = k0; k < k1; k += 2 * depth_pairs) {
          const long k_end = std::min(k + 2 * depth_pairs, k1);
          const long pairs = narrow_pairs(k_end - k);
          const NarrowPair* packed = packed_b_;
          if (g_.packed_b != nullptr)
            packed = g_.packed_b + packed_place<BFloat16>(g_.columns, k / 2, pairs, n);
          else
            packing.pack(k, k_end, n, n_end, packed_b_);
          const bool ends = k_end == k1;  // and the next block begins again
          const long next = ends ? k0 : k_end, next_steps = std::min(2 * depth_pairs, k1 - next);
          ahead_.second = ends && strip_end == m1 ? second_factor(next, next_steps, n_end, n1)
                                                  : second_factor(next, next_steps, n, n_end);
          ahead_.share_turns(divide_up(strip_end - strip, tile_rows),
                             divide_up(n_end - n, panel) * pairs / 2);
          for (long m = strip; m < strip_end; m += rows_of_block) {
            const long m_end = std::min(m + rows_of_block, strip_end);
            pack_rows(m, m_end, k, k_end);
            if (m_end < strip_end)
              ahead_.first = first_factor(m_end, std::min(rows_of_block, strip_end - m_end), k, k_end - k);
            else if (!ends)
              ahead_.first =
                  first_factor(strip, std::min(rows_of_block, strip_end - strip), next, next_steps);
            ahead_.spread_first((m_end - m) / tile_rows);
            const long place = once ? m0 : m;  // all of the part's rows in one place, which the cache holds
            layout.offsets(place, place + m_end - m, offsets_);
            const Block block{packed, m - strip, m_end - m, n, n_end, pairs};
            multiply_block(block, output, k == k0, k_end == k1, accumulate);
            if (updates && k_end == k1) g_.update_rows(m, m_end, n, n_end, output, offsets_);
          }
        }
        strip = strip_end;
      }
    }
  }

 private:
  struct Block {
    const NarrowPair* b;
    long first_row, rows;  // the first is counted from the strip's
    long n, n_end;
    long pairs;
  };

  /// To ask for: the second factor's columns [n, n_end), or of all that follow as many as a block has.
  FetchAhead second_factor(long k, long steps, long n, long n_end) const {
    const long columns = std::min(block_columns, n_end - n);
    if (columns <= 0) return FetchAhead(nullptr);
    if (g_.packed_b != nullptr) {
      const long pairs = narrow_pairs(steps);
      return {g_.packed_b + packed_place<BFloat16>(g_.columns, k / 2, pairs, n), 1,
              divide_up(columns, panel) * panel * pairs, 0};
    }
    if (g_.b.transposed) return FetchAhead(nullptr);
    return {g_.b.data + k * g_.b.stride + n, steps, columns, g_.b.stride};
  }
  /// And the first factor's rows, where they are a plain matrix's.
  FetchAhead first_factor(long m, long rows, long k, long steps) const {
    if (!g_.a.plain()) return FetchAhead(nullptr);
    return block_ahead(g_.a, g_.transpose_a, m, rows, k, steps);
  }

  /// Each row's steps in pairs, filled up with zeros.
  void pack_rows(long m, long m_end, long k, long k_end) {
    if (g_.transpose_a) {
      pack_turned_lines(g_.a, m, m_end, k, k_end, packed_a_, row_pairs, turning_, line_length);
      return;
    }
    auto* const to = reinterpret_cast<BFloat16*>(packed_a_);
    g_.a.gather(m, m_end, k, k_end, to, 2 * row_pairs);
    const long steps = k_end - k, filled = 2 * narrow_pairs(steps);
    if (steps < filled)
      for (long row = 0; row < m_end - m; ++row)
        std::fill(to + 2 * row * row_pairs + steps, to + 2 * row * row_pairs + filled, BFloat16{});
  }

  void multiply_block(const Block& block, Output* output, bool first, bool last, bool accumulate) {
    alignas(64) float sums[tile_rows * panel];
    const bool apply = last && !g_.epilogue.plain(), bounded = !apply || g_.epilogue.bounded();
    for (long row = 0; row < block.rows; row += tile_rows) {
      const NarrowPair* const pairs = packed_a_ + row * row_pairs;
      const long height = std::min<long>(tile_rows, block.rows - row);
      const NarrowFactor* const factors = narrow_factors(height, block.pairs, pairs, row_pairs, factors_);
      long column = block.n;
      if (height == tile_rows && bounded) {
        TileFinish<Output> finish{bounded_, output, offsets_ + row, column, accumulate, apply};
        WaitingSums waiting{nullptr, block_columns, first, last};
        if constexpr (is_narrow<Output>) {
          if (!(first && last)) waiting.place = sums_ + (block.first_row + row) * block_columns;
        } else {
          waiting.last = true;  // they wait in the output
          finish.add |= !first;
        }
        for (; column + panel <= block.n_end; column += panel) {
          finish.column = column;
          const NarrowPair* const b = block.b + (column - block.n) * block.pairs;
          multiply_whole_narrow_tile<tile_rows>(block.pairs, factors, factors_of_pair * row_pairs, b, finish,
                                                waiting, ahead_.next());
          if (waiting.place != nullptr) waiting.place += panel;
        }
      }
      for (; column < block.n_end; column += panel) {
        const NarrowPair* b = block.b + (column - block.n) * block.pairs;
        const long columns = std::min(panel, block.n_end - column);
        multiply_narrow_rows(height, block.pairs, factors, factors_of_pair * row_pairs, b, sums);
        bool add = accumulate || !first;
        if constexpr (is_narrow<Output>) {
          float* const waiting = sums_ + (block.first_row + row) * block_columns + column - block.n;
          if (!wait(waiting, height, columns, first, last, sums)) continue;
          add = accumulate;
        }
        finish_tile(sums, height, columns, output, offsets_ + row, column, add, last, g_.epilogue);
      }
    }
  }

  /// Adds what waits to the sums, or puts the sums there; true when they are complete.
  static bool wait(float* waiting, long rows, long columns, bool first, bool last, float* sums) {
    if (first && last) return true;
    for (long r = 0; r < rows; ++r, waiting += block_columns, sums += panel) {
      if (!first) {
        MMDL_SIMD
        for (long c = 0; c < columns; ++c) sums[c] += waiting[c];
      }
      if (!last) std::copy_n(sums, columns, waiting);
    }
    return last;
  }

  const Gemm<BFloat16, Output>& g_;
  BoundedEpilogue<Output> bounded_;  // where the epilogue is one
  float* scratch_;
  NarrowPair* packed_b_;
  NarrowPair* packed_a_;
  NarrowPair* turning_;
  NarrowFactor* factors_;
  float* sums_;
  GemmAhead ahead_;
  long offsets_[rows_of_block];
};

}  // namespace mmdl::detail
