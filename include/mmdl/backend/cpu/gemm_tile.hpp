// SPDX-License-Identifier: Apache-2.0
// The register tiles of the matrix product.
#pragma once

#include "fetch_ahead.hpp"
#include "gemm_epilogue.hpp"
#include "tile_ahead.hpp"
#include "tile_row_places.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// One step of a tile: left[r] and right[r] += number(r) * the first and the second vector of `b`.
template <int Rows, class V, class T, class Number>
[[gnu::always_inline]] inline void multiply_step(V (&left)[Rows], V (&right)[Rows], const T* b,
                                                 const Number& number) {
  const V b_left = load_vector<V>(b), b_right = load_vector<V>(b + simd_width<T>);
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    const V broadcast = number(r) - V{};
    multiply_add(left[r], broadcast, b_left);
    multiply_add(right[r], broadcast, b_right);
  }
}

/// The same of a tile that is `Vectors` wide: sums[v][r] += number(r) * vector v of `b`.
template <int Vectors, int Rows, class V, class T, class Number>
[[gnu::always_inline]] inline void multiply_step(V (&sums)[Vectors][Rows], const T* b, const Number& number) {
  V columns[Vectors];
  MMDL_UNROLL
  for (int v = 0; v < Vectors; ++v) columns[v] = load_vector<V>(b + v * simd_width<T>);
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    const V broadcast = number(r) - V{};
    MMDL_UNROLL
    for (int v = 0; v < Vectors; ++v) multiply_add(sums[v][r], broadcast, columns[v]);
  }
}

template <int Vectors, int Rows, class V>
[[gnu::always_inline]] inline void clear_sums(V (&sums)[Vectors][Rows]) {
  MMDL_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) sums[v][r] = V{};
  }
}

/// sums[r][c] = sum over k of a[r * RowStride + k * a_step] * b[k * b_step + c]: outer products
/// whose `Rows` x `Vectors` vectors of sums stay in registers (Goto and van de Geijn, "Anatomy of
/// high-performance matrix multiplication", 2008). Rows further apart than 1 have their steps next to each
/// other. A line of `ahead` is asked for now and then. With one vector, the second ones of `sums` are left as
/// they are.
///
/// Where `b` is packed, it is four steps at a time: on a core that runs two programs, every instruction that
/// does not multiply costs one of the other's turns.
template <int Rows, long RowStride, int Vectors, class T>
[[gnu::noinline]] void multiply_tile(long depth, const T* a, long a_step, const T* b, long b_step, T* sums,
                                     FetchAhead& ahead) {
  using V = Simd<T>;
  constexpr int at_once = 4;
  constexpr long width = simd_width<T>;
  FetchAhead next = ahead;  // in registers
  V sum[Vectors][Rows];
  clear_sums(sum);
  long k = 0;
  if (b_step == 2 * width)
    for (; k + at_once <= depth; k += at_once) {
      MMDL_UNROLL
      for (int step = 0; step < at_once; ++step) {
        multiply_step(sum, b + step * 2 * width,
                      [=](int r) { return RowStride == 1 ? a[r] : a[r * RowStride + step]; });
        if constexpr (RowStride == 1) a += a_step;
      }
      if constexpr (RowStride != 1) a += at_once;
      b += at_once * 2 * width;
      next.fetch();
    }
  for (; k < depth; ++k) {
    multiply_step(sum, b, [=](int r) { return a[r * RowStride]; });
    a += a_step;
    b += b_step;
    next.fetch();
  }
  ahead = next;
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    MMDL_UNROLL
    for (int v = 0; v < Vectors; ++v) store_vector(sums + r * 2 * width + v * width, sum[v][r]);
  }
}

/// multiply_tile() of one row whose steps are next to each other: four sums of every fourth step, since one
/// would make each multiplication wait for the one before.
template <class T>
[[gnu::noinline]] void multiply_row(long depth, const T* a, const T* b, long b_step, T* sums,
                                    FetchAhead& ahead) {
  using V = Simd<T>;
  constexpr int chains = 4;
  constexpr long width = simd_width<T>;
  FetchAhead next = ahead;  // in registers
  V left[chains] = {}, right[chains] = {};
  const auto step = [&](int chain) {
    const V broadcast = a[chain] - V{};
    multiply_add(left[chain], broadcast, load_vector<V>(b + chain * b_step));
    multiply_add(right[chain], broadcast, load_vector<V>(b + chain * b_step + width));
  };
  long k = 0;
  for (; k + chains <= depth; k += chains, a += chains, b += chains * b_step) {
    MMDL_UNROLL
    for (int chain = 0; chain < chains; ++chain) step(chain);
    next.fetch();
  }
  for (; k < depth; ++k, ++a, b += b_step) step(0);
  ahead = next;
  store_vector(sums, (left[0] + left[1]) + (left[2] + left[3]));
  store_vector(sums + width, (right[0] + right[1]) + (right[2] + right[3]));
}

