// SPDX-License-Identifier: Apache-2.0
// Lines of images, copied with the zeros beside them, so that all their patches can be read where they lie.
#pragma once

#include <algorithm>

#include "gemm_source.hpp"
#include "gemm_tile.hpp"

namespace mmdl::detail {

/// For some rows of a PatchMatrix of joined taps, the lines of the images under their windows, with zeros for
/// what lies outside of the image. The rows of one line of the grid are then `step` pixels apart, and their
/// rows of taps `dy` lines: of few channels, to copy every patch takes as long as to multiply it.
template <class T>
class PatchLines {
 public:
  explicit PatchLines(const PatchMatrix<T>& patches) : p_(patches) {}

  /// Whether copies under any `rows` rows fit `room` numbers, with what a tile that is not whole reads behind
  /// its rows. Only of joined taps that are more than one.
  bool fit(long rows, long room) const {
    if (p_.plain() || !p_.joined() || p_.taps_y * p_.taps_x == 1 || p_.dy < 1) return false;
    const long lines = (rows / p_.grid_width + 2) * p_.step + (rows / pixels() + 2) * window_height();
    return lines * line() + (tile_rows * p_.step + p_.taps_x) * p_.channels <= room;
  }

  /// Copies what the rows [begin, end) read.
  void copy(long begin, long end, T* to) {
    to_ = to;
    first_sample_ = begin / pixels();
    first_y_ = begin % pixels() / p_.grid_width;
    for (long row = begin; row < end;) {
      const long sample = row / pixels(), last = std::min(end, (sample + 1) * pixels()) - 1;
      const long y = row % pixels() / p_.grid_width, count = last % pixels() / p_.grid_width + 1 - y;
      const T* const image = p_.data + sample * p_.sample_stride;
      const long width = p_.width * p_.channels;
      for (long i = 0; i < lines_of(count); ++i, to += line()) {
        const long top = y * p_.step + p_.y0 + i;
        const bool inside = top >= 0 && top < p_.height;
        PatchMatrix<T>::copy_part(image + (inside ? top : 0) * width, inside ? width : 0, p_.x0 * p_.channels,
                                  line(), to);
      }
      row = last + 1;
    }
  }

  /// Rows from `row` on that are in its line of the grid.
  long left_of_line(long row) const { return p_.grid_width - row % p_.grid_width; }

  /// The tile of rows that begins at `row`, one of those that were copied.
  TileSource<T> tile(long row) const {
    const long sample = row / pixels() - first_sample_, y = row % pixels() / p_.grid_width;
    const long before = sample == 0 ? (y - first_y_) * p_.step
                                    : lines_of(p_.grid_height - first_y_) +
                                          (sample - 1) * lines_of(p_.grid_height) + y * p_.step;
    const long piece = p_.taps_x * p_.channels, pixel = p_.step * p_.channels;
    return {
        to_ + before * line() + row % p_.grid_width * pixel, pixel, 1, piece, piece, p_.dy * line() - piece};
  }

 private:
  long pixels() const { return p_.grid_height * p_.grid_width; }
  long window_height() const { return (p_.taps_y - 1) * p_.dy + 1; }
  /// Lines of an image under `count` lines of the grid.
  long lines_of(long count) const { return (count - 1) * p_.step + window_height(); }
  /// Numbers of a copied line.
  long line() const { return ((p_.grid_width - 1) * p_.step + p_.taps_x) * p_.channels; }

  const PatchMatrix<T>& p_;
  T* to_ = nullptr;
  long first_sample_ = 0, first_y_ = 0;
};

}  // namespace mmdl::detail
