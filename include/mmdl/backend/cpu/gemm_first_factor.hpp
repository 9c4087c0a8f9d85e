// SPDX-License-Identifier: Apache-2.0
// The first factor of a matrix product, as its tiles read it: packed, or where it lies.
#pragma once

#include <algorithm>

#include "gemm_ahead.hpp"
#include "gemm_blocks.hpp"
#include "gemm_tile_column.hpp"
#include "patch_lines.hpp"
#include "row_tiles.hpp"

namespace mmdl::detail {

/// The first factor, or its transpose, block by block: some rows and steps that are read for many columns.
template <class T>
class FirstFactor {
  static constexpr long lines_at_once = 16;  // on their way to a transposed block
  static constexpr long line_size = block_rows + packed_step;
  static constexpr long turned_tiles = block_rows / transposed_tile_rows;  // of a block

 public:
  /// Whether registers have many rows. A tile of few would use a small part of each line of a transposed
  /// matrix: only one of many rows reads it in place.
  static constexpr bool many_rows = tile_rows > 6;
  /// Numbers of scratch wanted.
  static constexpr long scratch_size =
      divide_up(std::max(block_rows * packed_row<T>,
                         turned_tiles* single_block<T>* packed_step + lines_at_once * line_size),
                16) *
      16;

  /// `turned`: what a transposed one takes; null: it is not.
  FirstFactor(const PatchMatrix<T>& matrix, const TurnedProduct<T>* turned, T* scratch)
      : a_(matrix), turned_(turned), packed_(scratch), lines_(matrix) {}

  /// Rows of a whole tile, of those that a block begins with.
  int tile_height() const { return transposed() ? transposed_tile_rows : tile_rows; }
  /// Rows of the next whole tile, where `left` are left.
  long next_tile(long left) const { return transposed() ? transposed_tile_rows : RowTiles::next(left); }
  /// Rows from `row` on that a tile can have, where `left` are left: of copied lines, those of one.
  long tile_limit(long row, long left) const {
    return in_lines_ ? std::min(left, lines_.left_of_line(row)) : left;
  }

  /// Decides how the blocks that follow are read. `may_stay`: rows may be read where they are; `columns`: for
  /// so many; `by_columns`: by tiles one below the other; `whole`: a block has all steps.
  void read(bool may_stay, long columns, bool by_columns, bool whole) {
    few_columns_ = columns <= block_columns / 2;
    in_lines_ = may_stay && whole && !by_columns && !transposed() &&
                lines_.fit(block_rows, block_rows * packed_row<T>);
    in_place_ = may_stay && !in_lines_ && rows_may_stay(columns, by_columns);
  }
  /// Whether the lines of images under rows are copied, and tiles read there.
  bool in_lines() const { return in_lines_; }
  /// Whether rows are read where they are, and not packed.
  bool in_place() const { return in_place_; }

  /// To ask for: the block of a plain matrix that begins at row `m`, step `k`.
  FetchAhead ahead(long m, long rows, long k, long steps) const {
    return block_ahead(a_, transposed(), m, rows, k, steps);
  }

  /// Packs the rows [m, m_end), steps [k, k_end), unless they are read where they are.
  void pack(long m, long m_end, long k, long k_end) {
    if (transposed())
      turned_->pack(*this, m, m_end, k, k_end);
    else if (in_lines_)
      lines_.copy(m, m_end, packed_);
    else if (!in_place_)
      a_.gather(m, m_end, k, k_end, packed_, packed_row<T>);
  }
  /// Packs the same block of a transposed one: tiles of rows, each with its steps one after the other. A
  /// tile's steps are copied whole vectors at a time, and bring numbers of the next tile, or garbage after
  /// the last.
  void pack_transposed(long m, long m_end, long k, long k_end) {
    const long rows = m_end - m, steps = k_end - k;
    const bool plain = a_.plain();
    for (long done = 0; done < steps; done += lines_at_once) {
      const long count = std::min(lines_at_once, steps - done);
      const T* from = plain ? a_.data + (k + done) * a_.sample_stride + m : lines();
      const long stride = plain ? a_.sample_stride : line_size;
      const long there = plain ? a_.channels - m : line_size;
      if (!plain) a_.gather(k + done, k + done + count, m, m_end, lines(), line_size);
      T* to = packed_ + done * packed_step;
      for (long row = 0; row < rows; row += transposed_tile_rows, to += steps * packed_step) {
        if (read_in_place(m + row)) continue;
        const long length = std::min(packed_step, there - row);
        for (long i = 0; i < count; ++i) copy_numbers(from + i * stride + row, length, to + i * packed_step);
      }
    }
  }
  /// Packs the tile of the block from row `m` on that begins at its row `row`.
  void pack_tile(long m, long row, long height, long k, long k_end) {
    a_.gather(m + row, m + row + height, k, k_end, packed_tile(row, k_end - k), packed_row<T>);
  }

