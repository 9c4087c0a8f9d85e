// SPDX-License-Identifier: Apache-2.0
// What one thread does of a product of narrow numbers by the CPU's tile unit.
#pragma once

#include <algorithm>

#include "fetch_ahead.hpp"
#include "gemm_ahead.hpp"
#include "gemm_blocks.hpp"
#include "padded_lines.hpp"
#include "tile_unit_packing.hpp"
#include "tile_unit_panels.hpp"
#include "tile_unit_results.hpp"

namespace mmdl::detail {

/// Tiles of 32 x 32 sums. The depth is taken in blocks that leave both factors' tiles in the first cache, or
/// in one where the second factor's panels stay in the second; between two blocks the sums wait as tiles in
/// scratch memory, and the whole sum is finished while it is hot. The first factor is read where it lies if
/// it can be: the rows of a plain matrix, or the lines of an image (`PaddedLines`); else it is copied a block
/// at a time.
template <class Output>
class TileUnitPart {
  static constexpr long unit = tile_size, block_steps = tile_block_steps, group_rows = tile_group_rows;
  static constexpr long most_joined = most_joined_blocks;
  static constexpr long steps_of_block = block_steps / unit;  // tiles' steps
  static constexpr long waiting_rows = 1024;
  static constexpr long joined_room = 384L << 10;  // numbers
  static constexpr long tile_sums = unit * unit;
  static constexpr long lines_room = 384L << 10;  // numbers
  static constexpr long panels_size = TileUnitPanels<Output>::scratch_size;
  static constexpr long packed_a_size = lines_room / 2;  // pairs
  static_assert(lines_room >= group_rows * tile_row_stride);
  static_assert(lines_room <= group_rows * most_joined * block_steps);  // see joined_blocks
  static constexpr long waiting_size = waiting_rows * block_columns;

 public:
  /// Floats of scratch wanted.
  static constexpr long scratch_size = panels_size + packed_a_size + tile_turning_size + waiting_size;

  TileUnitPart(const Gemm<BFloat16, Output>& g, float* scratch)
      : g_(g),
        panels_(g, reinterpret_cast<NarrowPair*>(scratch)),
        packed_a_(reinterpret_cast<BFloat16*>(scratch + panels_size)),
        turning_(reinterpret_cast<NarrowPair*>(scratch + panels_size + packed_a_size)),
        waiting_(scratch + panels_size + packed_a_size + tile_turning_size),
        results_(g.epilogue) {}

  /// Rows [m0, m1), columns [n0, n1), steps [k0, k1); k0 is even.
  void run(long m0, long m1, long n0, long n1, long k0, long k1, Output* output, const RowLayout& layout,
           bool accumulate) {
    results_.write_to(output, accumulate);
    TileUnit::configure();
    if (k0 == 0 && k1 == g_.depth() && by_lines()) {
      // A line belongs to whom its first row belongs to.
      const long width = g_.a.grid_width;
      run_lines(divide_up(m0, width), divide_up(m1, width), n0, n1, layout);
    } else {
      run_rows(m0, m1, n0, n1, k0, k1, output, layout);
    }
    TileUnit::release();
  }

  /// Whether the first factor is read from copied lines. The same for all threads, whatever their parts are:
  /// a line has one owner. A large second factor is read again for every few rows, which must be enough.
  bool by_lines() const {
    if (g_.transpose_a) return false;
    const PaddedLines<BFloat16> lines(g_.a);
    const long at_once = lines.lines_at_once(g_.a.grid_height, lines_room, rows_at_once());
    if (at_once == 0) return false;
    const long parts =
        std::min(parts_at_once(lines, at_once), g_.a.samples * divide_up(g_.a.grid_height, at_once));
    return panels_.small() || parts * tile_rows_of(lines, at_once) >= group_rows;
  }

  /// The units of rows that `parts` parts are cut in if it is: samples, or lines.
  long lines_unit(long parts) const {
    return g_.a.grid_width * (g_.a.samples % parts == 0 ? g_.a.grid_height : 1);
  }
  /// What so many rows cost then: the rows of their tiles, of which each piece of a sample has whole ones.
  long lines_cost(long rows) const {
    const PaddedLines<BFloat16> lines(g_.a);
    const long height = g_.a.grid_height, count = divide_up(rows, g_.a.grid_width);
    const long at_once = std::min(lines.lines_at_once(height, lines_room, rows_at_once()), count);
    const long pieces = count / height * divide_up(height, at_once) + divide_up(count % height, at_once);
    return pieces * tile_rows_of(lines, at_once);
  }

