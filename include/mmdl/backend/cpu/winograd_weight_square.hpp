// SPDX-License-Identifier: Apache-2.0
// The 3x3 weights that a Winograd convolution transforms together.
#pragma once

#include "winograd_transform.hpp"

namespace mmdl::detail {

/// The weights of as many channels, from `c` on, and columns, from `column` on, as a vector holds, of a
/// convolution's weights [3][3][channels][columns], or with `rotated` [3][3][columns][channels] turned by
/// half a turn.
template <class W>
class WinogradWeightSquare {
 public:
  static constexpr long width = simd_width<W>;

  WinogradWeightSquare(const W* weights, bool rotated, long channels, long columns, long column, long c)
      : from_(weights + c * columns + column),
        row_(columns),
        tap_(channels * columns),
        next_(rotated ? weights + column * channels + c + width : from_ + width * columns),
        next_row_(rotated ? channels : columns),
        next_tap_(channels * columns) {
    if (!rotated) return;
    for (long tap = 0; tap < 9; ++tap)
      transpose_square(weights + ((8 - tap) * columns + column) * channels + c, channels,
                       turned_ + tap * width * width, width);
    from_ = turned_, row_ = width, tap_ = width * width;
  }
  WinogradWeightSquare(const WinogradWeightSquare&) = delete;  // it may point into itself
  WinogradWeightSquare& operator=(const WinogradWeightSquare&) = delete;

  /// Transforms channel `c` + i; `store(y, x, vector of columns)` takes the results. Asks for the same
  /// columns of the next channels: lines so far apart that only we know that they follow.
  template <class Transform, class Store>
  [[gnu::always_inline]] void transform(Transform transform, long i, const Store& store) const {
    for (long tap = 0; tap < 9; ++tap) __builtin_prefetch(next_ + i * next_row_ + tap * next_tap_, 0, 2);
    transform_square_of<Simd<W>>(
        transform, [&](int y, int x) { return load_vector<Simd<W>>(from_ + (y * 3 + x) * tap_ + i * row_); },
        store);
  }

 private:
  alignas(64) W turned_[9 * width * width];
  const W* from_;
  long row_, tap_;  // from one channel to the next, from one tap to the next
  const W* next_;
  long next_row_, next_tap_;
};

}  // namespace mmdl::detail
