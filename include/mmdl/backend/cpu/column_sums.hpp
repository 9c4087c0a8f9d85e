// SPDX-License-Identifier: Apache-2.0
// The gradient of a bias: the sum of a matrix over its rows.
#pragma once

#include "../../core/threads.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// sums[c] = sum over r of matrix[r * columns + c], or added to what is there. Each column is summed in
/// blocks of rows whose order is fixed, so the result does not depend on the number of threads.
template <class T>
void column_sums(const T* matrix, long rows, long columns, Wide<T>* sums, bool accumulate) {
  constexpr long block = 1024, width = simd_width<T>;
  constexpr long least_numbers = 16384;  // worth waking a thread for
  const long grain = (least_numbers / (rows + 1) / (4 * width) + 1) * 4 * width;
  parallel_ranges(columns, grain, [&](long begin, long end) {
    const auto sum_column = [&]<class V>(V total, long column) {
      for (long first = 0; first < rows; first += block) {
        const long last = first + block < rows ? first + block : rows;
        V sum[4] = {};  // four chains, since an addition takes several cycles
        for (long row = first; row < last; ++row)
          sum[row % 4] += load_vector<V>(matrix + row * columns + column);
        total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
      }
      if (accumulate) total += load_vector<V>(sums + column);
      store_vector(sums + column, total);
    };
    long column = begin;
    for (; column + width <= end; column += width) sum_column(Simd<T>{}, column);
    for (; column < end; ++column) sum_column(Wide<T>{}, column);
  });
}

}  // namespace mmdl::detail
