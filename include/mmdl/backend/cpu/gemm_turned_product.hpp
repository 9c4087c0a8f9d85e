// SPDX-License-Identifier: Apache-2.0
// The product of a transposed first factor, which only gradients of weights are.
#pragma once

#include "gemm_first_factor.hpp"

namespace mmdl::detail {

/// What only the product of a transposed first factor takes. It is called by address: a program without
/// gradients does not compile it.
template <class T>
struct TurnedProduct {
  void (*pack)(FirstFactor<T>&, long m, long m_end, long k, long k_end);
  decltype(&multiply_whole_tile<transposed_tile_rows, true, 2, T>) whole_tile;
  decltype(&multiply_tile<transposed_tile_rows, 1, 2, T>) tile;
  decltype(&multiply_tile<transposed_tile_rows, 1, 1, T>) slim_tile;
  void (*tile_column)(long, long, const TileColumnSource<T>&, const T*, const TileFinish<T>&,
                      FetchAhead&);  // null where registers have many rows
};

template <class T>
const TurnedProduct<T>* turned_product() {
  static constexpr TurnedProduct<T> product = [] {
    TurnedProduct<T> made{[](FirstFactor<T>& first, long m, long m_end, long k, long k_end) {
                            first.pack_transposed(m, m_end, k, k_end);
                          },
                          &multiply_whole_tile<transposed_tile_rows, true, 2, T>,
                          &multiply_tile<transposed_tile_rows, 1, 2, T>,
                          &multiply_tile<transposed_tile_rows, 1, 1, T>, nullptr};
    if constexpr (!FirstFactor<T>::many_rows) made.tile_column = &multiply_tile_column<tile_rows, true, T>;
    return made;
  }();
  return &product;
}

}  // namespace mmdl::detail
