// SPDX-License-Identifier: Apache-2.0
// Lines of an image, copied so that every tap of a window is the same matrix, read from another place.
#pragma once

#include <algorithm>

#include "gemm_blocks.hpp"

namespace mmdl::detail {

/// For some lines of the grid of a PatchMatrix, the pixels under their windows, with zeros for what lies
/// outside of the image: a ninth of the memory of 3x3 patches, and copied once. Pixels that are `step` apart
/// are neighbours here (their image is dealt out to step * step smaller ones, its phases), so the row of
/// patches of grid point (line, x), numbered line * width() + x, begins for each tap at
/// place() + number * pixel_stride(). Numbers whose x is not on the grid are no rows of the matrix.
template <class T>
class PaddedLines {
 public:
  static constexpr long unit = 32;  // numbers that are read at once, all of one tap; rows as well

  explicit PaddedLines(const PatchMatrix<T>& patches)
      : p_(patches),
        phases_y_(std::min(p_.step, (p_.taps_y - 1) * p_.dy + 1)),
        phases_x_(std::min(p_.step, (p_.taps_x - 1) * p_.dx + 1)) {}

  /// Grid lines to take at once, so that they fit `room` numbers and `row_limit` rows of the product, and all
  /// the lines of a sample are cut evenly. 0 where patches are better copied.
  long lines_at_once(long lines, long room, long row_limit) const {
    if (p_.plain() || p_.channels % unit != 0 || p_.dx < 1 || p_.dy < 1) return 0;
    long fitting = std::min(lines, row_limit / width());
    while (fitting > 0 && size(fitting) > room) --fitting;
    if (fitting == 0) return 0;
    const long count = divide_up(lines, divide_up(lines, fitting));
    return 3 * count * p_.grid_width >= 2 * divide_up(rows(count), unit) * unit ? count : 0;
  }

  /// Points of a line, those between two lines of the grid as well.
  long width() const { return p_.grid_width + (p_.taps_x - 1) * p_.dx / p_.step; }
  /// Numbers given to rows of `lines` lines.
  long rows(long lines) const { return (lines - 1) * width() + p_.grid_width; }
  /// From one pixel to the next: a cache line more than the channels where these are so many that the rows of
  /// a tile would share cache sets.
  long pixel_stride() const { return p_.channels > 256 ? p_.channels + unit : p_.channels; }

  /// Bytes that the taps of one line read for `rows` rows.
  long bytes_of_taps(long rows) const {
    return phases_x_ * (rows + (p_.taps_x - 1) * p_.dx / p_.step) * p_.channels *
           static_cast<long>(sizeof(T));
  }

  /// Where column `k` of the patches is, in row 0.
  long place(long k, long lines) const {
    const long tap = k / p_.channels, y = tap / p_.taps_x * p_.dy, x = tap % p_.taps_x * p_.dx;
    return (y % p_.step * phases_x_ + x % p_.step) * phase_size(lines) +
           (y / p_.step * width() + x / p_.step) * pixel_stride() + k % p_.channels;
  }

  /// Numbers that copies of `lines` lines take, with those that the last tile reads beyond its rows.
  long size(long lines) const {
    return phases_y_ * phases_x_ * phase_size(lines) + (unit + p_.taps_x) * pixel_stride();
  }

  /// Copies what the grid's lines [line, line + count) of one sample read, at the places of copies of
  /// `lines`.
  void copy(long sample, long line, long count, long lines, T* to) const {
    for (long py = 0; py < phases_y_; ++py)
      for (long px = 0; px < phases_x_; ++px, to += phase_size(lines))
        copy_phase(p_.data + sample * p_.sample_stride, line * p_.step + p_.y0 + py, p_.x0 + px,
                   height(count), to);
  }

 private:
  long height(long lines) const { return lines + (p_.taps_y - 1) * p_.dy / p_.step; }
  long phase_size(long lines) const { return height(lines) * width() * pixel_stride(); }

  void copy_phase(const T* image, long top, long left, long lines, T* to) const {
    const long stride = pixel_stride(), from_stride = p_.step * p_.pixel_stride;
    // The points [first, last) of a line lie in the image.
    const long first = std::clamp(divide_up(std::max(-left, 0L), p_.step), 0L, width());
    const long last =
        left < p_.width ? std::clamp((p_.width - 1 - left) / p_.step + 1, first, width()) : first;
    for (long i = 0, y = top; i < lines; ++i, y += p_.step, to += width() * stride) {
      if (y < 0 || y >= p_.height || first == last) {
        std::fill_n(to, width() * stride, T{});
        continue;
      }
      std::fill_n(to, first * stride, T{});
      const T* from = image + (y * p_.width + left + first * p_.step) * p_.pixel_stride;
      if (stride == from_stride && stride == p_.channels) {
        copy_numbers(from, (last - first) * stride, to + first * stride);
      } else {
        for (long x = first; x < last; ++x, from += from_stride)
          copy_numbers(from, p_.channels, to + x * stride);
      }
      std::fill(to + last * stride, to + width() * stride, T{});
    }
  }

  const PatchMatrix<T>& p_;
  long phases_y_, phases_x_;
};

}  // namespace mmdl::detail
