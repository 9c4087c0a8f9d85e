// SPDX-License-Identifier: Apache-2.0
// The second factor of a narrow product, packed as pairs of steps.
#pragma once

#include <algorithm>
#include <bit>

#include "../../core/simd.hpp"
#include "gemm_narrow_tile.hpp"
#include "gemm_source.hpp"

namespace mmdl::detail {

/// Pairs of the first `width` numbers of two rows, rounded where they are floats.
template <class Number>
inline Simd<NarrowPair> joined_rows(const Number* first, const Number* second) {
#if !defined(__CUDACC__)
  if constexpr (is_narrow<Number>)  // widened, their bits are the upper halves
    return (std::bit_cast<Simd<NarrowPair>>(load_vector<Simd<float>>(first)) >> 16) |
           std::bit_cast<Simd<NarrowPair>>(load_vector<Simd<float>>(second));
#  if defined(__AVX512BF16__)
  typedef std::uint16_t Halves __attribute__((vector_size(simd_bytes)));
  Halves both;  // those of the second vector behind the first's
  asm("vcvtne2ps2bf16 %1, %2, %0"
      : "=v"(both)
      : "v"(load_vector<Simd<float>>(first)), "v"(load_vector<Simd<float>>(second)));
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return std::bit_cast<Simd<NarrowPair>>(
        __builtin_shufflevector(both, both, (I / 2 + I % 2 * static_cast<int>(simd_width<float>))...));
  }
  (std::make_integer_sequence<int, 2 * static_cast<int>(simd_width<float>)>{});
#  endif
  const auto low = rounded_bits(load_vector<Simd<float>>(first));
  const auto high = rounded_bits(load_vector<Simd<float>>(second));
  return (low >> 16) | (high & 0xffff0000U);
#else
  Simd<NarrowPair> all{};
  for (long i = 0; i < simd_width<float>; ++i)
    all[i] = BFloat16(first[i]).bits | static_cast<NarrowPair>(BFloat16(second[i]).bits) << 16;
  return all;
#endif
}

/// Copies rows [row0, row1), columns [column0, column1) of a matrix of floats or narrow numbers into panels
/// of two vectors of columns, rounded where they are floats. A panel holds its pairs of rows one after the
/// other; an odd last row is paired with zeros, the last panel is filled up with zeros. `row0` is even.
template <class Number>
class NarrowPacking {
 public:
  static constexpr long panel = 2 * simd_width<float>;

  explicit NarrowPacking(const WeightMatrix<Number>& matrix) : m_(matrix) {}

  void pack(long row0, long row1, long column0, long column1, NarrowPair* to) const {
    const long pairs = narrow_pairs(row1 - row0), used = (row1 - row0 + 1) / 2;
    for (long column = column0; column < column1; column += panel, to += pairs * panel) {
      const long columns = std::min(panel, column1 - column);
      if (m_.transposed)
        pack_transposed(row0, row1, column, columns, to);
      else
        pack_plain(row0, row1, column, columns, to);
      std::fill(to + used * panel, to + pairs * panel, NarrowPair{0});
    }
  }

 private:
  using Pairs = Simd<NarrowPair>;
  static constexpr long width = simd_width<float>;

  static NarrowPair pair(BFloat16 first, BFloat16 second) {
    return first.bits | static_cast<NarrowPair>(second.bits) << 16;
  }

  void pack_plain(long row0, long row1, long column, long columns, NarrowPair* to) const {
    for (long row = row0; row < row1; row += 2, to += panel) {
      const Number* first = m_.data + row * m_.stride + column;
      const Number* second = first + m_.stride;
      const bool both = row + 1 < row1;
      if (columns == panel && both) {
        for (long i = 0; i < panel; i += width) store_vector(to + i, joined_rows(first + i, second + i));
        continue;
      }
      for (long c = 0; c < columns; ++c) to[c] = pair(first[c], both ? BFloat16(second[c]) : BFloat16{});
      std::fill(to + columns, to + panel, NarrowPair{0});
    }
  }

