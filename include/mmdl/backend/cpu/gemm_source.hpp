// SPDX-License-Identifier: Apache-2.0
// Where the packed matrix product reads its factors: image patches gathered on the fly, and weights.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "vector.hpp"

namespace mmdl::detail {

/// The matrix of image patches ("im2col") without its memory. Row (sample, y, x) of the grid holds, for each
/// tap (i, j) of a window and each channel c, the number of the image at (y * step + y0 + i * dy, x * step +
/// x0 + j * dx, c), or zero outside of the image.
template <class T>
struct PatchMatrix {
  const T* data = nullptr;
  long samples = 1, sample_stride = 0;
  long height = 1, width = 1;  // of the image
  long pixel_stride = 1;       // channels of the image; `channels` of them are read (a group)
  long channels = 1;
  long grid_height = 1, grid_width = 1;
  long step = 1;
  long y0 = 0, dy = 1, x0 = 0, dx = 1;
  long taps_y = 1, taps_x = 1;

  long rows() const { return samples * grid_height * grid_width; }
  long columns() const { return taps_y * taps_x * channels; }

  /// A plain matrix: row `index` begins at data + index * sample_stride.
  bool plain() const { return height * width * grid_height * grid_width * taps_y * taps_x == 1; }

  /// Whether a row of taps is one piece of a line of the image: neighbouring taps are neighbours in memory.
  bool joined() const { return dx == 1 && pixel_stride == channels; }

  /// Where row `index` begins in the image, if `count` rows from it on lie in one line of the grid and within
  /// the image: they are `step` pixels apart, and their rows of taps `dy` lines. Else null.
  const T* place(long index, long count) const {
    const long x = index % grid_width, y = index / grid_width % grid_height;
    const long left = x * step + x0, top = y * step + y0;
    const bool within = joined() && x + count <= grid_width && left >= 0 && top >= 0 &&
                        left + (count - 1) * step + taps_x <= width && top + (taps_y - 1) * dy < height;
    return within
               ? data + index / grid_width / grid_height * sample_stride + (top * width + left) * pixel_stride
               : nullptr;
  }

  /// Where the channels of one tap begin for `count` rows from `begin` on; null outside of the image.
  void places(long begin, long count, long tap, const T** to) const {
    long x = begin % grid_width, y = begin / grid_width % grid_height;
    const T* image = data + begin / grid_width / grid_height * sample_stride;
    const long down = tap / taps_x * dy + y0, right = tap % taps_x * dx + x0;
    for (long i = 0; i < count; ++i) {
      const long top = y * step + down, left = x * step + right;
      const bool inside = top >= 0 && top < height && left >= 0 && left < width;
      to[i] = inside ? image + (top * width + left) * pixel_stride : nullptr;
      if (++x == grid_width) {
        x = 0;
        if (++y == grid_height) y = 0, image += sample_stride;
      }
    }
  }

  /// Copies the columns [first, last) of the rows [begin, end) to `to`, a row every `to_stride` numbers.
  [[gnu::noinline]] void gather(long begin, long end, long first, long last, T* to, long to_stride) const {
    if (plain()) {
      for (long index = begin; index < end; ++index, to += to_stride)
        copy_numbers(data + index * sample_stride + first, last - first, to);
      return;
    }
    long x = begin % grid_width, y = begin / grid_width % grid_height;
    const T* image = data + begin / grid_width / grid_height * sample_stride;
    for (long index = begin; index < end;) {  // the rows of a line of the grid are neighbours of one another
      const long count = std::min(grid_width - x, end - index);
      gather_line(image, y, x, count, first, last, to, to_stride);
      index += count;
      to += count * to_stride;
      x = 0;
      if (++y == grid_height) y = 0, image += sample_stride;
    }
  }

  /// A piece that begins at `from` of a line of `size` numbers, with zeros for what lies outside of it.
  [[gnu::noinline]] static void copy_part(const T* line, long size, long from, long length, T* to) {
    const long low = std::clamp(-from, 0L, length), high = std::clamp(size - from, low, length);
    std::fill(to, to + low, T{});
    if (low < high) std::copy(line + from + low, line + from + high, to + low);
    std::fill(to + high, to + length, T{});
  }

