// SPDX-License-Identifier: Apache-2.0
// A whole tile of a product of narrow numbers, finished without leaving the registers.
#pragma once

#include "gemm_narrow_tile.hpp"
#include "gemm_tile.hpp"

namespace mmdl::detail {

/// Sums of a tile that are floats until the last block of the depth is added to them, where the output is
/// narrow: those of row r at place + r * row. A null place: there is one block only.
struct WaitingSums {
  float* place = nullptr;
  long row = 0;
  bool first = true, last = true;  // the block
};

/// multiply_narrow_tile() of a whole tile over a packed `b`. It asks for the lines of its results, and goes
/// on with `later`. Complete sums are finished, others wait.
template <int Rows, class Output>
[[gnu::noinline]] void multiply_whole_narrow_tile(long pairs, const NarrowFactor* a, long row_stride,
                                                  const NarrowPair* b, const TileFinish<Output>& finish,
                                                  const WaitingSums& waiting, FetchAhead& later) {
  using V = Simd<float>;
  constexpr long width = simd_width<float>;
  constexpr int at_once = 2;
  TileRowPlaces<Rows, NarrowFactor> places(a, row_stride);
  const Output* const residual = finish.apply ? finish.epilogue.residual() : nullptr;
  TileAhead<Rows, Output> ahead(later, finish.output + finish.column,
                                residual == nullptr ? nullptr : residual + finish.column, finish.offsets,
                                pairs / at_once);
  if (!waiting.last) ahead.leave_results();
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = V{};
  long p = 0;
  for (; p + at_once <= pairs; p += at_once) {
    MMDL_UNROLL
    for (int i = 0; i < at_once; ++i)
      multiply_pair(left, right, places, i * static_cast<int>(factors_of_pair), b + i * 2 * width);
    places.advance(at_once * factors_of_pair);
    places.hide_distances();
    b += at_once * 2 * width;
    ahead.turn();
  }
  if (p < pairs) multiply_pair(left, right, places, 0, b);
  later = ahead.later();
  if constexpr (is_narrow<Output>) {
    if (waiting.place != nullptr) {
      float* place = waiting.place;
      MMDL_UNROLL
      for (int r = 0; r < Rows; ++r, place += waiting.row) {
        if (!waiting.first) left[r] += load_vector<V>(place), right[r] += load_vector<V>(place + width);
        if (!waiting.last) store_vector(place, left[r]), store_vector(place + width, right[r]);
      }
      if (!waiting.last) return;
    }
  }
  finish_vectors(left, 0, finish.offsets, finish);
  finish_vectors(right, simd_width<float>, finish.offsets, finish);
}

}  // namespace mmdl::detail