/// Where a whole tile goes, and how: `finish_tile` of a tile that is still in registers.
template <class T>
struct TileFinish {
  const BoundedEpilogue<T>& epilogue;
  T* output;
  const long* offsets;  // of its rows
  long column;          // of the whole matrix
  bool add;             // to what the output holds
  bool apply;           // the epilogue
};

/// Finishes one column of vectors, `place` numbers from the tile's first.
template <int Rows, class T>
[[gnu::always_inline]] inline void finish_vectors(Simd<T> (&sums)[Rows], long place, const long* offsets,
                                                  const TileFinish<T>& f) {
  using V = Simd<T>;
  const long column = f.column + place;
  T* const output = f.output + column;
  if (f.add) {
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) sums[r] += load_vector<V>(output + offsets[r]);
  }
  if (f.apply) f.epilogue.apply(sums, offsets, column);
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) store_vector(output + offsets[r], sums[r]);
}

/// The first factor of a tile: number r of step k is a[r * row + k * step]; either `row` or `step` is one. In
/// an image the steps are in pieces, one for each row of taps: the first has `first` of them, the others
/// `piece`, and between two are `gap` numbers of other pixels.
template <class T>
struct TileSource {
  const T* a;
  long row, step;
  long first, piece = 0, gap = 0;
};

inline constexpr int steps_at_once = 4;

/// Where the numbers of that are.
template <int Rows, bool Turned, class T>
[[gnu::always_inline]] inline auto tile_places(const T* a, long row, long step) {
  if constexpr (Turned)
    return TurnedTilePlaces<T>(a, step);
  else
    return TileRowPlaces<Rows, T>(a, row);
}

/// `count` steps of a tile over a packed `b`, four at a time, with a turn() after each four.
template <int Vectors, int Rows, class T, class Places, class Turn>
[[gnu::always_inline]] inline void multiply_steps(Simd<T> (&sums)[Vectors][Rows], Places& places, const T*& b,
                                                  long count, const Turn& turn) {
  constexpr int at_once = steps_at_once;
  constexpr long width = simd_width<T>;
  long k = 0;
  for (; k + at_once <= count; k += at_once) {
    MMDL_UNROLL
    for (int step = 0; step < at_once; ++step) {
      multiply_step(sums, b + step * 2 * width, [&](int r) { return places.number(r, step); });
      places.end_step();
    }
    places.advance(at_once);
    places.hide_distances();
    b += at_once * 2 * width;
    turn();
  }
  for (; k < count; ++k) {
    multiply_step(sums, b, [&](int r) { return places.number(r, 0); });
    places.end_step();
    places.advance(1);
    b += 2 * width;
  }
}

/// multiply_tile() where `b` is packed: a whole tile, that is finished without leaving the registers.
/// `Turned`: the rows of its steps lie beside each other, else the steps of its rows. It asks for the lines
/// of its results, and goes on with `later`.
template <int Rows, bool Turned, int Vectors, class T>
[[gnu::noinline]] void multiply_whole_tile(long depth, const TileSource<T>& source, const T* b,
                                           const TileFinish<T>& finish, FetchAhead& later) {
  auto places = tile_places<Rows, Turned>(source.a, source.row, source.step);
  const T* const residual = finish.apply ? finish.epilogue.residual() : nullptr;
  TileAhead<Rows, T> ahead(later, finish.output + finish.column,
                           residual == nullptr ? nullptr : residual + finish.column, finish.offsets,
                           std::min(source.first, depth) / steps_at_once);
  Simd<T> sums[Vectors][Rows];
  clear_sums(sums);
  for (long count = source.first;; count = source.piece) {
    if (count > depth) count = depth;
    multiply_steps<Vectors, Rows, T>(sums, places, b, count, [&] { ahead.turn(); });
    depth -= count;
    if (depth == 0) break;
    places.advance(source.gap);
  }
  later = ahead.later();
  MMDL_UNROLL
  for (int v = 0; v < Vectors; ++v) finish_vectors(sums[v], v * simd_width<T>, finish.offsets, finish);
}

}  // namespace mmdl::detail
