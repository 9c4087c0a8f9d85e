// SPDX-License-Identifier: Apache-2.0
// Where the packed matrix product reads its factors: image patches gathered on the fly, and weights.
#pragma once

#include <algorithm>

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

  /// Calls `row(index, copy)` for the rows [begin, end), where `copy(to)` writes the columns [first, last) to
  /// `to`.
  template <class Row>
  void for_rows(long begin, long end, long first, long last, const Row& row) const {
    if (height * width * grid_height * grid_width * taps_y * taps_x == 1) {  // a plain matrix
      for (long index = begin; index < end; ++index)
        row(index, [&](T* to) { copy_numbers(data + index * sample_stride + first, last - first, to); });
      return;
    }
    // Neighbouring taps of an undilated window are neighbours in memory: they are copied as one piece.
    const bool joined = dx == 1 && pixel_stride == channels;
    const long piece = joined ? taps_x * channels : channels;
    const long pieces_x = joined ? 1 : taps_x;
    const long first_piece = first / piece, first_place = first % piece;
    const long first_y = first_piece / pieces_x, first_x = first_piece % pieces_x;
    long x = begin % grid_width, y = begin / grid_width % grid_height;
    const T* image = data + begin / grid_width / grid_height * sample_stride;
    const long line = width * pixel_stride;
    for (long index = begin; index < end; ++index) {
      row(index, [&](T* to) {
        long tap_y = first_y, tap_x = first_x, place = first_place;
        for (long left = last - first; left > 0;) {
          const long length = std::min(piece - place, left);
          const long source_y = y * step + y0 + tap_y * dy;
          const long from = (x * step + x0 + tap_x * dx) * pixel_stride + place;
          if (from >= 0 && from + length <= line && source_y >= 0 && source_y < height) {
            copy_numbers(image + source_y * line + from, length, to);
          } else {
            const bool inside = source_y >= 0 && source_y < height;
            const long low = inside ? std::clamp(-from, 0L, length) : length;
            const long high = inside ? std::clamp(line - from, low, length) : length;
            std::fill(to, to + low, T{});
            if (low < high)
              std::copy(image + source_y * line + from + low, image + source_y * line + from + high,
                        to + low);
            std::fill(to + high, to + length, T{});
          }
          to += length;
          left -= length;
          place = 0;
          if (++tap_x == pieces_x) tap_x = 0, ++tap_y;
        }
      });
      if (++x == grid_width) {
        x = 0;
        if (++y == grid_height) y = 0, image += sample_stride;
      }
    }
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
