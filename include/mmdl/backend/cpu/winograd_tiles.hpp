// SPDX-License-Identifier: Apache-2.0
// What the Winograd convolutions share: tiles of an image brought into the transformed domain, and the
// products there.
#pragma once

#include <algorithm>
#include <utility>

#include "gemm_narrow_source.hpp"
#include "gemm_tile.hpp"
#include "winograd_transform.hpp"

namespace mmdl::detail {

/// A batch of images cut into tiles of outputs, in the order sample, row, column.
template <class T>
struct WinogradTiles {
  const T* data = nullptr;
  long samples = 0, height = 0, width = 0, channels = 0;
  long y0 = 0, x0 = 0;  // where the first tile's window begins (minus the padding)
  long rows = 0, columns = 0;

  long count() const { return samples * rows * columns; }

  /// Writes the transformed windows of the tiles [begin, end) to `to`: product p, tile t, channel c at
  /// to[p * product_stride + (t - begin) * tile_stride + c].
  template <class Transform, class To>
  void transform(Transform, long begin, long end, To* to, long product_stride, long tile_stride) const {
    constexpr int size = Transform::from;
    for (long tile = begin; tile < end; ++tile, to += tile_stride) {
      const auto run = [&](const auto& place) {
        for (long c = 0; c < channels; c += simd_width<T>)
          transform_square_of<Simd<T>>(
              Transform{}, [&](int i, int j) { return load_vector<Simd<T>>(place(i, j, c)); },
              [&](int i, int j, const Simd<T>& value) {
                store_vector(to + (i * Transform::to + j) * product_stride + c, value);
              });
      };
      const Place at = place<Transform>(tile);
      if (at.y >= 0 && at.x >= 0 && at.y + size <= height && at.x + size <= width) {
        const T* const corner = at.image + (at.y * width + at.x) * channels;
        run([&](int i, int j, long c) { return corner + (i * width + j) * channels + c; });
      } else {
        const Window<size> window(*this, at);
        run([&](int i, int j, long c) { return window(i, j, c); });
      }
    }
  }

  /// The same of two tiles at a time, joined number by number: product p, tiles t and t + 1, channel c at
  /// to[p * product_stride + (t - begin) / 2 * pair_stride + c]. Behind an odd number of them are zeros.
  template <class Transform>
  void transform_pairs(Transform, long begin, long end, NarrowPair* to, long product_stride,
                       long pair_stride) const {
    constexpr int size = Transform::from, products = Transform::to * Transform::to;
    alignas(64) float halves[2][products * simd_width<T>];
    for (long tile = begin; tile < end; tile += 2, to += pair_stride) {
      const Place first = place<Transform>(tile), second = place<Transform>(std::min(tile + 1, end - 1));
      const Window<size> windows[2] = {{*this, first}, {*this, second}};
      if (tile + 1 == end) std::fill_n(halves[1], products * simd_width<T>, 0.0f);
      for (long c = 0; c < channels; c += simd_width<T>) {
        for (int half = 0; half < 2 && tile + half < end; ++half)
          transform_square_of<Simd<T>>(
              Transform{}, [&](int i, int j) { return load_vector<Simd<T>>(windows[half](i, j, c)); },
              [&](int i, int j, const Simd<T>& value) {
                store_vector(halves[half] + (i * Transform::to + j) * simd_width<T>, value);
              });
        for (int p = 0; p < products; ++p)
          store_vector(to + p * product_stride + c,
                       joined_rows(halves[0] + p * simd_width<T>, halves[1] + p * simd_width<T>));
      }
    }
  }

 private:
  struct Place {
    const T* image;
    long y, x;  // where the tile's window begins
  };
  template <class Transform>
  Place place(long tile) const {
    return {data + tile / columns / rows * height * width * channels,
            tile / columns % rows * Transform::outputs + y0, tile % columns * Transform::outputs + x0};
  }

  /// A table of a window's places instead of branches: in unrolled code they are many, and the compiler pays
  /// for them.
  template <int Size>
  struct Window {
    const T* places[Size * Size];
    long moves[Size * Size];  // all bits where the place follows the channels

    Window(const WinogradTiles& tiles, const Place& at) {
      for (int i = 0; i < Size; ++i)
        for (int j = 0; j < Size; ++j) {
          const long y = at.y + i, x = at.x + j;
          const bool inside = y >= 0 && y < tiles.height && x >= 0 && x < tiles.width;
          places[i * Size + j] = inside ? at.image + (y * tiles.width + x) * tiles.channels : zeros;
          moves[i * Size + j] = inside ? -1 : 0;
        }
    }
    const T* operator()(int i, int j, long channel) const {
      return places[i * Size + j] + (channel & moves[i * Size + j]);
    }
  };

  alignas(64) static constexpr T zeros[simd_width<T>] = {};  // outside of the image
};

/// How a convolution is cut into tiles of `Outputs` x `Outputs` outputs.
template <int Outputs, class T>
struct WinogradCut {
  /// The window that the tiles are made for, over whole vectors of channels.
  static bool fits(const Node& node) {
    const Window& w = node.window;
    return w.kernel_height == 3 && w.kernel_width == 3 && w.stride == 1 && w.dilation == 1 && w.groups == 1 &&
           node.input.channels % simd_width<T> == 0 && node.output.channels % simd_width<T> == 0;
  }

  /// A batch of images cut into tiles that make `result`, the first tile's window at (y0, x0).
  static WinogradTiles<T> cut(const T* data, long samples, const Extent& image, long y0, long x0,
                              const Extent& result) {
    return {data,
            samples,
            image.height,
            image.width,
            image.channels,
            y0,
            x0,
            (result.height + Outputs - 1) / Outputs,
            (result.width + Outputs - 1) / Outputs};
  }

