// SPDX-License-Identifier: Apache-2.0
// The gradient of a bias: the sum of a matrix over its rows.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "channel_vectors.hpp"

namespace mmdl::detail {

/// to[c] = sum over r of matrix[r * stride + c].
template <class T>
void sum_rows(const T* matrix, long rows, long stride, long columns, Wide<T>* to) {
  constexpr long block = 1024;
  for_channel_vectors<T, true>(columns, [=]<class V>(V, long c) {
    V total{};
    for (long first = 0; first < rows; first += block) {
      const T* from = matrix + first * stride + c;
      V a{}, b{}, d{}, e{};  // four chains, since an addition takes several cycles
      long left = std::min(block, rows - first);
      for (; left >= 4; left -= 4, from += 4 * stride) {
        a += load_vector<V>(from);
        b += load_vector<V>(from + stride);
        d += load_vector<V>(from + 2 * stride);
        e += load_vector<V>(from + 3 * stride);
      }
      for (; left > 0; --left, from += stride) a += load_vector<V>(from);
      total += (a + b) + (d + e);
    }
    store_vector(to + c, total);
  });
}

/// sums[c] = sum over r of matrix[r * columns + c], or added to what is there. Threads divide the columns, or
/// of few columns the rows, in parts that do not depend on their number, nor does the result.
template <class T>
void column_sums(const T* matrix, long rows, long columns, Wide<T>* sums, bool accumulate) {
  constexpr long few_columns = 64, most_parts = 16, rows_of_part = 1024;
  constexpr long least_numbers = 16384;  // worth waking a thread for
  constexpr long width = simd_width<T>;
  const auto finish = [=](const Wide<T>* total, long begin, long end) {
    for (long c = begin; c < end; ++c) sums[c] = accumulate ? sums[c] + total[c - begin] : total[c - begin];
  };
  if (columns <= few_columns) {
    Wide<T> totals[most_parts * few_columns];
    const long parts = std::clamp(rows / rows_of_part, 1L, most_parts);
    parallel_ranges(parts, least_numbers / (rows / parts * columns + 1) + 1, [&](long begin, long end) {
      for (long part = begin; part < end; ++part) {
        const long first = rows * part / parts, last = rows * (part + 1) / parts;
        sum_rows(matrix + first * columns, last - first, columns, columns, totals + part * columns);
      }
    });
    for (long part = 1; part < parts; ++part)
      for (long c = 0; c < columns; ++c) totals[c] += totals[part * columns + c];
    finish(totals, 0, columns);
    return;
  }
  const long grain = (least_numbers / (rows + 1) / (4 * width) + 1) * 4 * width;
  parallel_ranges(columns, grain, [&](long begin, long end) {
    constexpr long at_once = 4 * width;
    Wide<T> totals[at_once];
    for (long column = begin; column < end; column += at_once) {
      const long count = std::min(at_once, end - column);
      sum_rows(matrix + column, rows, columns, count, totals);
      finish(totals, column, column + count);
    }
  });
}

}  // namespace mmdl::detail