 private:
  /// Tiles of rows of the first factor, in parts of `part_tiles`, which are `part_stride` apart: step i of
  /// row r of a part lies at data + r * stride + place[i].
  struct Rows {
    const BFloat16* data;
    long stride, part_tiles, part_stride;
    long place[most_joined * steps_of_block];
  };
  static long tile_rows_of(const PaddedLines<BFloat16>& lines, long at_once) {
    return divide_up(lines.rows(at_once), unit) * unit;
  }

  /// Rows to take at once: their sums that wait should leave it that place, if it has one.
  long rows_at_once() const {
    return std::clamp((panels_.small() ? 64L << 10 : 256L << 10) / std::min(g_.columns, block_columns),
                      2 * unit, waiting_rows);
  }
  /// Parts, each `at_once` lines of a sample, to take at once.
  long parts_at_once(const PaddedLines<BFloat16>& lines, long at_once) const {
    return std::max(
        1L, std::min(lines_room / lines.size(at_once), rows_at_once() / tile_rows_of(lines, at_once)));
  }

  /// The lines [line0, line1) of all samples' grids.
  void run_lines(long line0, long line1, long n0, long n1, const RowLayout& layout) {
    const PaddedLines<BFloat16> lines(g_.a);
    const long depth = g_.depth(), height = g_.a.grid_height, width = g_.a.grid_width;
    const long at_once =
        std::min(lines.lines_at_once(height, lines_room, rows_at_once()), std::max(1L, line1 - line0));
    const long most = parts_at_once(lines, at_once), part_rows = tile_rows_of(lines, at_once);
    const long joined = joined_blocks(lines);
    for (long line = line0; line < line1;) {
      long parts = 0;
      for (; parts < most && line < line1; ++parts) {
        const long y = line % height, count = std::min({at_once, height - y, line1 - line});
        lines.copy(line / height, y, count, at_once, packed_a_ + parts * lines.size(at_once));
        long* const offsets = offsets_ + parts * part_rows;
        std::fill_n(offsets, part_rows, -1L);
        for (long i = 0; i < count; ++i)
          layout.offsets((line + i) * width, (line + i + 1) * width, offsets + i * lines.width());
        line += count;
      }
      for (long n = n0; n < n1; n += block_columns)
        for (long k = 0; k < depth; k += joined * block_steps) {
          const TileUnitBlock block = TileUnitBlock::at(n, n1, k, 0, depth, joined);
          panels_.find(block);
          long next = k + joined * block_steps, next_n = n;
          if (next >= depth) next = 0, next_n += block_columns;
          if (next_n >= n1 && line < line1) next_n = n0;
          panels_.ask_for_next(block, TileUnitBlock::at(next_n, n1, next, 0, depth, joined),
                               parts * part_rows);
          Rows rows{packed_a_, lines.pixel_stride(), part_rows / unit, lines.size(at_once), {}};
          for (long i = 0; k + i * unit < block.k_end; ++i)
            rows.place[i] = lines.place(k + i * unit, at_once);
          multiply(block, rows, waiting_, parts * part_rows, NothingAhead{});
        }
    }
  }

  /// Blocks of the depth to take in one: of neighbouring taps a tile reads nearly the same lines, so that the
  /// tiles of all taps, or of a row of them, may need no more of the first cache than those of a block.
  long joined_blocks(const PaddedLines<BFloat16>& lines) const {
    constexpr long room = 28 << 10;  // bytes
    const long row = lines.bytes_of_taps(unit), taps = g_.a.taps_x * g_.a.channels, depth = g_.depth();
    if (g_.packed_b == nullptr) return 1;
    if (row * g_.a.taps_y <= room && depth <= most_joined * block_steps) return divide_up(depth, block_steps);
    if (row <= room && taps % block_steps == 0 && taps <= most_joined * block_steps)
      return taps / block_steps;
    return 1;
  }