  /// That tile, packed; a transposed one perhaps where it lies.
  TileSource<T> tile(long m, long row, long k, long steps) const {
    if (in_lines_) return lines_.tile(m + row);
    if (read_in_place(m + row)) return {a_.data + k * a_.sample_stride + m + row, 1, a_.sample_stride, steps};
    return {packed_tile(row, steps), transposed() ? 1 : packed_row<T>, packed_step, steps};
  }
  /// The tile of rows that begins at `m`, from step `k` on, where it lies; with a null address if it does
  /// not.
  TileSource<T> tile_in_place(long m, long height, long k) const {
    if (a_.plain()) return {a_.data + m * a_.sample_stride + k, a_.sample_stride, 1, block_depth<T>};
    const T* const place = height == RowTiles::next(height) ? a_.place(m, height) : nullptr;
    if (place == nullptr) return {nullptr, 0, 1, 0};
    const long line = a_.dy * a_.width * a_.pixel_stride, piece = a_.taps_x * a_.channels;
    return {place + k / piece * line + k % piece,
            a_.step * a_.pixel_stride,
            1,
            piece - k % piece,
            piece,
            line - piece};
  }

  /// The tiles one below the other from that one on.
  TileColumnSource<T> column(long m, long row, long k, long steps) const {
    if (in_place_)
      return {a_.data + (m + row) * a_.sample_stride + k, a_.sample_stride, 1, tile_rows * a_.sample_stride};
    if (transposed()) return {packed_tile(row, steps), 1, packed_step, steps * packed_step};
    return {packed_tile(row, steps), packed_row<T>, 1, tile_rows * packed_row<T>};
  }

  /// Where the packed tile is that begins at `row` of the block.
  T* packed_tile(long row, long steps) const {
    return packed_ + (transposed() ? row / transposed_tile_rows * steps * packed_step : row * packed_row<T>);
  }

 private:
  bool transposed() const { return turned_ != nullptr; }

  /// Whether rows are read where they are: those of a plain matrix, and of patches whole tiles within a line
  /// of the image, unless tiles one below the other are wanted. Many rows that are pages apart share the ways
  /// of one set of the first cache, and push each other out: for more than one panel a copy is better.
  bool rows_may_stay(long columns, bool by_columns) const {
    if (transposed() || !(a_.plain() || (a_.joined() && !by_columns))) return false;
    const long apart = a_.plain() ? a_.sample_stride : a_.step * a_.pixel_stride;
    return !many_rows || columns <= tile_columns<T> || apart * static_cast<long>(sizeof(T)) % 4096 != 0;
  }

  /// Whether the transposed tile of rows that begins at `m` is read where it is: for few columns, which do
  /// not repay its copy. The last one of a matrix is not, where it would reach beyond.
  bool read_in_place(long m) const {
    return many_rows && transposed() && few_columns_ && a_.plain() && m + transposed_tile_rows <= a_.channels;
  }

  T* lines() { return packed_ + turned_tiles * single_block<T> * packed_step; }

  const PatchMatrix<T>& a_;
  const TurnedProduct<T>* turned_;
  T* packed_;
  PatchLines<T> lines_;
  bool few_columns_ = false, in_place_ = false, in_lines_ = false;
};

}  // namespace mmdl::detail
