// SPDX-License-Identifier: Apache-2.0
// The part of a Winograd convolution of floats that is unrolled for each form.
#pragma once

#include <algorithm>

#include "winograd_forms.hpp"
#include "winograd_products.hpp"
#include "winograd_results.hpp"
#include "winograd_weight_square.hpp"

namespace mmdl::detail {

/// A convolution to be computed. The weights are [3][3][channels][columns], or with `rotated`, as the
/// gradient of the input wants them, [3][3][columns][channels] turned by half a turn.
template <class T>
struct WinogradProblem {
  WinogradTiles<T> tiles;
  const Wide<T>* weights = nullptr;
  bool rotated = false;
  T* output = nullptr;
  Extent extent;  // of the output; its channels are the columns
  Epilogue<T> epilogue;

  /// Numbers of each product's sums, of `rows` tiles (an even number) in a panel's columns.
  static long sums_plane(long rows) { return rows * tile_columns<T> + winograd_gap<Wide<T>>; }
};

/// The transforms of a form, behind addresses: what calls them is compiled once for all forms.
template <class T>
struct WinogradFilterForm {
  using W = Wide<T>;

  WinogradSides sides;
  TransformOfTiles<T, W>* transform_input;
  /// The weights of the columns of the panel that begins at `column`, and the channels [begin, end): product
  /// p, channel c, column n at to[p * plane + (c - begin) * tile_columns + n].
  void (*transform_weights)(const WinogradProblem<T>&, long column, long begin, long end, long plane, W* to);
  /// The outputs of the tiles [begin, end) in the panel's columns, of their products with all channels.
  void (*write_results)(const WinogradProblem<T>&, long begin, long end, long column, const W* products);
};

/// Those of one form.
template <class T, class Form>
struct WinogradTransforms {
  using W = Wide<T>;
  static constexpr long panel = tile_columns<T>, width = simd_width<T>;

  static void transform_weights(const WinogradProblem<T>& problem, long column, long begin, long end,
                                long plane, W* to) {
    const long channels = problem.tiles.channels, columns = problem.extent.channels;
    for (long c = begin; c < end; c += width, to += width * panel)
      for (long n = 0; n < panel; n += width) {
        const long count = std::min(width, end - c);
        if (column + n >= columns) {
          for (int p = 0; p < Form::weights * Form::weights; ++p)
            for (long i = 0; i < count; ++i) store_vector(to + p * plane + i * panel + n, Simd<T>{});
          continue;
        }
        const WinogradWeightSquare<W> square(problem.weights, problem.rotated, channels, columns, column + n,
                                             c);
        for (long i = 0; i < count; ++i)
          square.transform(typename Form::Weights{}, i, [&](int y, int x, const Simd<T>& value) {
            store_vector(to + (y * Form::weights + x) * plane + i * panel + n, value);
          });
      }
  }

  static void write_results(const WinogradProblem<T>& problem, long begin, long end, long column,
                            const W* products) {
    const long plane = problem.sums_plane(end - begin + (end - begin) % 2), columns = problem.extent.channels;
    const WinogradResults<T, typename Form::Output> results(problem.tiles, problem.extent, problem.output,
                                                            problem.epilogue);
    for (long tile = begin; tile < end; ++tile)
      for (long n = 0; n < panel && column + n < columns; n += width) {
        const W* from = products + (tile - begin) * panel + n;
        results.write(tile, column + n, [&](int i, int j) {
          return load_vector<Simd<T>>(from + (i * Form::products + j) * plane);
        });
      }
  }
};

template <class T, class Form>
inline constexpr WinogradFilterForm<T> winograd_filter_form = {
    winograd_sides<Form>, &transform_tiles<typename Form::Input, T, Wide<T>>,
    &WinogradTransforms<T, Form>::transform_weights, &WinogradTransforms<T, Form>::write_results};

}  // namespace mmdl::detail