  void run_rows(long m0, long m1, long n0, long n1, long k0, long k1, Output* output,
                const RowLayout& layout) {
    const bool updates = g_.update != nullptr && k1 - k0 == g_.depth();
    const long joined = joined_blocks(std::min(block_columns, n1 - n0)), deep = joined * block_steps;
    const bool waits = k1 - k0 > deep;
    const long strip_rows = waits ? (g_.packed_b != nullptr ? group_rows : waiting_rows) : m1 - m0;
    for (long n = n0; n < n1; n += block_columns)
      for (long strip = m0; strip < m1; strip += strip_rows) {
        const long strip_end = std::min(strip + strip_rows, m1);
        for (long k = k0; k < k1; k += deep) {
          const TileUnitBlock block = TileUnitBlock::at(n, n1, k, k0, k1, joined);
          panels_.find(block);
          long next_block = k + deep, next_n = n;
          if (next_block >= k1) next_block = k0, next_n += strip_end < m1 ? 0 : block_columns;
          panels_.ask_for_next(block, TileUnitBlock::at(next_n, n1, next_block, k0, k1, joined),
                               strip_end - strip);
          for (long m = strip; m < strip_end; m += group_rows) {
            const long m_end = std::min(m + group_rows, strip_end);
            const long place = updates ? m0 : m;  // all of the part's rows in one place
            if (block.last) layout.offsets(place, place + m_end - m, offsets_);
            long next = m_end, next_k = k;  // what is read after this
            if (next == strip_end) next = strip, next_k += deep;
            if (next_k >= k1) next = strip_end, next_k = k0;
            multiply_group(
                block, m, m_end, m - strip,
                rows_ahead(next, std::min(next + group_rows, m1), next_k, std::min(next_k + deep, k1)));
            if (updates && block.last) g_.update_rows(m, m_end, block.n, block.n_end, output, offsets_);
          }
        }
      }
  }

  /// Blocks of the depth to take in one of a plain matrix: all, so that no sums wait, where the panels that
  /// each tile of rows meets then keep their place in the second cache.
  long joined_blocks(long columns) const {
    const bool joins = g_.packed_b != nullptr && !g_.transpose_a && g_.a.plain() &&
                       group_rows * (g_.depth() + 2 * unit) <= lines_room &&
                       g_.depth() * columns <= joined_room;
    return joins ? divide_up(g_.depth(), block_steps) : 1;
  }

  /// Asks for a part of the first factor, if it is a matrix; none if it has no rows.
  FetchAhead rows_ahead(long m, long m_end, long k, long k_end) const {
    if (m >= m_end || g_.transpose_a || !g_.a.plain()) return FetchAhead(nullptr);
    return block_ahead(g_.a, false, m, m_end - m, k, k_end - k);
  }

  /// Rows [m, m_end), of which the first is the `waiting`-th of those whose sums wait; what is `ahead` is
  /// asked for once.
  void multiply_group(const TileUnitBlock& block, long m, long m_end, long waiting, const FetchAhead& ahead) {
    const long panels = divide_up(block.n_end - block.n, unit);
    float* const sums = waiting_ + waiting / unit * panels * tile_sums;
    long in_place = 0;  // so many rows
    if (may_stay(block)) {
      in_place = (m_end - m) / unit * unit;
      if (in_place > 0)
        multiply(block, rows_at(g_.a.data + m * g_.a.sample_stride + block.k, g_.a.sample_stride), sums,
                 in_place, ahead);
    }
    if (in_place < m_end - m) {
      const long stride = std::max(tile_row_stride, divide_up(block.k_end - block.k, unit) * unit + unit);
      copy_rows(m + in_place, m_end, block.k, block.k_end, stride);
      offset_ = in_place;
      multiply(block, rows_at(packed_a_, stride), sums + in_place / unit * panels * tile_sums,
               m_end - m - in_place, in_place > 0 ? FetchAhead(nullptr) : ahead);
      offset_ = 0;
    }
  }

  /// Rows `stride` apart, whose steps follow each other.
  static Rows rows_at(const BFloat16* data, long stride) {
    Rows rows{data, stride, waiting_rows, 0, {}};
    for (long i = 0; i < most_joined * steps_of_block; ++i) rows.place[i] = i * unit;
    return rows;
  }

