// SPDX-License-Identifier: Apache-2.0
// One line of a convolution of each channel by itself: its outputs, and what it adds to the weights'
// gradient.
#pragma once

#include <algorithm>

#include "gemm_epilogue.hpp"
#include "vector.hpp"

namespace mmdl::detail {

/// The indices [first, last).
struct IndexRange {
  long first = 0, last = 0;
};

/// The taps i of a window with place + i * distance in [0, extent).
inline IndexRange taps_inside(long place, long distance, long taps, long extent) {
  const long first = place < 0 ? (-place + distance - 1) / distance : 0;
  const long last = extent > place ? std::min(taps, (extent - 1 - place) / distance + 1) : 0;
  return {first, std::max(first, last)};
}

/// `Places` neighbouring places of a window that is `Taps` wide, not dilated, and moves by `Step`: a pixel is
/// loaded once for all taps that meet it. `Inside`: no tap falls outside of the line. With `Taps` 0, a window
/// that is known at run time only.
template <int Places, int Taps, int Step, bool Inside>
struct DepthwiseGroup {
  static constexpr int places = Places, taps = Taps, reach = (Places - 1) * Step + Taps;
  static constexpr bool inside = Inside;

  /// Calls visit(place, tap, pixel) for all that meet in a line of pixels, of which those in `inside_range`
  /// exist.
  template <class V, class T, class Visit>
  static void meet(const T* pixels, long pixel_stride, IndexRange inside_range, const Visit& visit) {
    MMDL_UNROLL
    for (int column = 0; column < reach; ++column, pixels += pixel_stride) {
      if (!Inside && (column < inside_range.first || column >= inside_range.last)) continue;
      const V pixel = load_vector<V>(pixels);
      MMDL_UNROLL
      for (int tap = 0; tap < Taps; ++tap)
        if (column >= tap && (column - tap) % Step == 0 && (column - tap) / Step < Places)
          visit((column - tap) / Step, tap, pixel);
    }
  }
};

/// A window that slides along a line of an image of interleaved channels: at its place x, tap (i, j) is on
/// pixel x * step + x0 + j * dx of the line at image + origin + i * line_step. Where the lines lie in a ring,
/// what goes beyond `around` numbers begins at the image again.
template <class T>
struct DepthwiseLine {
  const T* image = nullptr;
  long origin = 0, line_step = 0;
  long around = 0;  // 0: no ring
  IndexRange rows;  // of taps, those that lie inside of the image
  long width = 0, channels = 0;
  long pixel_stride = 0;  // channels, or a little more
  long x0 = 0, step = 1, dx = 1, taps = 0;
  long places = 0;

  /// Where the weights of tap (i, j) begin: i * tap_y + j * tap_x.
  struct Weights {
    const Wide<T>* data;
    long tap_y, tap_x;
  };

  /// output[x * output_stride + c] = the sum over the taps of the pixel's channel c times the weight's; with
  /// `accumulate` it is added to what is there. A bounded epilogue without residual may follow.
  void correlate(const Weights& weights, bool accumulate, T* output, long output_stride,
                 const BoundedEpilogue<T>* epilogue = nullptr) const {
    for_groups([&]<class V, class G>(V, G, long x, IndexRange vectors) {
      const DepthwiseLine line = *this;  // copies, which no store can change
      const Weights w = weights;
      const bool add = accumulate;
      const long stride = output_stride;
      const BoundedEpilogue<T>* const finish = epilogue;
      const IndexRange inside = inside_range<G>(x);
      const T* pixels = line.image + (x * line.step + line.x0) * line.pixel_stride;
      const long first_line = line.place(line.rows.first);
      T* const first = output + x * stride;
      constexpr long lanes = sizeof(V) / sizeof(Wide<T>);
      for (long c = vectors.first; c < vectors.last; c += lanes) {
        V sums[G::places];
        T* const to = first + c;
        MMDL_UNROLL
        for (int p = 0; p < G::places; ++p) sums[p] = add ? load_vector<V>(to + p * stride) : V{};
        long place = first_line;
        for (long i = line.rows.first; i < line.rows.last; ++i) {
          add_row<V, G>(line, pixels + place + c, inside, w.data + i * w.tap_y + c, w.tap_x, sums);
          place += line.line_step;
          if (place >= line.around && line.around > 0) place -= line.around;
        }
        if (finish != nullptr) finish->apply(sums, c);
        MMDL_UNROLL
        for (int p = 0; p < G::places; ++p) store_vector(to + p * stride, sums[p]);
      }
    });
  }

  /// sums[(i * taps + j) * channels + c] += the sum over the places of the pixel's channel c times the
  /// gradient's. Not of lines in a ring.
  void add_products(const T* gradient, Wide<T>* sums) const {
    for_groups([&]<class V, class G>(V, G, long x, IndexRange vectors) {
      const DepthwiseLine line = *this;
      const IndexRange inside = inside_range<G>(x);
      const T* pixels = line.image + (x * line.step + line.x0) * line.pixel_stride;
      constexpr long lanes = sizeof(V) / sizeof(Wide<T>);
      for (long c = vectors.first; c < vectors.last; c += lanes) {
        V factors[G::places];
        const T* from = gradient + x * line.channels + c;
        MMDL_UNROLL
        for (int p = 0; p < G::places; ++p, from += line.channels) factors[p] = load_vector<V>(from);
        for (long i = line.rows.first; i < line.rows.last; ++i)
          add_row_of_products<V, G>(line, pixels + i * line.line_step + c, inside, factors,
                                    sums + i * line.taps * line.channels + c);
      }
    });
  }

