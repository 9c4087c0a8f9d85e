// SPDX-License-Identifier: Apache-2.0
// Winograd's tiles brought back from the transformed domain, and written.
#pragma once

#include <algorithm>

#include "gemm_epilogue.hpp"
#include "winograd_tiles.hpp"

namespace mmdl::detail {

/// Writes the outputs of tiles: epilogue(A^T m A), where `Transform` is A^T. Unrolled is the transform alone:
/// finishing 16 numbers in 16 places would be half of the algorithm's code.
template <class T, class Transform>
class WinogradResults {
  using V = Simd<T>;
  static constexpr int size = Transform::to;

 public:
  /// `extent`: of the output, whose channels are the columns; `tiles` is what it was cut into.
  WinogradResults(const WinogradTiles<T>& tiles, const Extent& extent, T* output, const Epilogue<T>& epilogue)
      : tiles_(tiles),
        extent_(extent),
        output_(output),
        epilogue_(epilogue),
        bounded_(epilogue),
        plain_(epilogue.plain()),
        is_bounded_(epilogue.bounded()) {}

  /// Those of one tile in the vector that begins at `column`; product(i, j) gives m.
  template <class Product>
  void write(long tile, long column, const Product& product) const {
    V square[size][size];
    transform_square_of<V>(Transform{}, product, [&](int i, int j, const V& value) { square[i][j] = value; });
    const long sample = tile / tiles_.columns / tiles_.rows;
    const long y = tile / tiles_.columns % tiles_.rows * size + tiles_.result_y0;
    const long x = tile % tiles_.columns * size + tiles_.result_x0;
    const long corner = ((sample * extent_.height + y) * extent_.width + x) * extent_.channels;
    const long height = std::min<long>(size, extent_.height - y),
               width = std::min<long>(size, extent_.width - x);
    for (long i = std::max(-y, 0L); i < height; ++i)
      for (long j = std::max(-x, 0L); j < width; ++j)
        finish(square[i][j], corner + (i * extent_.width + j) * extent_.channels, column);
  }

 private:
  [[gnu::always_inline]] void finish(V value, long pixel, long column) const {
    T* const to = output_ + pixel + column;
    if (epilogue_.accumulate) value += load_vector<V>(to);
    if (is_bounded_) {
      if (!plain_) {
        V values[1] = {value};
        bounded_.apply(values, &pixel, column);
        value = values[0];
      }
    } else {
      value = epilogue_.template apply<V>(value, column, pixel + column);
    }
    store_vector(to, value);
  }

  const WinogradTiles<T>& tiles_;
  Extent extent_;
  T* output_;
  const Epilogue<T>& epilogue_;
  BoundedEpilogue<T> bounded_;  // where the epilogue is one
  bool plain_, is_bounded_;
};

}  // namespace mmdl::detail