  void copy_rows(long m, long m_end, long k, long k_end, long stride) {
    if (!g_.transpose_a)
      pack_tile_rows(g_.a, m, m_end, k, k_end, packed_a_, stride);
    else if (g_.a.channels % simd_width<NarrowPair> == 0 && m % simd_width<NarrowPair> == 0)
      pack_turned_squares(g_.a, m, m_end, k, k_end, packed_a_);
    else
      pack_turned_lines(g_.a, m, m_end, k, k_end, reinterpret_cast<NarrowPair*>(packed_a_),
                        tile_row_stride / 2, turning_, group_rows);
  }

  /// Whether rows can be read where they lie: tiles of whole steps, and rows that do not share cache sets.
  bool may_stay(const TileUnitBlock& block) const {
    constexpr long page_half = 2048 / static_cast<long>(sizeof(BFloat16));
    return !g_.transpose_a && g_.a.plain() && (block.k_end - block.k) % unit == 0 &&
           (g_.a.sample_stride % page_half != 0 || block.k_end - block.k > 2 * block_steps);
  }

  /// Of copied lines, which are there already; costs their loops nothing.
  struct NothingAhead {
    static constexpr long lines() { return 0; }
    static constexpr void fetch(long) {}
  };

  /// `waiting`: the sums that wait, tiles of a row after one another. While the tile unit multiplies a tile,
  /// the one before it is written, and what this one and the rows to come read is asked for.
  template <class Ahead>
  void multiply(const TileUnitBlock& block, const Rows& rows, float* waiting, long count, Ahead ahead) {
    alignas(64) float tiles[2][tile_sums];
    const long steps = divide_up(block.k_end - block.k, unit),
               panels = divide_up(block.n_end - block.n, unit);
    const long row_bytes = rows.stride * static_cast<long>(sizeof(BFloat16)), share = divide_up(unit, steps);
    TileUnitResults<Output> results = results_;
    const long lines = divide_up(ahead.lines(), divide_up(count, unit) * panels * steps);
    long turn = 0;
    for (long row = 0; row < count; row += unit) {
      const long tile = row / unit;
      const BFloat16* const a =
          rows.data + tile / rows.part_tiles * rows.part_stride + tile % rows.part_tiles * unit * rows.stride;
      const long* const offsets = offsets_ + offset_ + row;
      const long height = std::min(unit, count - row);
      for (long p = 0; p < panels; ++p, ++turn) {
        const long column = block.n + p * unit;
        float* const sums = waiting + (tile * panels + p) * tile_sums;
        if (block.first)
          TileUnit::clear_sums();
        else
          TileUnit::load_sums(sums);
        const auto add_steps = [&](const auto& beside) {
          long i = 0;
          for (const auto* part = panels_.of_block(); i < steps; ++part) {
            const NarrowPair* from = part->pairs + p * part->steps * (unit / 2 * unit);
            for (const long end = i + part->steps; i < end; ++i, from += unit / 2 * unit) {
              TileUnit::add_product(reinterpret_cast<const NarrowPair*>(a + rows.place[i]), row_bytes, from,
                                    unit * static_cast<long>(sizeof(NarrowPair)));
              panels_.ask(from, row == 0);
              ahead.fetch(lines);
              beside(i * share, (i + 1) * share);
            }
          }
        };
        if (!block.last) {
          add_steps([](long, long) {});
          TileUnit::store_sums(sums);
          continue;
        }
        add_steps([&](long begin, long end) {
          results.write(begin, end);
          results.ask_for(offsets, column, begin, std::min(end, height));
        });
        TileUnit::store_sums(tiles[turn % 2]);
        results.hold(tiles[turn % 2], offsets, height, column, std::min(unit, block.n_end - column));
      }
    }
    if (block.last) results.write_rest();
  }

  const Gemm<BFloat16, Output>& g_;
  TileUnitPanels<Output> panels_;
  BFloat16* packed_a_;
  NarrowPair* turning_;
  float* waiting_;
  TileUnitResults<Output> results_;
  long offset_ = 0;  // of the rows that are multiplied among the offsets
  long offsets_[waiting_rows];
};

}  // namespace mmdl::detail
