// SPDX-License-Identifier: Apache-2.0
// Sums over the rows (samples and pixels) of a matrix for each of its columns (channels), in one reading.
#pragma once

#include <algorithm>

#include "../../core/bfloat16.hpp"
#include "../../core/threads.hpp"
#include "simd.hpp"

namespace mmdl::detail {

inline constexpr long channel_tile = 512;  // channels worked on together: their sums stay in the first cache
inline constexpr long max_slices = 64;

/// Parts that the rows are divided into: a function of the sizes alone, so that neither the sums' rounding
/// nor the scratch memory depends on the number of threads. A multiple of four, so that as many threads have
/// equal shares of few rows.
inline long row_slices(long rows) { return rows < 16 ? 1 : std::clamp(rows / 256 * 4, 4L, max_slices); }

/// Calls `body(first, last)` for slices [first, last), on all threads. Every pass over rows goes by it: a row
/// that another thread has worked on before lies in that one's cache, from where it comes slowly.
template <class Body>
inline void for_shares_of_slices(long rows, long channels, const Body& body) {
  constexpr long least_numbers = 8192;  // worth waking a thread for
  const long slices = row_slices(rows);
  parallel_ranges(slices, rows * channels < least_numbers ? slices : 1, body);
}

/// Calls `body(slice, begin, end)` for each slice of the rows, on all threads.
template <class Body>
inline void for_row_slices(long rows, long channels, const Body& body) {
  const long slices = row_slices(rows);
  for_shares_of_slices(rows, channels, [&](long first, long last) {
    for (long slice = first; slice < last; ++slice)
      body(slice, rows * slice / slices, rows * (slice + 1) / slices);
  });
}

/// Calls `body(begin, end)` for the rows of each thread's slices.
template <class Body>
inline void for_row_shares(long rows, long channels, const Body& body) {
  const long slices = row_slices(rows);
  for_shares_of_slices(rows, channels,
                       [&](long first, long last) { body(rows * first / slices, rows * last / slices); });
}

/// The same piece by piece from the end of each thread's rows, for that is what a pass before has left in the
/// caches. `done()` follows on each thread.
template <class Body, class Done>
inline void for_row_shares_from_end(long rows, long channels, const Body& body, const Done& done) {
  constexpr long piece_numbers = 16384;
  const long step = piece_numbers / channels + 1;
  for_row_shares(rows, channels, [&](long begin, long end) {
    for (; end > begin; end -= std::min(step, end - begin)) body(std::max(begin, end - step), end);
    done();
  });
}

/// Rows that are read twice from the cache for the price of one reading from memory.
inline long rows_per_block(long channels) {
  return std::clamp(8192 / std::min(channels, channel_tile), 16L, 256L);
}

/// sum[c] += the sum over `rows` rows of f(x[c], y[c]): four rows at a time, which spares loads of the sums
/// and makes the sums pairwise. `stride` is the distance of rows.
template <class T, class Function>
inline void add_rows(const T* x, long x_stride, long rows, long length, Wide<T>* sum, const Function& f) {
  long row = 0;
  for (; row + 4 <= rows; row += 4) {
    const T *a = x + row * x_stride, *b = a + x_stride, *c = b + x_stride, *d = c + x_stride;
    MMDL_SIMD
    for (long i = 0; i < length; ++i) sum[i] += (f(a[i], i) + f(b[i], i)) + (f(c[i], i) + f(d[i], i));
  }
  for (; row < rows; ++row) {
    const T* a = x + row * x_stride;
    MMDL_SIMD
    for (long i = 0; i < length; ++i) sum[i] += f(a[i], i);
  }
}

/// The mean, and the sum of the squared distances from it.
struct Moments {
  double mean = 0.0, squares = 0.0;
};

/// Two sets of numbers as one (Chan, Golub and LeVeque, 1979): no difference of large squares.
inline Moments merge(const Moments& a, double a_count, const Moments& b, double b_count) {
  const double difference = b.mean - a.mean, share = b_count / (a_count + b_count);
  return {a.mean + difference * share, a.squares + b.squares + difference * difference * a_count * share};
}

/// moments[slice][0 or 1][c]: mean and squares of each slice of the rows of x. Blocks that fit the cache are
/// read twice, first for their mean, then for the distances from it; the blocks are merged in double.
template <class T>
void measure_moments(const T* x, long rows, long channels, double* moments) {
  using W = Wide<T>;
  for_row_slices(rows, channels, [&](long slice, long begin, long end) {
    double* means = moments + slice * 2 * channels;
    double* squares = means + channels;
    const long step = rows_per_block(channels);
    for (long row = begin; row < end; row += step) {
      const long count = std::min(step, end - row);
      const double seen = static_cast<double>(row - begin), added = static_cast<double>(count);
      const double share = added / (seen + added);
      for (long from = 0; from < channels; from += channel_tile) {
        const long length = std::min(channel_tile, channels - from);
        const T* block = x + row * channels + from;
        W mean[channel_tile], square[channel_tile];
        std::fill_n(mean, length, W{0});
        std::fill_n(square, length, W{0});
        add_rows(block, channels, count, length, mean, [](W v, long) { return v; });
        const W factor = W{1} / static_cast<W>(count);
        MMDL_SIMD
        for (long i = 0; i < length; ++i) mean[i] *= factor;
        const W* centre = mean;
        add_rows(block, channels, count, length, square,
                 [centre](W v, long i) { return (v - centre[i]) * (v - centre[i]); });
        if (row == begin) {
          std::copy_n(mean, length, means + from);
          std::copy_n(square, length, squares + from);
          continue;
        }
        double *m = means + from, *s = squares + from;
        MMDL_SIMD
        for (long i = 0; i < length; ++i) {
          const double difference = static_cast<double>(mean[i]) - m[i];
          m[i] += difference * share;
          s[i] += static_cast<double>(square[i]) + difference * difference * seen * share;
        }
      }
    }
  });
}

/// One channel's moments over all slices, in the order of the slices.
inline Moments combined_moments(const double* moments, long rows, long channels, long channel) {
  const long slices = row_slices(rows);
  Moments all{moments[channel], moments[channels + channel]};
  for (long slice = 1; slice < slices; ++slice) {
    const long begin = rows * slice / slices, end = rows * (slice + 1) / slices;
    const double* part = moments + slice * 2 * channels;
    all = merge(all, static_cast<double>(begin), {part[channel], part[channels + channel]},
                static_cast<double>(end - begin));
  }
  return all;
}

}  // namespace mmdl::detail
