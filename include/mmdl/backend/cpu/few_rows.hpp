// SPDX-License-Identifier: Apache-2.0
// Products of a few rows and a large matrix, which is read or written once: there is nothing to pack for.
#pragma once

#include "../../core/threads.hpp"
#include "../../graph/arguments.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// Rows up to which these are faster than the packed product.
inline constexpr long few_rows = 4;

/// The products of exactly `Rows` rows.
template <int Rows, class T>
struct FewRows {
  using V = Simd<T>;
  static constexpr long width = simd_width<T>;
  static constexpr long grain_numbers = 8192;  // of the matrix, that repay a thread

  /// matrix[i][j] = the sum over the rows of first[row][i] * second[row][j], or that much more. With an
  /// `update` of the parameter whose gradient the matrix is, that follows, and the matrix is scratch.
  static void outer(const T* first, long height, const T* second, long columns, bool accumulate, T* matrix,
                    const ParameterUpdate<T>& update) {
    parallel_ranges(height, grain_numbers / columns + 1, [=, &update](long begin, long end) {
      for (long i = begin; i < end; ++i) {
        T* const to = matrix + (update ? begin : i) * columns;
        const auto add = [&]<class X>(X zero, long j) {
          X sum = accumulate ? load_vector<X>(to + j) : zero;
          MMDL_UNROLL
          for (int row = 0; row < Rows; ++row)
            multiply_add(sum, first[row * height + i] - zero, load_vector<X>(second + row * columns + j));
          store_vector(to + j, sum);
        };
        long j = 0;
        for (; j + width <= columns; j += width) add(V{}, j);
        for (; j < columns; ++j) add(T{}, j);
        if (update) update(i * columns, to, columns);
      }
    });
  }

  /// output[row][i] = the sum over j of matrix[i][j] * rows[row][j], or that much more.
  static void inner(const T* matrix, long height, const T* rows, long columns, bool accumulate, T* output) {
    parallel_ranges(height, grain_numbers / columns + 1, [=](long begin, long end) {
      for (long i = begin; i < end; ++i) {
        const T* const from = matrix + i * columns;
        V even[Rows] = {}, odd[Rows] = {};
        long j = 0;
        for (; j + 2 * width <= columns; j += 2 * width) {
          add<V>(from + j, rows + j, columns, even);
          add<V>(from + j + width, rows + j + width, columns, odd);
        }
        if (j + width <= columns) {
          add<V>(from + j, rows + j, columns, even);
          j += width;
        }
        T rest[Rows] = {};
        for (; j < columns; ++j) add<T>(from + j, rows + j, columns, rest);
        for (int row = 0; row < Rows; ++row) {
          T sum = accumulate ? output[row * height + i] + rest[row] : rest[row];
          const V both = even[row] + odd[row];
          for (long lane = 0; lane < width; ++lane) sum += both[lane];
          output[row * height + i] = sum;
        }
      }
    });
  }

 private:
  template <class X>
  static void add(const T* of_matrix, const T* of_rows, long columns, X (&sums)[Rows]) {
    const X factor = load_vector<X>(of_matrix);
    MMDL_UNROLL
    for (int row = 0; row < Rows; ++row)
      multiply_add(sums[row], factor, load_vector<X>(of_rows + row * columns));
  }
};

/// Calls body.operator()<Rows>() for `rows` from 1 to `few_rows`.
template <class Body>
void with_few_rows(long rows, const Body& body) {
  static_assert(few_rows == 4);
  if (rows == 1)
    body.template operator()<1>();
  else if (rows == 2)
    body.template operator()<2>();
  else if (rows == 3)
    body.template operator()<3>();
  else
    body.template operator()<4>();
}

}  // namespace mmdl::detail
