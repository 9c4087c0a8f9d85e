// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions by Winograd's algorithm: of stride 1 36 products of matrices for 16 outputs, a quarter of
// the multiplications, of stride 2 81 in place of 144.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../core/work_shares.hpp"
#include "gemm.hpp"
#include "winograd_filter_form.hpp"

namespace mmdl::detail {

/// output = epilogue(convolution of the tiles' image with 3x3 weights), by any form.
///
/// Everything between the transforms stays in the caches. Where the image has many tiles, a thread takes
/// blocks of them through all columns, and the transformed weights are made once ("by tiles"). Where it has
/// few, a thread takes panels of columns, whose weights it transforms for itself, through all tiles ("by
/// panels"): of so few tiles that the sums of them all stay in its cache for some channels after the others.
template <class T>
class WinogradFilter {
  using W = Wide<T>;  // of everything between the transforms

 public:
  WinogradFilter(const WinogradFilterForm<T>& form, const WinogradProblem<T>& problem)
      : sizes_(form.sides), form_(form), problem_(problem) {}

  /// Numbers of scratch that run() wants.
  [[gnu::noinline]] static long workspace(WinogradSides sides, long tile_count, long channels, long columns) {
    const Sizes sizes(sides);
    const long threads = thread_count();
    if (by_tiles(tile_count, columns)) {
      const long block = sizes.tiles_of_block(tile_count, channels);
      return divide_up(columns, panel) * sizes.panel_weights(channels) +
             threads * sizes.products * (winograd_plane<W>(block, channels) + sums_plane(block + 1)) +
             alignment;
    }
    const long chunk = sizes.tiles_of_chunk(tile_count, channels);
    return sizes.products * winograd_plane<W>(chunk, channels) +
           threads * sizes.panel_scratch(chunk, channels) + alignment;
  }

  [[gnu::noinline]] void run(W* workspace) const {
    if (by_tiles(problem_.tiles.count(), problem_.extent.channels))
      run_by_tiles(workspace);
    else
      run_by_panels(workspace);
  }

 private:
  static constexpr long panel = tile_columns<T>;
  static constexpr long alignment = 16;
  static constexpr long block_limit = 70 / tile_rows * tile_rows;
  static constexpr long cached_numbers = (768L << 10) / static_cast<long>(sizeof(W));  // of a block's tiles

  static long weights_plane(long channels) { return channels * panel + winograd_gap<W>; }
  static long sums_plane(long rows) { return WinogradProblem<T>::sums_plane(rows); }
  static bool by_tiles(long tile_count, long columns) { return tile_count > 2 * columns; }

  /// How much of each factor a form has in the caches at once.
  struct Sizes {
    long products, weights;
    long waiting_limit;   // of a panel's tiles whose sums wait in the second cache
    long shared_numbers;  // of a chunk's tiles; the sums of many products take the rest

    explicit Sizes(WinogradSides sides)
        : products(long{sides.products} * sides.products),
          weights(long{sides.weights} * sides.weights),
          waiting_limit((512L << 10) / static_cast<long>(sizeof(W)) / (products * panel)),
          shared_numbers((products <= 36 ? 12L << 19 : 9L << 19) / static_cast<long>(sizeof(W))) {}

    long panel_weights(long channels) const { return weights * weights_plane(channels); }
    long tiles_of_block(long tile_count, long channels) const {
      const long fitting = cached_numbers / (products * winograd_row<W>(channels));
      const long whole = std::clamp(fitting / tile_rows * tile_rows, 2L * (tile_rows / 2), block_limit);
      return std::min(whole, divide_up(tile_count, thread_count()));
    }
    long tiles_of_chunk(long tile_count, long channels) const {
      const long fitting = std::max(2L * tile_rows, shared_numbers / (products * winograd_row<W>(channels)));
      return divide_up(tile_count, divide_up(tile_count, fitting));
    }
    /// Tiles of a chunk that are multiplied with one panel before the next.
    long tiles_of_panel(long chunk) const {
      return std::max(chunk <= waiting_limit ? chunk : 0, block_limit);
    }
    /// Channels whose transformed weights of a panel are multiplied before the next are made: they stay in
    /// the second cache, beside the sums, of which many are dearer to read and write once more.
    long channels_of_block(long chunk, long channels) const {
      if (chunk > waiting_limit) return channels;
      const long numbers = (chunk > 32 ? 1152L << 10 : 576L << 10) / static_cast<long>(sizeof(W));
      return std::min(channels, numbers / (weights * panel) / simd_width<T> * simd_width<T>);
    }
    /// Numbers of a thread's scratch by panels.
    long panel_scratch(long chunk, long channels) const {
      return panel_weights(channels_of_block(chunk, channels)) +
             products * sums_plane(tiles_of_panel(chunk) + 2);
    }
  };

