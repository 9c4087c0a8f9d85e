// SPDX-License-Identifier: Apache-2.0
// The gradient of 3x3 weights by the transposed transforms of Winograd's algorithm.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../core/threads.hpp"
#include "gemm.hpp"
#include "winograd_forms.hpp"
#include "winograd_products.hpp"
#include "winograd_tiles.hpp"

namespace mmdl::detail {

/// The transforms of a form, behind addresses: what calls them is compiled once for all forms. `Number`: of
/// the factors of the sum; of narrow values two tiles are one row of pairs.
template <class T, class Number>
struct WinogradSumForm {
  using W = Wide<T>;

  WinogradSides sides;
  TransformOfTiles<T, Number>*transform_input, *transform_gradient;
  /// to[tap * tap_stride + c * row + n] = (`add`: itself +) the gradient of the weights, for the channels c
  /// of [0, channels), n of [0, columns), of the sums at sums[p * plane + c * sums_row + n].
  void (*finish)(const W* sums, long plane, long sums_row, long channels, long columns, W* to,
                 long tap_stride, long row, bool add);
};

/// WinogradSumForm::finish of one form.
template <class T, class Form>
void finish_weights(const Wide<T>* sums, long plane, long sums_row, long channels, long columns, Wide<T>* to,
                    long tap_stride, long row, bool add) {
  for (long c = 0; c < channels; ++c)
    for (long n = 0; n < columns; n += simd_width<T>)
      transform_square_of<Simd<T>>(
          typename Form::WeightsGradient{},
          [&](int i, int j) {
            return load_vector<Simd<T>>(sums + (i * Form::weights + j) * plane + c * sums_row + n);
          },
          [&](int i, int j, Simd<T> value) {
            Wide<T>* place = to + (i * 3 + j) * tap_stride + c * row + n;
            if (add) value += load_vector<Simd<T>>(place);
            store_vector(place, value);
          });
}

template <class T, class Number, class Form>
inline constexpr WinogradSumForm<T, Number> winograd_sum_form = {
    winograd_sides<Form>, &transform_tiles<typename Form::Input, T, Number>,
    &transform_tiles<typename Form::OutputGradient, T, Number>, &finish_weights<T, Form>};

/// gradient[3][3][channels][columns] = G^T (sum over the tiles t of (B^T d_t B)^T (A dy_t A^T)) G, for tiles
/// of the convolution's input and of its output's gradient.
///
/// Narrow layers: each thread sums over tiles of its own, block by block in its cache, and the sums are added
/// at last. Wide layers: all tiles are transformed, and each thread takes panels of columns through all of
/// them.
template <class T, class Number>
struct WinogradTileSum {
  using W = Wide<T>;  // of the sums
  using Form = WinogradSumForm<T, Number>;

  const Form& form;
  WinogradTiles<T> input;
  WinogradTiles<T> gradient;  // of the output, of the same tiles
  W* output = nullptr;
  bool accumulate = false;

  [[gnu::noinline]] static long workspace(WinogradSides sides, long tile_count, long channels, long columns) {
    const long threads = thread_count();
    const Sizes sizes(sides);
    if (narrow(channels, columns)) {
      const long block = sizes.tiles_of_block(tile_count, channels, columns);
      return threads * (sizes.planes(block, channels, columns) + sizes.sums_size(channels, columns)) +
             alignment;
    }
    return sizes.planes(sizes.tiles_of_chunk(tile_count, channels, columns), channels, columns) +
           threads * sizes.sums_size(channels, panel) + alignment;
  }

  [[gnu::noinline]] void run(W* workspace) const {
    if (narrow(input.channels, gradient.channels))
      run_narrow(workspace);
    else
      run_wide(workspace);
  }

 private:
  static constexpr long panel = tile_columns<T>, alignment = 16;
  static constexpr long tiles_of_row = std::is_same_v<Number, NarrowPair> ? 2 : 1;
  static constexpr long cached_numbers =
      (1280L << 10) / static_cast<long>(sizeof(Number));  // a block, both factors
  static constexpr long shared_numbers =
      (10L << 20) / static_cast<long>(sizeof(Number));  // a chunk, both factors