  static WinogradTiles<T> input(const Node& node, long samples, const T* data) {
    return cut(data, samples, node.input, -node.window.pad_top, -node.window.pad_left, node.output);
  }

  /// The output's gradient as the image whose convolution with the turned weights is the input's gradient.
  static WinogradTiles<T> gradient(const Node& node, long samples, const T* data) {
    return cut(data, samples, node.output, node.window.pad_top - 2, node.window.pad_left - 2, node.input);
  }
};

/// c[r][0 .. tile_columns) = (`add`: what it holds +) the sum over k of a(r, k) * b[k * b_step + ...], where
/// a(r, k) is a[r * a_stride + k], or a[k * a_stride + r] if Transposed. The sums stay in registers. Of
/// narrow pairs the sums are floats.
template <int Rows, bool Transposed, class T, class Sum>
void multiply_rows(long depth, const T* a, long a_stride, const T* b, long b_step, Sum* c, long c_stride,
                   bool add) {
  using V = Simd<Sum>;
  V left[Rows], right[Rows];
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    left[r] = add ? load_vector<V>(c + r * c_stride) : V{};
    right[r] = add ? load_vector<V>(c + r * c_stride + simd_width<Sum>) : V{};
  }
  // Three rows a base address: more run-time multiples of the stride than that are not to be had for nothing.
  constexpr int bases = (Rows + 2) / 3;
  const T* base[bases];
  MMDL_UNROLL
  for (int i = 0; i < bases; ++i) base[i] = a + 3 * i * (Transposed ? 1 : a_stride);
  constexpr int at_once = Rows == tile_rows ? 4 : 1;
  // The rows behind these, of a packed `a` the next to be multiplied: lines of them for as many steps.
  const char* behind = reinterpret_cast<const char*>(a + Rows * a_stride);
  constexpr int lines = (at_once * Rows * static_cast<int>(sizeof(T)) + 63) / 64;
  long k = 0;
  for (; k + at_once <= depth; k += at_once) {
    MMDL_UNROLL
    for (int step = 0; step < at_once; ++step) {
      multiply_step(left, right, b,
                    [&](int r) { return Transposed ? a[r] : base[r / 3][r % 3 * a_stride + step]; });
      if constexpr (Transposed) a += a_stride;
      b += b_step;
    }
    if constexpr (!Transposed) {
      MMDL_UNROLL
      for (int i = 0; i < lines; ++i) __builtin_prefetch(behind + i * 64, 0, 2);
      behind += lines * 64;
      MMDL_UNROLL
      for (int i = 0; i < bases; ++i) base[i] += at_once;
    }
  }
  for (; at_once > 1 && k < depth; ++k) {
    multiply_step(left, right, b, [&](int r) { return Transposed ? a[r] : base[r / 3][r % 3 * a_stride]; });
    if constexpr (Transposed) {
      a += a_stride;
    } else {
      MMDL_UNROLL
      for (int i = 0; i < bases; ++i) ++base[i];
    }
    b += b_step;
  }
  MMDL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    store_vector(c + r * c_stride, left[r]);
    store_vector(c + r * c_stride + simd_width<Sum>, right[r]);
  }
}

/// multiply_rows for any even number of rows, in pieces of nearly equal height that fit the registers.
template <bool Transposed, class T, class Sum>
void multiply_panel(long rows, long depth, const T* a, long a_stride, const T* b, long b_step, Sum* c,
                    long c_stride, bool add) {
  using Multiply = void (*)(long, const T*, long, const T*, long, Sum*, long, bool);
  static constexpr auto table = []<int... I>(std::integer_sequence<int, I...>) {
    struct Table {
      Multiply of_pairs[tile_rows / 2];
    };
    return Table{{&multiply_rows<2 * I + 2, Transposed, T, Sum>...}};
  }
  (std::make_integer_sequence<int, tile_rows / 2>{});
  const long pieces = (rows + tile_rows - 1) / tile_rows, pairs = rows / 2;
  for (long piece = 0; piece < pieces; ++piece) {
    const long begin = pairs * piece / pieces, end = pairs * (piece + 1) / pieces;
    if (begin < end)
      table.of_pairs[end - begin - 1](depth, a + 2 * begin * (Transposed ? 1 : a_stride), a_stride, b, b_step,
                                      c + 2 * begin * c_stride, c_stride, add);
  }
}

/// A cache line of nothing, behind what is as long as a power of two: without it the 36 places that a
/// transform writes or reads would share one set of the cache.
template <class T>
inline constexpr long winograd_gap = 64 / static_cast<long>(sizeof(T));

/// Numbers from one tile of a transformed batch to the next.
template <class T>
constexpr long winograd_row(long channels) {
  return channels + winograd_gap<T>;
}

/// Numbers from one product to the next, for `tiles` (an even number of them).
template <class T>
constexpr long winograd_plane(long tiles, long channels) {
  return (tiles + tiles % 2) * winograd_row<T>(channels) + winograd_gap<T>;
}

/// Fills the row after an odd number of tiles, which is multiplied with the others.
template <class T>
void clear_odd_row(long tiles, long channels, T* planes) {
  if (tiles % 2 == 0) return;
  for (int p = 0; p < winograd_products; ++p)
    std::fill_n(planes + p * winograd_plane<T>(tiles, channels) + tiles * winograd_row<T>(channels), channels,
                T{});
}

}  // namespace mmdl::detail