  /// Row (tap, o), column n is at tap's place + n * stride + o: where a piece of o is long enough, its
  /// rounded numbers are pairs already, and a square of them is turned.
  void pack_transposed(long row0, long row1, long column, long columns, NarrowPair* to) const {
    const bool whole_pairs = m_.channels % 2 == 0;
    for (long row = row0; row < row1;) {
      const long place = row % m_.channels, left = row1 - row;
      if (!whole_pairs || place + 2 * width > m_.channels || left < 2 * width) {
        pack_pair(row, left > 1, column, columns, to);
        row += 2, to += panel;
        continue;
      }
      const Number* from = m_.data + row_place(row);
      for (long half = 0; half < panel; half += width) {
        alignas(64) NarrowPair square[width * width];
        for (long c = 0; c < width; ++c) {
          auto* line = reinterpret_cast<BFloat16*>(square + c * width);
          if (half + c >= columns) {
            std::fill_n(square + c * width, width, NarrowPair{0});
            continue;
          }
          const Number* numbers = from + (column + half + c) * m_.stride;
          store_vector(line, load_vector<Simd<float>>(numbers));
          store_vector(line + width, load_vector<Simd<float>>(numbers + width));
        }
        transpose_square(square, width, to + half, panel);
      }
      row += 2 * width, to += width * panel;
    }
  }

  void pack_pair(long row, bool both, long column, long columns, NarrowPair* to) const {
    const Number* first = m_.data + row_place(row) + column * m_.stride;
    const Number* second = both ? m_.data + row_place(row + 1) + column * m_.stride : nullptr;
    for (long c = 0; c < columns; ++c)
      to[c] = pair(first[c * m_.stride], both ? BFloat16(second[c * m_.stride]) : BFloat16{});
    std::fill(to + columns, to + panel, NarrowPair{0});
  }

  long row_place(long row) const {
    const long tap = row / m_.channels;
    return tap / m_.taps_x * m_.tap_y_stride + tap % m_.taps_x * m_.tap_x_stride + row % m_.channels;
  }

  const WeightMatrix<Number>& m_;
};

/// Rows [m, m_end) of the transposed `a`, whose rows are the steps [k, k_end), as pairs of steps, filled up
/// with zeros; a row every `stride` pairs. Its rows are copied, joined by twos into lines of pairs, and
/// squares of those are turned: `turning` has room for 2 * simd_width<NarrowPair> lines of `line_length`.
inline void pack_turned_lines(const PatchMatrix<BFloat16>& a, long m, long m_end, long k, long k_end,
                              NarrowPair* to, long stride, NarrowPair* turning, long line_length) {
  constexpr long width = simd_width<NarrowPair>;
  const long rows = m_end - m, pairs = narrow_pairs(k_end - k);
  auto* const lines = reinterpret_cast<BFloat16*>(turning + width * line_length);
  for (long place = 0; place < pairs; place += width) {
    const long first = k + 2 * place, count = std::min(2 * width, k_end - first);
    if (count > 0) a.gather(first, first + count, m, m_end, lines, line_length);
    for (long i = 0; i < width; ++i) {
      NarrowPair* const line = turning + i * line_length;
      const BFloat16 *low = lines + 2 * i * line_length, *high = low + line_length;
      if (2 * i + 1 < count) {
        MMDL_SIMD
        for (long row = 0; row < rows; ++row)
          line[row] = low[row].bits | static_cast<NarrowPair>(high[row].bits) << 16;
      } else if (2 * i < count) {
        for (long row = 0; row < rows; ++row) line[row] = low[row].bits;
      } else {
        std::fill_n(line, rows, NarrowPair{0});
      }
    }
    for (long row = 0; row < rows; row += width)
      transpose_square(turning + row, line_length, to + row * stride + place, stride);
  }
}

}  // namespace mmdl::detail