  void run_by_tiles(W* workspace) const {
    const long panels = divide_up(problem_.extent.channels, panel), count = problem_.tiles.count();
    const long channels = problem_.tiles.channels;
    const long block = sizes_.tiles_of_block(count, channels), blocks = divide_up(count, block);
    W* const transformed = workspace;
    W* const scratch = workspace + panels * sizes_.panel_weights(channels);
    parallel_ranges(panels * channels, simd_width<T>, [&](long begin, long end) {
      while (begin < end) {
        const long at = begin / channels, first = begin % channels;
        const long last = std::min(channels, first + end - begin);
        form_.transform_weights(problem_, at * panel, first, last, weights_plane(channels),
                                transformed + at * sizes_.panel_weights(channels) + first * panel);
        begin += last - first;
      }
    });
    parallel_shares(blocks, 1, [&](int thread, long first_block, long last_block) {
      W* const values =
          scratch + thread * sizes_.products * (winograd_plane<W>(block, channels) + sums_plane(block + 1));
      W* const products = values + sizes_.products * winograd_plane<W>(block, channels);
      for (long b = first_block; b < last_block; ++b) {
        const long begin = b * count / blocks, end = (b + 1) * count / blocks;
        transform_input(begin, end, end - begin, values);
        clear_odd_row(static_cast<int>(sizes_.products), end - begin, channels, values);
        for (long p = 0; p < panels; ++p) {
          multiply(end - begin, channels, values, winograd_plane<W>(end - begin, channels),
                   transformed + p * sizes_.panel_weights(channels), false, products);
          form_.write_results(problem_, begin, end, p * panel, products);
        }
      }
    });
  }

  void run_by_panels(W* workspace) const {
    const long panels = divide_up(problem_.extent.channels, panel), count = problem_.tiles.count();
    const long channels = problem_.tiles.channels;
    const long most = sizes_.tiles_of_chunk(count, channels), chunks = divide_up(count, most);
    W* const values = workspace;
    W* const scratch = workspace + sizes_.products * winograd_plane<W>(most, channels);
    for (long chunk = 0; chunk < chunks; ++chunk) {
      const long first = count * chunk / chunks, last = count * (chunk + 1) / chunks, size = last - first;
      const long plane = winograd_plane<W>(size, channels);
      parallel_ranges(size, 1, [&](long begin, long end) {
        transform_input(first + begin, first + end, size, values + begin * winograd_row<W>(channels));
      });
      clear_odd_row(static_cast<int>(sizes_.products), size, channels, values);
      // More threads than panels: each panel's tiles are divided too.
      const long parts = std::min(divide_up(long{thread_count()}, panels), divide_up(size, 2L));
      parallel_shares(panels * parts, 1, [&](int thread, long first_task, long last_task) {
        long ready = -1;
        for (long task = first_task; task < last_task; ++task) {
          const long p = task / parts, part = task % parts, pairs = divide_up(size, 2L);
          const long begin = 2 * (pairs * part / parts);
          const long end = std::min(size, 2 * (pairs * (part + 1) / parts));
          run_panel(first + begin, first + end, values + begin * winograd_row<W>(channels), plane, p * panel,
                    most, p == ready, scratch + thread * sizes_.panel_scratch(most, channels));
          ready = p;
        }
      });
    }
  }

  /// The tiles [begin, end), of a chunk of at most `chunk`, in the panel's columns. `ready`: if the weights
  /// of all channels fit the scratch, they are there.
  void run_panel(long begin, long end, const W* values, long plane, long column, long chunk, bool ready,
                 W* scratch) const {
    const long channels = problem_.tiles.channels, depth = sizes_.channels_of_block(chunk, channels);
    const long count = end - begin, units = divide_up(count, long{tile_rows});
    const long blocks = divide_up(count, sizes_.tiles_of_panel(chunk));
    W* const products = scratch + sizes_.panel_weights(depth);
    for (long c = 0; c < channels; c += depth) {
      const long c_end = std::min(channels, c + depth);
      if (!ready || depth < channels)
        form_.transform_weights(problem_, column, c, c_end, weights_plane(c_end - c), scratch);
      for (long block = 0; block < blocks; ++block) {  // one, where sums wait for the next channels
        const long from = units * block / blocks * tile_rows;
        const long to = std::min(count, units * (block + 1) / blocks * tile_rows);
        multiply(to - from, c_end - c, values + from * winograd_row<W>(channels) + c, plane, scratch, c > 0,
                 products);
        if (c_end == channels) form_.write_results(problem_, begin + from, begin + to, column, products);
      }
    }
  }

  void transform_input(long begin, long end, long planned, W* values) const {
    const long channels = problem_.tiles.channels;
    form_.transform_input(problem_.tiles, begin, end, values, winograd_plane<W>(planned, channels),
                          winograd_row<W>(channels));
  }

  /// The products of `count` tiles with the transformed weights of a panel and `depth` channels; `add`: to
  /// those of others.
  void multiply(long count, long depth, const W* values, long plane, const W* transformed, bool add,
                W* products) const {
    const long rows = count + count % 2;
    for_winograd_products(form_.sides, [&](int weight, int p) {
      multiply_panel<false>(rows, depth, values + p * plane, winograd_row<W>(problem_.tiles.channels),
                            transformed + weight * weights_plane(depth), panel,
                            products + p * sums_plane(rows), panel, add);
    });
  }

  Sizes sizes_;
  const WinogradFilterForm<T>& form_;
  const WinogradProblem<T>& problem_;
};

/// A filter that knows its form.
template <class T, class Form>
struct WinogradFilterOf {
  WinogradProblem<T> problem;

  static long workspace(long tile_count, long channels, long columns) {
    return WinogradFilter<T>::workspace(winograd_sides<Form>, tile_count, channels, columns);
  }
  void run(Wide<T>* workspace) const {
    WinogradFilter<T>(winograd_filter_form<T, Form>, problem).run(workspace);
  }
};

}  // namespace mmdl::detail
