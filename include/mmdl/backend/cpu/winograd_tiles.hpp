// SPDX-License-Identifier: Apache-2.0
// What the Winograd convolutions share: tiles of an image brought into the transformed domain.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../graph/arguments.hpp"
#include "gemm_narrow_source.hpp"
#include "winograd_transform.hpp"

namespace mmdl::detail {

/// A batch of images cut into tiles of outputs, in the order sample, row, column.
template <class T>
struct WinogradTiles {
  const T* data = nullptr;
  long samples = 0, height = 0, width = 0, channels = 0;
  long y0 = 0, x0 = 0;  // where the first tile's window begins (minus the padding)
  long rows = 0, columns = 0;
  long result_y0 = 0, result_x0 = 0;  // where its outputs begin: a few may lie before the result

  long count() const { return samples * rows * columns; }

  /// Writes the transformed windows of the tiles [begin, end) to `to`: product p, tile t, channel c at
  /// to[p * product_stride + (t - begin) * tile_stride + c].
  template <class Transform, class To>
  void transform(Transform, long begin, long end, To* to, long product_stride, long tile_stride) const {
    constexpr int size = Transform::from;
    for (long tile = begin; tile < end; ++tile, to += tile_stride) {
      // The pixels that the next tile has besides: too many streams for the processor to see them coming.
      const Place at = place<Transform>(tile), next = place<Transform>(std::min(tile + 1, end - 1));
      const T* const next_corner = next.image + (next.y * width + next.x) * channels;
      for (long first = 0; first < channels; first += zero_count) {
        const Window<size> window(*this, at, first);
        const long last = std::min(channels, first + zero_count);
        for (long c = first; c < last; c += simd_width<T>) {
          for (int i = 0; i < size; ++i)
            for (int j = size - Transform::step; j < size; ++j)
              __builtin_prefetch(next_corner + (i * width + j) * channels + c, 0, 2);
          transform_square_of<Simd<T>>(
              Transform{}, [&](int i, int j) { return load_vector<Simd<T>>(window(i, j) + (c - first)); },
              [&](int i, int j, const Simd<T>& value) {
                store_vector(to + (i * Transform::to + j) * product_stride + c, value);
              });
        }
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
      if (tile + 1 == end) std::fill_n(halves[1], products * simd_width<T>, 0.0f);
      for (long from = 0; from < channels; from += zero_count) {
        const Window<size> windows[2] = {{*this, first, from}, {*this, second, from}};
        const long last = std::min(channels, from + zero_count);
        for (long c = from; c < last; c += simd_width<T>) {
          for (int half = 0; half < 2 && tile + half < end; ++half)
            transform_square_of<Simd<T>>(
                Transform{},
                [&](int i, int j) { return load_vector<Simd<T>>(windows[half](i, j) + (c - from)); },
                [&](int i, int j, const Simd<T>& value) {
                  store_vector(halves[half] + (i * Transform::to + j) * simd_width<T>, value);
                });
          for (int p = 0; p < products; ++p)
            store_vector(to + p * product_stride + c,
                         joined_rows(halves[0] + p * simd_width<T>, halves[1] + p * simd_width<T>));
        }
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
            tile / columns % rows * Transform::step + y0, tile % columns * Transform::step + x0};
  }

  static constexpr long zero_count = 1024;  // channels at a time
  alignas(64) static constexpr T zeros[zero_count] = {};

  /// A table of the places of a window's pixels, from channel `first` on. Those outside of the image are
  /// zeros: in unrolled code branches are many, and the compiler pays for them. They are more than there are
  /// registers in any case.
  template <int Size>
  struct Window {
    const T* places[Size * Size];

    Window(const WinogradTiles& tiles, const Place& at, long first) {
      for (int i = 0; i < Size; ++i)
        for (int j = 0; j < Size; ++j) {
          const long y = at.y + i, x = at.x + j;
          const bool inside = y >= 0 && y < tiles.height && x >= 0 && x < tiles.width;
          places[i * Size + j] = inside ? at.image + (y * tiles.width + x) * tiles.channels + first : zeros;
        }
    }
    const T* operator()(int i, int j) const { return places[i * Size + j]; }
  };
};

/// WinogradTiles::transform of one `Transform`, or for narrow pairs transform_pairs, behind an address.
template <class T, class Number>
using TransformOfTiles = void(const WinogradTiles<T>& tiles, long begin, long end, Number* to,
                              long product_stride, long tile_stride);
template <class Transform, class T, class Number>
void transform_tiles(const WinogradTiles<T>& tiles, long begin, long end, Number* to, long product_stride,
                     long tile_stride) {
  if constexpr (std::is_same_v<Number, NarrowPair>)
    tiles.transform_pairs(Transform{}, begin, end, to, product_stride, tile_stride);
  else
    tiles.transform(Transform{}, begin, end, to, product_stride, tile_stride);
}

/// How a 3x3 convolution of a stride is cut into tiles of `Outputs` x `Outputs` outputs.
template <class T, int Outputs, int Stride>
struct WinogradCut {
  static_assert(Stride == 1 || Stride == 2);

  /// The window that the tiles are made for, over whole vectors of channels.
  static bool fits(const Node& node) {
    const Window& w = node.window;
    return w.kernel_height == 3 && w.kernel_width == 3 && w.stride == Stride && w.dilation == 1 &&
           w.groups == 1 && node.input.channels % simd_width<T> == 0 &&
           node.output.channels % simd_width<T> == 0;
  }

  static WinogradTiles<T> input(const Node& node, long samples, const T* data) {
    return cut(data, samples, node.input, {-node.window.pad_top, 0}, {-node.window.pad_left, 0}, node.output,
               Outputs);
  }

  /// The output's gradient, of the same tiles.
  static WinogradTiles<T> output_gradient(const Node& node, long samples, const T* data) {
    return cut(data, samples, node.output, {}, {}, node.output, Outputs);
  }

  /// The output's gradient as the image whose convolution with the turned weights is the input's gradient.
  static WinogradTiles<T> gradient(const Node& node, long samples, const T* data) {
    return cut(data, samples, node.output, gradient_origin(node.window.pad_top),
               gradient_origin(node.window.pad_left), node.input, Stride * Outputs);
  }

 private:
  /// Where the first tile begins, along one line.
  struct Origin {
    long window = 0, result = 0;
  };

  /// With a stride of 2 the gradient of x[2 i + 1 - pad] is w1 dy[i], that of x[2 i + 2 - pad] is w2 dy[i] +
  /// w0 dy[i + 1]: tiles begin with one of the former.
  static Origin gradient_origin(long pad) {
    if (Stride == 1) return {pad - 2, 0};
    return pad > 0 ? Origin{0, 1 - pad} : Origin{-Outputs, 1 - 2 * Outputs};
  }

  /// A batch of images cut into tiles that make `size` x `size` numbers of `result`.
  static WinogradTiles<T> cut(const T* data, long samples, const Extent& image, Origin y, Origin x,
                              const Extent& result, long size) {
    return {data,
            samples,
            image.height,
            image.width,
            image.channels,
            y.window,
            x.window,
            (result.height - y.result + size - 1) / size,
            (result.width - x.result + size - 1) / size,
            y.result,
            x.result};
  }
};

}  // namespace mmdl::detail
