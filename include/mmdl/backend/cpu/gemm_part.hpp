// SPDX-License-Identifier: Apache-2.0
// What one thread does of a matrix product.
#pragma once

#include <algorithm>

#include "gemm_blocks.hpp"

namespace mmdl::detail {

/// One thread's part of the product: rows [m0, m1), columns [n0, n1), steps [k0, k1).
template <class T>
requires(!is_narrow<T>) class GemmPart<T, T> {
  static constexpr long packed_a_size =
      divide_up(std::max(block_rows * packed_row<T>,
                         block_rows / tile_rows * block_depth<T> * packed_step + block_rows + packed_step),
                16) *
      16;

 public:
  /// Numbers of scratch wanted.
  static constexpr long scratch_size = packed_a_size + block_depth<T> * block_columns;

  GemmPart(const Gemm<T>& g, T* scratch)
      : g_(g), packed_b_(scratch), packed_a_(scratch + block_depth<T> * block_columns) {}

  void run(long m0, long m1, long n0, long n1, long k0, long k1, T* output, const RowLayout& layout,
           bool accumulate) {
    for (long n = n0; n < n1; n += block_columns) {
      const long n_end = std::min(n + block_columns, n1);
      for (long k = k0; k < k1; k += block_depth<T>) {
        const long k_end = std::min(k + block_depth<T>, k1);
        // Few rows would not repay the copy: whole tiles of columns are then read where they are.
        const bool in_place = !g_.b.transposed && g_.packed_b == nullptr && m1 - m0 <= tile_rows;
        const long packed_n = in_place ? n + (n_end - n) / tile_columns<T> * tile_columns<T> : n;
        const T* packed = packed_b_;
        if (g_.packed_b != nullptr)
          packed = g_.packed_b + packed_place<T>(g_.columns, k, k_end - k, packed_n);
        else
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
          multiply_block(packed, m_end - m, n, packed_n, n_end, k, k_end, output, accumulate || k > k0,
                         k_end == k1);
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
  void multiply_block(const T* packed_b, long rows, long n, long packed_n, long n_end, long k, long k_end,
                      T* output, bool add, bool last) {
    alignas(64) T sums[tile_rows * tile_columns<T>];
    const long steps = k_end - k;
    for (long row = 0; row < rows; row += tile_rows) {
      const T* a = packed_a_ + (g_.transpose_a ? row / tile_rows * steps * packed_step : row * packed_row<T>);
      const long height = std::min<long>(tile_rows, rows - row);
      for (long column = n; column < n_end; column += tile_columns<T>) {
        const bool packed = column >= packed_n;
        const T* b = packed ? packed_b + (column - packed_n) * steps : g_.b.data + k * g_.b.stride + column;
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

}  // namespace mmdl::detail
