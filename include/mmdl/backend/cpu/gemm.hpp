// SPDX-License-Identifier: Apache-2.0
// The matrix product under convolutions and linear layers: packed, blocked for the caches, on all threads.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "gemm_source.hpp"
#include "gemm_tile.hpp"

namespace mmdl::detail {

// Blocks of the factors that stay in the second cache (512 KB and more): the depth of a block of either, the
// rows of the first, the columns of the second. In bytes where it is the bytes that matter.
template <class T>
inline constexpr long block_depth = 1024 / static_cast<long>(sizeof(T));
inline constexpr long block_rows = 112 / tile_rows * tile_rows;
inline constexpr long block_columns = 512;
// A packed row is a little longer than the block is deep, so that the rows of a tile do not share cache sets.
template <class T>
inline constexpr long packed_row = block_depth<T> + 64 / static_cast<long>(sizeof(T));
inline constexpr long packed_step =
    tile_rows <= 8 ? 8 : 16;                         // of the transposed first factor: tile_rows, rounded up
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

/// output = epilogue(a * b), or with `transpose_a` epilogue(a^T * b).
template <class T>
struct Gemm {
  PatchMatrix<T> a;
  bool transpose_a = false;
  WeightMatrix<T> b;
  long columns = 0;
  T* output = nullptr;
  RowLayout layout;
  Epilogue<T> epilogue;

  long rows() const { return transpose_a ? a.columns() : a.rows(); }
  long depth() const { return transpose_a ? a.rows() : a.columns(); }
};

/// How the product is divided among threads: parts of the rows, of the columns, of the depth.
struct GemmParts {
  long rows = 1, columns = 1, depth = 1;
  long count() const { return rows * columns * depth; }
};

constexpr long divide_up(long a, long b) { return (a + b - 1) / b; }

/// The division with the least work for the busiest thread: multiplying, packing, adding partial sums.
inline GemmParts gemm_parts(long rows, long columns, long depth, long panel, bool split_depth, long threads) {
  GemmParts best;
  if (rows * columns * depth < 200000) return best;  // less than starting a thread costs
  const auto tiles = [](long extent, long tile, long parts) {
    return static_cast<double>(divide_up(divide_up(extent, tile), parts) * tile);
  };
  const bool may_split = split_depth && rows * columns <= split_depth_limit;
  double least = 1e300;
  for (long m = 1; m <= threads; ++m)
    for (long n = 1; m * n <= threads; ++n) {
      const long k = may_split ? std::min(threads / (m * n), divide_up(depth, 64)) : 1;
      const double height = tiles(rows, tile_rows, m), width = tiles(columns, panel, n);
      const double steps = static_cast<double>(depth) / static_cast<double>(k);
      const double cost =
          steps * (height * width + 8.0 * (height + width)) +
          (k > 1 ? 8.0 * static_cast<double>(rows * columns * k) / static_cast<double>(threads) : 0.0);
      if (cost < least) least = cost, best = {m, n, k};
    }
  return best;
}

/// Numbers of scratch of one thread.
template <class T>
constexpr long gemm_block_size() {
  const long packed_a = block_rows * packed_row<T>;
  const long packed_a_transposed =
      block_rows / tile_rows * block_depth<T> * packed_step + block_rows + packed_step;
  return divide_up(std::max(packed_a, packed_a_transposed), 16) * 16 + block_depth<T> * block_columns;
}

/// Numbers of scratch that `gemm` wants for now, on thread_count() threads. `split_depth` as there.
template <class T>
long gemm_workspace(long rows, long columns, bool split_depth) {
  const long partial = split_depth && rows * columns <= split_depth_limit ? rows * columns : 0;
  return thread_count() * (gemm_block_size<T>() + divide_up(partial, 16) * 16) + 16;
}

/// One thread's part of the product: rows [m0, m1), columns [n0, n1), steps [k0, k1).
template <class T>
class GemmPart {
 public:
  GemmPart(const Gemm<T>& g, T* scratch)
      : g_(g), packed_b_(scratch), packed_a_(scratch + block_depth<T> * block_columns) {}

  void run(long m0, long m1, long n0, long n1, long k0, long k1, T* output, const RowLayout& layout,
           bool accumulate) {
    for (long n = n0; n < n1; n += block_columns) {
      const long n_end = std::min(n + block_columns, n1);
      for (long k = k0; k < k1; k += block_depth<T>) {
        const long k_end = std::min(k + block_depth<T>, k1);
        // Few rows would not repay the copy: whole tiles of columns are then read where they are.
        const bool in_place = !g_.b.transposed && m1 - m0 <= tile_rows;
        const long packed_n = in_place ? n + (n_end - n) / tile_columns<T> * tile_columns<T> : n;
        g_.b.pack(k, k_end, packed_n, n_end, tile_columns<T>, packed_b_);
        for (long m = m0; m < m1; m += block_rows) {
          const long m_end = std::min(m + block_rows, m1);
          if (g_.transpose_a) {
            pack_transposed(m, m_end, k, k_end);
          } else {
            g_.a.for_rows(m, m_end, k, k_end,
                          [&](long row, const auto& copy) { copy(packed_a_ + (row - m) * packed_row<T>); });
          }
          layout.offsets(m, m_end, offsets_);
          multiply_block(m_end - m, n, packed_n, n_end, k, k_end, output, accumulate || k > k0, k_end == k1);
        }
      }
    }
  }

