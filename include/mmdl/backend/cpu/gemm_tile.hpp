// SPDX-License-Identifier: Apache-2.0
// The register tiles of the matrix product.
#pragma once

#include "fetch_ahead.hpp"
#include "gemm_epilogue.hpp"
#include "tile_ahead.hpp"
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

/// sums[r][c] = sum over k of a[r * RowStride + k * a_step] * b[k * b_step + c]: outer products
/// whose `Rows` x 2 vectors of sums stay in registers (Goto and van de Geijn, "Anatomy of high-performance
/// matrix multiplication", 2008). Rows further apart than 1 have their steps next to each other. A line of
/// `ahead` is asked for now and then.
///
/// Where `b` is packed, it is four steps at a time: on a core that runs two programs, every instruction that
/// does not multiply costs one of the other's turns.
template <int Rows, long RowStride, class T>
[[gnu::noinline]] void multiply_tile(long depth, const T* a, long a_step, const T* b, long b_step, T* sums,
                                     FetchAhead& ahead) {
  using V = Simd<T>;
  constexpr int at_once = 4;
  constexpr long width = simd_width<T>;
  FetchAhead next = ahead;  // in registers
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = V{};
  long k = 0;
  if (b_step == 2 * width)
    for (; k + at_once <= depth; k += at_once) {
      MMDL_UNROLL
      for (int step = 0; step < at_once; ++step) {
        multiply_step(left, right, b + step * 2 * width,
                      [=](int r) { return RowStride == 1 ? a[r] : a[r * RowStride + step]; });
        if constexpr (RowStride == 1) a += a_step;
      }
      if constexpr (RowStride != 1) a += at_once;
      b += at_once * 2 * width;
      next.fetch();
    }
  for (; k < depth; ++k) {
    multiply_step(left, right, b, [=](int r) { return a[r * RowStride]; });
    a += a_step;
    b += b_step;
    next.fetch();
  }
  ahead = next;
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    store_vector(sums + r * 2 * width, left[r]);
    store_vector(sums + r * 2 * width + width, right[r]);
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

/// `count` steps of a tile over a packed `b`, four at a time, with a turn() after each four. number(r, i) is
/// row r's, read from the places `a` and `a_half`. Turned, `a` moves on by `a_step` with each step; else both
/// move on by four with four of them, of which i is one.
template <int Rows, bool Turned, class T, class Number, class Turn>
[[gnu::always_inline]] inline void multiply_steps(Simd<T> (&left)[Rows], Simd<T> (&right)[Rows], const T*& a,
                                                  const T*& a_half, long a_step, const T*& b, long count,
                                                  const Number& number, const Turn& turn) {
  constexpr int at_once = steps_at_once;
  constexpr long width = simd_width<T>;
  long k = 0;
  for (; k + at_once <= count; k += at_once) {
    MMDL_UNROLL
    for (int step = 0; step < at_once; ++step) {
      multiply_step(left, right, b + step * 2 * width, [&](int r) { return number(r, Turned ? 0 : step); });
      if constexpr (Turned) a += a_step;
    }
    if constexpr (!Turned) {
      a += at_once;
      a_half += at_once;
    }
    b += at_once * 2 * width;
    turn();
  }
  for (; k < count; ++k) {
    multiply_step(left, right, b, [&](int r) { return number(r, 0); });
    a += Turned ? a_step : 1;
    a_half += Turned ? 0 : 1;
    b += 2 * width;
  }
}

/// multiply_tile() where `b` is packed: a whole tile, that is finished without leaving the registers.
/// `Turned`: the rows of its steps lie beside each other, else the steps of its rows. It asks for the lines
/// of its results, and goes on with `later`.
template <int Rows, bool Turned, class T>
[[gnu::noinline]] void multiply_whole_tile(long depth, const TileSource<T>& source, const T* b,
                                           const TileFinish<T>& finish, FetchAhead& later) {
  // Two places, and once, three and five times a distance, reach all rows of a tile of fourteen, once the
  // distance those of six: the processor doubles and adds them where it reads.
  static_assert(Turned || Rows <= 8 || Rows == 14);
  constexpr int half = Rows / 2;
  constexpr long bytes = static_cast<long>(sizeof(T));
  const T *a = source.a, *a_half = a + (Turned ? 0 : half * source.row);
  const long gap = source.gap;
  long row = source.row * bytes, row_3 = 3 * row, row_5 = 5 * row;
  const auto number = [&](int r, int step) {
    if (Turned) return a[r];
    const int place = r % half;
    const long distance = place == 3 ? row_3 : place == 6 ? 2 * row_3 : place == 5 ? row_5 : place * row;
    const char* const first = reinterpret_cast<const char*>(r < half ? a : a_half);
    return *reinterpret_cast<const T*>(first + distance + step * bytes);
  };
  const T* const residual = finish.apply ? finish.epilogue.residual() : nullptr;
  TileAhead<Rows, T> ahead(later, finish.output + finish.column,
                           residual == nullptr ? nullptr : residual + finish.column, finish.offsets,
                           std::min(source.first, depth) / steps_at_once);
  Simd<T> left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = Simd<T>{};
  for (long count = source.first;; count = source.piece) {
    if (count > depth) count = depth;
    multiply_steps<Rows, Turned>(left, right, a, a_half, source.step, b, count, number, [&] {
      // Compilers would work the multiples out before the loop, more than there are registers for.
      if constexpr (!Turned && Rows > 6) asm("" : "+r"(row), "+r"(row_3));
      if constexpr (!Turned && Rows == 14) asm("" : "+r"(row_5));
      ahead.turn();
    });
    depth -= count;
    if (depth == 0) break;
    a += gap;
    a_half += gap;
  }
  later = ahead.later();
  finish_vectors(left, 0, finish.offsets, finish);
  finish_vectors(right, simd_width<T>, finish.offsets, finish);
}

}  // namespace mmdl::detail