 private:
  static constexpr int together =
      7;  // divides 224 and its halves; its sums and a row of weights fit the registers

  /// Where the line under the row of taps `i` begins.
  long place(long i) const {
    const long straight = origin + i * line_step;
    return around > 0 ? straight % around : straight;
  }

  /// One row of taps of a group.
  template <class V, class G>
  static void add_row(const DepthwiseLine& line, const T* pixels, IndexRange inside, const Wide<T>* weights,
                      long tap_x, V (&sums)[G::places]) {
    if constexpr (G::taps > 0) {
      V factors[G::taps];
      MMDL_UNROLL
      for (int j = 0; j < G::taps; ++j, weights += tap_x) factors[j] = load_vector<V>(weights);
      G::template meet<V>(pixels, line.pixel_stride, inside,
                          [&](int p, int j, const V& pixel) { multiply_add(sums[p], factors[j], pixel); });
    } else {
      for (long j = inside.first; j < inside.last; ++j) {
        const V factor = load_vector<V>(weights + j * tap_x);
        MMDL_UNROLL
        for (int p = 0; p < G::places; ++p)
          sums[p] += factor * load_vector<V>(pixels + (p * line.step + j * line.dx) * line.pixel_stride);
      }
    }
  }

  template <class V, class G>
  static void add_row_of_products(const DepthwiseLine& line, const T* pixels, IndexRange inside,
                                  const V (&factors)[G::places], Wide<T>* sums) {
    if constexpr (G::taps > 0) {
      V sum[G::taps];
      MMDL_UNROLL
      for (int j = 0; j < G::taps; ++j) sum[j] = load_vector<V>(sums + j * line.channels);
      G::template meet<V>(pixels, line.pixel_stride, inside,
                          [&](int p, int j, const V& pixel) { multiply_add(sum[j], factors[p], pixel); });
      MMDL_UNROLL
      for (int j = 0; j < G::taps; ++j) store_vector(sums + j * line.channels, sum[j]);
    } else {
      for (long j = inside.first; j < inside.last; ++j) {
        V sum = load_vector<V>(sums + j * line.channels);
        MMDL_UNROLL
        for (int p = 0; p < G::places; ++p)
          sum += factors[p] * load_vector<V>(pixels + (p * line.step + j * line.dx) * line.pixel_stride);
        store_vector(sums + j * line.channels, sum);
      }
    }
  }

  /// The columns of a group (with a window known at run time, its taps) that lie inside of the line.
  template <class G>
  IndexRange inside_range(long x) const {
    if constexpr (G::taps > 0)
      return G::inside ? IndexRange{} : taps_inside(x * step + x0, 1, G::reach, width);
    return G::inside ? IndexRange{0, taps} : taps_inside(x * step + x0, dx, taps, width);
  }

  /// Calls body(zero, group, x, channels) for groups at all places x and ranges of channels, whole vectors of
  /// the type of `zero`.
  template <class Body>
  void for_groups(const Body& body) const {
    if (dx == 1 && step == 1 && taps == 3) return walk<3, 1>(body);
    if (dx == 1 && step == 2 && taps == 3) return walk<3, 2>(body);
    walk<0, 1>(body);
  }

  using One = DepthwiseGroup<1, 0, 1, false>;  // for what is left over: one code for all windows

  template <int Taps, int Step, class Body>
  void walk(const Body& body) const {
    using Inner = DepthwiseGroup<together, Taps, Step, true>;
    using Outer = DepthwiseGroup<together, Taps, Step, false>;
    for (long x = 0; x < places;) {
      const long first = x * step + x0, last = first + (together - 1) * step + (taps - 1) * dx;
      const bool inside = first >= 0 && last < width;
      if (x + together > places || (Taps == 0 && !inside)) {
        over_channels<One>(body, x++);
        continue;
      }
      if (Taps == 0 || inside)
        over_channels<Inner>(body, x);
      else
        over_channels<Outer>(body, x);
      x += together;
    }
  }

  /// Whole vectors, then a half, then the channels that are left: one place at a time, to have less code.
  template <class G, class Body>
  void over_channels(const Body& body, long x) const {
    const long whole = channels / simd_width<T> * simd_width<T>;
    long c = whole;
    if (whole > 0) body(Simd<T>{}, G{}, x, IndexRange{0, whole});
    if constexpr (simd_bytes > 16) {
      if (c + simd_width<T> / 2 <= channels) {
        body(HalfSimd<T>{}, G{}, x, IndexRange{c, c + simd_width<T> / 2});
        c += simd_width<T> / 2;
      }
    }
    if (c < channels)
      for (int p = 0; p < G::places; ++p) body(Wide<T>{}, One{}, x + p, IndexRange{c, channels});
  }
};

}  // namespace mmdl::detail