 private:
  /// `count` rows of one line of the grid: piece by piece, each for all the rows, so that a short piece costs
  /// no more than its copy.
  void gather_line(const T* image, long y, long x, long count, long first, long last, T* to,
                   long to_stride) const {
    const long piece = joined() ? taps_x * channels : channels;
    const long pieces_x = joined() ? 1 : taps_x;
    const long line = width * pixel_stride, stride = step * pixel_stride;
    long tap_y = first / piece / pieces_x, tap_x = first / piece % pieces_x, place = first % piece;
    for (long column = first; column < last;) {
      const long length = std::min(piece - place, last - column);
      const long source_y = y * step + y0 + tap_y * dy;
      const bool inside = source_y >= 0 && source_y < height;
      const T* const source = image + (inside ? source_y : 0) * line;
      // Row i begins at `from` + i * stride of the source; those in [whole, past) lie in it as a whole.
      const long from = (x * step + x0 + tap_x * dx) * pixel_stride + place;
      const long whole = inside ? std::clamp((stride - 1 - from) / stride, 0L, count) : count;
      const long past = inside && line - length >= from
                            ? std::clamp((line - length - from) / stride + 1, whole, count)
                            : whole;
      T* const place_to = to + (column - first);
      for (long i = 0; i < whole; ++i)
        copy_part(source, inside ? line : 0, from + i * stride, length, place_to + i * to_stride);
      if (whole < past)
        copy_pieces(source + from + whole * stride, stride, past - whole, length,
                    place_to + whole * to_stride, to_stride, to_stride - (column - first));
      for (long i = past; i < count; ++i)
        copy_part(source, inside ? line : 0, from + i * stride, length, place_to + i * to_stride);
      column += length;
      place = 0;
      if (++tap_x == pieces_x) tap_x = 0, ++tap_y;
    }
  }

  /// `count` pieces, for which a row has `room`. Short ones are copied with what follows them, if that can be
  /// read: there the next piece goes, or nothing is read of a row.
  void copy_pieces(const T* from, long stride, long count, long length, T* to, long to_stride,
                   long room) const {
    const T* const end = data + samples * sample_stride - pixel_stride + channels;
    const auto copy = [&](auto bytes) {
      constexpr long numbers = decltype(bytes)::value / static_cast<long>(sizeof(T));
      if (length > numbers || numbers > room || from + (count - 1) * stride + numbers > end) return false;
      for (long i = 0; i < count; ++i)
        std::memcpy(static_cast<void*>(to + i * to_stride), static_cast<const void*>(from + i * stride),
                    decltype(bytes)::value);
      return true;
    };
    if (copy(std::integral_constant<int, simd_bytes / 2>{}) ||
        copy(std::integral_constant<int, simd_bytes>{}))
      return;
    for (long i = 0; i < count; ++i) copy_numbers(from + i * stride, length, to + i * to_stride);
  }
};

/// A plain row-major matrix as patches: each row is a sample of one pixel.
template <class T>
PatchMatrix<T> plain_matrix(const T* data, long rows, long columns, long stride) {
  PatchMatrix<T> matrix;
  matrix.data = data;
  matrix.samples = rows;
  matrix.sample_stride = stride;
  matrix.pixel_stride = stride;
  matrix.channels = columns;
  return matrix;
}

/// The second factor. Plain: row k, column n is data[k * stride + n]. Transposed, for the taps (i, j) of a
/// window: row (i * taps_x + j) * channels + o, column n is data[i * tap_y_stride + j * tap_x_stride + n *
/// stride + o].
template <class T>
struct WeightMatrix {
  const T* data = nullptr;
  long stride = 0;
  bool transposed = false;
  long channels = 1, taps_x = 1;
  long tap_y_stride = 0, tap_x_stride = 0;

  /// Copies rows [row0, row1), columns [column0, column1) into panels of `panel` columns: a panel holds its
  /// rows one after the other, the last is filled up with zeros.
  void pack(long row0, long row1, long column0, long column1, long panel, T* to) const {
    const long rows = row1 - row0;
    for (long column = column0; column < column1; column += panel, to += rows * panel) {
      const long width = std::min(panel, column1 - column);
      if (width < panel) std::fill(to, to + rows * panel, T{});
    }
    to -= (column1 - column0 + panel - 1) / panel * rows * panel;
    if (transposed) {
      pack_transposed(row0, row1, column0, column1, panel, to);
      return;
    }
    for (long row = row0; row < row1; ++row) {
      const T* from = data + row * stride;
      T* line = to + (row - row0) * panel;
      for (long column = column0; column < column1; column += panel, line += rows * panel) {
        const long width = std::min(panel, column1 - column);
        if (width == panel) {
          for (long i = 0; i < panel; i += simd_width<T>)
            store_vector(line + i, load_vector<Simd<T>>(from + column + i));
        } else {
          std::copy(from + column, from + column + width, line);
        }
      }
    }
  }

 private:
  void pack_transposed(long row0, long row1, long column0, long column1, long panel, T* to) const {
    const long rows = row1 - row0;
    for (long row = row0; row < row1;) {
      const long tap = row / channels, place = row % channels;
      const long count = std::min(channels - place, row1 - row);
      const T* from = data + tap / taps_x * tap_y_stride + tap % taps_x * tap_x_stride + place;
      constexpr long width = simd_width<T>;
      for (long column = column0; column < column1;) {
        const long offset = column - column0, columns = std::min(width, column1 - column);
        T* line = to + (offset / panel * rows + row - row0) * panel + offset % panel;
        long i = 0;
        if (columns == width)
          for (; i + width <= count; i += width)
            transpose_square(from + column * stride + i, stride, line + i * panel, panel);
        for (; i < count; ++i)
          for (long c = 0; c < columns; ++c) line[i * panel + c] = from[(column + c) * stride + i];
        column += columns;
      }
      row += count;
    }
  }
};

}  // namespace mmdl::detail