 private:
  void pack_transposed(long m, long m_end, long k, long k_end) {
    const long rows = m_end - m, steps = k_end - k;
    T* line = packed_a_ + block_rows / tile_rows * block_depth<T> * packed_step;
    g_.a.for_rows(k, k_end, m, m_end, [&](long step, const auto& copy) {
      copy(line);
      T* to = packed_a_ + (step - k) * packed_step;
      for (long row = 0; row < rows; row += tile_rows, to += steps * packed_step)
        copy_numbers(line + row, packed_step, to);
    });
  }

  /// The columns before `packed_n` are read where they are, the others were packed.
  void multiply_block(long rows, long n, long packed_n, long n_end, long k, long k_end, T* output, bool add,
                      bool last) {
    alignas(64) T sums[tile_rows * tile_columns<T>];
    const long steps = k_end - k;
    for (long row = 0; row < rows; row += tile_rows) {
      const T* a = packed_a_ + (g_.transpose_a ? row / tile_rows * steps * packed_step : row * packed_row<T>);
      const long height = std::min<long>(tile_rows, rows - row);
      for (long column = n; column < n_end; column += tile_columns<T>) {
        const bool packed = column >= packed_n;
        const T* b = packed ? packed_b_ + (column - packed_n) * steps : g_.b.data + k * g_.b.stride + column;
        const long b_step = packed ? tile_columns<T> : g_.b.stride;
        if (g_.transpose_a) {
          multiply_tile<tile_rows, 1, packed_step>(steps, a, b, b_step, sums);
        } else if (height == 1) {
          multiply_tile<1, packed_row<T>, 1>(steps, a, b, b_step, sums);
        } else if (height <= tile_rows / 2) {
          multiply_tile<tile_rows / 2, packed_row<T>, 1>(steps, a, b, b_step, sums);
        } else {
          multiply_tile<tile_rows, packed_row<T>, 1>(steps, a, b, b_step, sums);
        }
        finish_tile(sums, height, std::min(tile_columns<T>, n_end - column), output, offsets_ + row, column,
                    add, last, g_.epilogue);
      }
    }
  }

  const Gemm<T>& g_;
  T* packed_b_;
  T* packed_a_;
  long offsets_[block_rows];
};

/// Runs the product. `split_depth`: the depth may be divided among threads too (then the epilogue must be
/// plain). `workspace`: gemm_workspace() numbers. The order of every sum depends on the thread count alone.
template <class T>
void gemm(const Gemm<T>& g, T* workspace, bool split_depth = false) {
  const long rows = g.rows(), columns = g.columns, depth = g.depth();
  const long panel = tile_columns<T>;
  const GemmParts parts = gemm_parts(rows, columns, depth, panel, split_depth, thread_count());
  T* const partials = workspace + parts.count() * gemm_block_size<T>();
  const RowLayout partial_layout{1, rows, 0, 0, columns};
  const auto cut = [](long extent, long unit, long part, long count) {
    return std::min(extent, divide_up(extent, unit) * part / count * unit);
  };
  parallel([&](long thread, long threads) {
    for (long task = thread; task < parts.count(); task += threads) {
      const long part_m = task % parts.rows, part_n = task / parts.rows % parts.columns;
      const long part_k = task / parts.rows / parts.columns;
      GemmPart<T> part(g, workspace + task * gemm_block_size<T>());
      part.run(cut(rows, tile_rows, part_m, parts.rows), cut(rows, tile_rows, part_m + 1, parts.rows),
               cut(columns, panel, part_n, parts.columns), cut(columns, panel, part_n + 1, parts.columns),
               cut(depth, 1, part_k, parts.depth), cut(depth, 1, part_k + 1, parts.depth),
               part_k == 0 ? g.output : partials + (part_k - 1) * rows * columns,
               part_k == 0 ? g.layout : partial_layout, part_k == 0 && g.epilogue.accumulate);
    }
  });
  if (parts.depth == 1) return;
  parallel_ranges(rows, divide_up(4096, columns), [&](long begin, long end) {
    for (long row = begin; row < end; ++row) {
      T* to = g.output + g.layout.offset(row);
      for (long k = 1; k < parts.depth; ++k) {
        const T* from = partials + ((k - 1) * rows + row) * columns;
        for (long c = 0; c < columns; ++c) to[c] += from[c];
      }
    }
  });
}

}  // namespace mmdl::detail