  static bool narrow(long channels, long columns) { return channels * columns <= 128 * 128; }
  static long whole_panels(long columns) { return divide_up(columns, panel) * panel; }
  /// Numbers from one product's sums to the next.
  static long sums_plane(long channels, long row) { return channels * row + winograd_gap<W>; }
  static long rows_of(long tiles) { return divide_up(tiles, tiles_of_row); }
  /// Numbers from one product's factors to the next.
  static long factor_plane(long tiles, long columns) {
    return winograd_plane<Number>(rows_of(tiles), columns);
  }

  /// How much of each factor a form has in the caches at once.
  struct Sizes {
    long products, sums;

    explicit Sizes(WinogradSides sides)
        : products(long{sides.products} * sides.products), sums(long{sides.weights} * sides.weights) {}

    long sums_size(long channels, long columns) const {
      return sums * sums_plane(channels, whole_panels(columns));
    }
    /// Floats that the factors take.
    long planes(long tiles, long channels, long columns) const {
      static_assert(sizeof(Number) == sizeof(W));
      return products * (factor_plane(tiles, channels) + factor_plane(tiles, whole_panels(columns)));
    }
    /// As many tiles at once as `numbers` hold, of nearly equal parts of `count`.
    long tiles_at_once(long count, long numbers, long channels, long columns) const {
      const long row =
          products * (winograd_row<Number>(channels) + winograd_row<Number>(whole_panels(columns)));
      const long limit = std::max(16L, numbers / row * tiles_of_row);
      return divide_up(count, divide_up(count, limit));
    }
    long tiles_of_block(long count, long channels, long columns) const {
      return tiles_at_once(divide_up(count, thread_count()), cached_numbers, channels, columns);
    }
    long tiles_of_chunk(long count, long channels, long columns) const {
      return tiles_at_once(count, shared_numbers, channels, columns);
    }
  };

  long wide_columns() const { return whole_panels(gradient.channels); }

  /// Both factors of the tiles [begin, end), from row 0 of `values` and `gradients` on.
  void transform(long begin, long end, Number* values, long value_plane, Number* gradients,
                 long gradient_plane) const {
    const long row = winograd_row<Number>(wide_columns());
    form.transform_input(input, begin, end, values, value_plane, winograd_row<Number>(input.channels));
    form.transform_gradient(gradient, begin, end, gradients, gradient_plane, row);
    if (gradient.channels == wide_columns()) return;
    for (int p = 0; p < form.sides.products * form.sides.products; ++p)
      for (long r = 0; r < rows_of(end - begin); ++r)
        store_vector(gradients + p * gradient_plane + r * row + gradient.channels, Simd<Number>{});
  }

  /// sums[p][channel][panel's columns] += the products of a block of tiles, for one panel.
  void multiply(long count, const Number* values, long value_plane, const Number* gradients,
                long gradient_plane, long column, W* sums, long sums_row, bool add) const {
    int begun = -1;
    for_winograd_products(form.sides, [&](int weight, int p) {
      multiply_panel<true>(
          input.channels, rows_of(count), values + p * value_plane, winograd_row<Number>(input.channels),
          gradients + p * gradient_plane + column, winograd_row<Number>(wide_columns()),
          sums + weight * sums_plane(input.channels, sums_row), sums_row, add || weight == begun);
      begun = weight;
    });
  }

  /// The weights' gradient from complete sums: channels [begin, end), the columns from `column` on.
  void finish(const W* sums, long sums_row, long begin, long end, long column, long count, bool add) const {
    const long columns = gradient.channels;
    form.finish(sums + begin * sums_row, sums_plane(input.channels, sums_row), sums_row, end - begin,
                std::min(count, columns - column), output + begin * columns + column,
                input.channels * columns, columns, add);
  }

