// SPDX-License-Identifier: Apache-2.0
// A matrix product to be computed, and the blocks that it is computed in.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../graph/arguments.hpp"
#include "gemm_narrow_tile.hpp"
#include "gemm_source.hpp"
#include "gemm_tile.hpp"

namespace mmdl::detail {

constexpr long divide_up(long a, long b) { return (a + b - 1) / b; }

// Blocks of the factors that stay in the caches: the depth of a block of either, the rows of the first, the
// columns of the second. In bytes where it is the bytes that matter. Between two blocks of the depth all sums
// are written and read again: a tile of few rows has more of them for each number that it reads, and wants
// deeper blocks.
template <class T>
inline constexpr long block_depth = (std::is_floating_point_v<T> && tile_rows <= 6 ? 2048 : 1024) /
                                    static_cast<long>(sizeof(T));
// The tile unit's narrow pairs: both factors' tiles of a block in the first cache.
template <>
inline constexpr long block_depth<NarrowPair> = TileUnit::exists ? 128 : 256;
inline constexpr long block_rows = 112 / tile_rows * tile_rows;
inline constexpr long block_columns = 512;
// A packed row is a little longer than the block is deep, so that the rows of a tile do not share cache sets.
template <class T>
inline constexpr long packed_row = block_depth<T> + 64 / static_cast<long>(sizeof(T));
// Rows of a tile of a transposed first factor. They are channels: a tile of 14 would leave 6 of 64's last
// one, a tile of 13 only one.
inline constexpr int transposed_tile_rows = tile_rows == 14 ? 13 : tile_rows;
inline constexpr long packed_step = tile_rows <= 8 ? 8 : 16;  // such a tile's rows, rounded up
// Its steps are pixels, of any number: blocks may be a little deeper, so that none is left with a few.
template <class T>
inline constexpr long deepest_block = block_depth<T> + block_depth<T> / 8;
// So many are one block still: its sums are then complete at once, where those of two are written, and read
// again. (A batch of 8 has 392 pixels at 7x7, where weights are the most.)
template <class T>
inline constexpr long single_block = std::max(deepest_block<T>, 2048 / static_cast<long>(sizeof(T)));
inline constexpr long split_depth_limit = 1L << 17;  // numbers of output up to which the depth is split

/// Where row (sample, y, x) of the product goes: output + sample * sample_stride + y * row_stride + x *
/// pixel_stride.
struct RowLayout {
  long grid_height = 1, grid_width = 1;
  long sample_stride = 0, row_stride = 0, pixel_stride = 0;

  long offset(long row) const {
    return row / grid_width / grid_height * sample_stride + row / grid_width % grid_height * row_stride +
           row % grid_width * pixel_stride;
  }

  /// offset() of the rows [begin, end), without a division for each.
  void offsets(long begin, long end, long* to) const {
    long x = begin % grid_width, y = begin / grid_width % grid_height;
    long sample = begin / grid_width / grid_height;
    for (long row = begin; row < end; ++row, ++to) {
      *to = sample * sample_stride + y * row_stride + x * pixel_stride;
      if (++x == grid_width) {
        x = 0;
        if (++y == grid_height) y = 0, ++sample;
      }
    }
  }
};

template <class T>
struct TurnedProduct;
template <class T>
const TurnedProduct<T>* turned_product();

/// output = epilogue(a * b), or after transpose_first() epilogue(a^T * b). A product of values and parameters
/// gives values (`Gemm<T>`), one of values and gradients gives the gradients of parameters (`Gemm<T,
/// Wide<T>>`).
template <class T, class Output = T>
struct Gemm {
  PatchMatrix<T> a;
  bool transpose_a = false;                  // both by transpose_first()
  const TurnedProduct<T>* turned = nullptr;  // of floats
  WeightMatrix<std::conditional_t<std::is_same_v<T, Output>, Wide<T>, T>> b;
  long columns = 0;
  Output* output = nullptr;
  const Packed<T>* packed_b = nullptr;  // b as `pack_factor` left it: it is not packed anew
  RowLayout layout;
  Epilogue<Output> epilogue;
  /// The output is a parameter's gradient, row by row: this follows, and the output is scratch.
  const ParameterUpdate<Output>* update = nullptr;

  /// The first factor is the transpose of `a`. Who never calls it does not compile what that takes.
  void transpose_first() {
    transpose_a = true;
    if constexpr (!is_narrow<T>) turned = turned_product<T>();
  }

  long rows() const { return transpose_a ? a.columns() : a.rows(); }
  long depth() const { return transpose_a ? a.rows() : a.columns(); }

  /// Updates the parameter's rows [row, row_end), columns [column, column_end), where the gradient of the
  /// first row, and of those after it, is at from + offsets[0], ...
  void update_rows(long row, long row_end, long column, long column_end, const Output* from,
                   const long* offsets) const {
    for (; row < row_end; ++row, ++offsets)
      (*update)(row * columns + column, from + *offsets + column, column_end - column);
  }
};

/// Where the packed panels of a block begin that has `steps` steps (or pairs) from step `k` on, at `column`:
/// blocks of the depth follow each other, each with all its panels.
template <class T>
long packed_place(long columns, long k, long steps, long column) {
  return k * divide_up(columns, tile_columns<T>) * tile_columns<T> + column * steps;
}

/// What one thread does of a product.
template <class T, class Output>
class GemmPart;

}  // namespace mmdl::detail
