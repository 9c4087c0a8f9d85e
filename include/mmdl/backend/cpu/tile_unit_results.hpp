// SPDX-License-Identifier: Apache-2.0
// How the sums of the tile unit become results, a few rows at a time while it multiplies.
#pragma once

#include <algorithm>

#include "gemm_blocks.hpp"
#include "tile_unit_packing.hpp"

namespace mmdl::detail {

/// Writes tiles of whole sums. One tile is held: its rows are written, and the lines of the tile to come are
/// asked for, whenever there is time.
template <class Output>
class TileUnitResults {
  static constexpr long unit = tile_size;  // rows and columns

 public:
  explicit TileUnitResults(const Epilogue<Output>& epilogue)
      : epilogue_(epilogue), bounded_(epilogue), bounds_(epilogue.bounds()) {}

  /// From now on results go to `output`.
  void write_to(Output* output, bool accumulate) {
    output_ = output;
    accumulate_ = accumulate;
  }

  /// Holds a tile of `rows` x `columns` sums, which belong to output_ + offsets[row] + column; a row whose
  /// offset is -1 is none of the product's. One that cannot be written by rows is written at once.
  void hold(const float* sums, const long* offsets, long rows, long column, long columns) {
    sums_ = sums;
    offsets_ = offsets;
    rows_ = rows;
    column_ = column;
    if (bounds_ && columns == unit) {
      columns_ = bounded_.template columns<2>(column);
    } else {
      write_otherwise(sums, offsets, rows, column, columns, output_, accumulate_, epilogue_);
      rows_ = 0;
    }
  }

  /// Writes the rows [row, row_end) of the tile that is held.
  [[gnu::always_inline]] void write(long row, long row_end) const {
    using V = Simd<float>;
    constexpr long width = simd_width<float>;
    row_end = std::min(row_end, rows_);
    for (; row < row_end; ++row) {
      if (offsets_[row] < 0) continue;
      const long place = offsets_[row] + column_;
      Output* const to = output_ + place;
      V values[2] = {load_vector<V>(sums_ + row * unit), load_vector<V>(sums_ + row * unit + width)};
      if (accumulate_) {
        values[0] += load_vector<V>(to);
        values[1] += load_vector<V>(to + width);
      }
      columns_.apply(values, place);
      store_vector(to, values[0]);
      store_vector(to + width, values[1]);
    }
  }
  /// Writes what is left of it.
  void write_rest() { write(0, rows_), rows_ = 0; }

  /// Asks for the rows [row, row_end) of a tile that will be held next, into the second cache: rows whose
  /// distance is a power of two share so few sets of the first one that they would drive each other out of
  /// it.
  [[gnu::always_inline]] void ask_for(const long* offsets, long column, long row, long row_end) const {
    const Output* const residual = epilogue_.residual;
    for (; row < row_end; ++row) {
      MMDL_UNROLL
      for (long i = 0; i < unit; i += 64 / static_cast<long>(sizeof(Output))) {
        const long place = offsets[row] + column + i;
        __builtin_prefetch(output_ + place, 0, 2);
        if (residual != nullptr) __builtin_prefetch(residual + place, 0, 2);
      }
    }
  }

 private:
  /// Static, so that the tile that is held can stay in registers.
  [[gnu::noinline]] static void write_otherwise(const float* sums, const long* offsets, long rows,
                                                long column, long columns, Output* output, bool accumulate,
                                                const Epilogue<Output>& epilogue) {
    for (long row = 0; row < rows; ++row)
      if (offsets[row] >= 0)
        finish_tile(sums + row * unit, 1, columns, output, offsets + row, column, accumulate, true, epilogue);
  }

  const Epilogue<Output>& epilogue_;
  const BoundedEpilogue<Output> bounded_;
  const bool bounds_;
  Output* output_ = nullptr;
  bool accumulate_ = false;
  // The tile that is held.
  BoundedColumns<Output, 2> columns_{};
  const float* sums_ = nullptr;
  const long* offsets_ = nullptr;
  long rows_ = 0, column_ = 0;
};

}  // namespace mmdl::detail