  void run_narrow(W* workspace) const {
    const Sizes sizes(form.sides);
    const long channels = input.channels, columns = wide_columns(), tiles = input.count();
    const long block = sizes.tiles_of_block(tiles, channels, columns);
    const long value_plane = factor_plane(block, channels), gradient_plane = factor_plane(block, columns);
    const long threads_used = std::min<long>(thread_count(), tiles);
    const long size = sizes.sums_size(channels, columns);
    W* const scratch = workspace + threads_used * size;
    parallel_ranges(threads_used, 1, [&](long first_part, long last_part) {
      for (long part = first_part; part < last_part; ++part) {
        auto* const values =
            reinterpret_cast<Number*>(scratch + part * sizes.planes(block, channels, columns));
        Number* const gradients = values + sizes.products * value_plane;
        W* const sums = workspace + part * size;
        const long first = tiles * part / threads_used, last = tiles * (part + 1) / threads_used;
        for (long begin = first; begin < last; begin += block) {
          const long end = std::min(last, begin + block);
          transform(begin, end, values, value_plane, gradients, gradient_plane);
          for (long n = 0; n < columns; n += panel)
            multiply(end - begin, values, value_plane, gradients, gradient_plane, n, sums + n, columns,
                     begin > first);
        }
      }
    });
    parallel_ranges(channels, 1, [&](long begin, long end) {
      for (long p = 0; p < sizes.sums; ++p) {
        W* to = workspace + p * sums_plane(channels, columns);
        for (long part = 1; part < threads_used; ++part) {
          const W* from = to + part * size;
          for (long i = begin * columns; i < end * columns; i += simd_width<T>)
            store_vector(to + i, load_vector<Simd<T>>(to + i) + load_vector<Simd<T>>(from + i));
        }
      }
      finish(workspace, columns, begin, end, 0, columns, accumulate);
    });
  }

  void run_wide(W* workspace) const {
    const Sizes sizes(form.sides);
    const long channels = input.channels, columns = wide_columns(), tiles = input.count();
    const long most = sizes.tiles_of_chunk(tiles, channels, columns), chunks = divide_up(tiles, most);
    const long value_plane = factor_plane(most, channels), gradient_plane = factor_plane(most, columns);
    auto* const values = reinterpret_cast<Number*>(workspace);
    Number* const gradients = values + sizes.products * value_plane;
    W* const scratch = workspace + sizes.planes(most, channels, columns);
    const long panels = columns / panel;
    for (long chunk = 0; chunk < chunks; ++chunk) {
      const long first = tiles * chunk / chunks, last = tiles * (chunk + 1) / chunks;
      parallel_ranges(rows_of(last - first), 1, [&](long begin, long end) {
        transform(first + begin * tiles_of_row, std::min(last, first + end * tiles_of_row),
                  values + begin * winograd_row<Number>(channels), value_plane,
                  gradients + begin * winograd_row<Number>(columns), gradient_plane);
      });
      parallel([&](long thread, long threads) {
        W* const sums = scratch + thread * sizes.sums_size(channels, panel);
        for (long p = panels * thread / threads; p < panels * (thread + 1) / threads; ++p) {
          multiply(last - first, values, value_plane, gradients, gradient_plane, p * panel, sums, panel,
                   false);
          finish(sums, panel, 0, channels, p * panel, panel, accumulate || chunk > 0);
        }
      });
    }
  }
};

/// The sum of a form, of factors of `Number`.
template <class T, class Number, class F>
struct WinogradTileSumOf : WinogradTileSum<T, Number> {
  using Sum = WinogradTileSum<T, Number>;

  WinogradTileSumOf(const WinogradTiles<T>& inputs, const WinogradTiles<T>& gradients, Wide<T>* to, bool add)
      : Sum{winograd_sum_form<T, Number, F>, inputs, gradients, to, add} {}

  static long workspace(long tile_count, long channels, long columns) {
    return Sum::workspace(winograd_sides<F>, tile_count, channels, columns);
  }
};

}  // namespace mmdl::detail
