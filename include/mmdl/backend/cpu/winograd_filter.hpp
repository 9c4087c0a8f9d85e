// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions by Winograd's algorithm: of stride 1 36 products of matrices for 16 outputs, a quarter of
// the multiplications, of stride 2 81 in place of 144.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../core/work_shares.hpp"
#include "gemm.hpp"
#include "winograd_forms.hpp"
#include "winograd_products.hpp"
#include "winograd_results.hpp"
#include "winograd_weight_square.hpp"

namespace mmdl::detail {

/// output = epilogue(convolution of the tiles' image with 3x3 weights). The weights are
/// [3][3][channels][columns], or with `rotated`, as the gradient of the input wants them,
/// [3][3][columns][channels] turned by half a turn.
///
/// Everything between the transforms stays in the caches. Where the image has many tiles, a thread takes
/// blocks of them through all columns, and the transformed weights are made once ("by tiles"). Where it has
/// few, a thread takes panels of columns, whose weights it transforms for itself, through all tiles ("by
/// panels"): of so few tiles that the sums of them all stay in its cache for some channels after the others.
template <class T, class Form>
struct WinogradFilter {
  using W = Wide<T>;  // of everything between the transforms

  WinogradTiles<T> tiles;
  const W* weights = nullptr;
  bool rotated = false;
  T* output = nullptr;
  Extent extent;  // of the output; its channels are the columns
  Epilogue<T> epilogue;

  static constexpr long panel = tile_columns<T>;
  static constexpr int product_count = Form::products * Form::products;

  /// Numbers of scratch that run() wants.
  static long workspace(long tile_count, long channels, long columns) {
    const long threads = thread_count();
    if (by_tiles(tile_count, columns)) {
      const long block = tiles_of_block(tile_count, channels);
      return divide_up(columns, panel) * panel_weights(channels) +
             threads * (product_count * (winograd_plane<W>(block, channels) + sums_plane(block + 1))) +
             alignment;
    }
    const long chunk = tiles_of_chunk(tile_count, channels);
    return product_count * winograd_plane<W>(chunk, channels) + threads * panel_scratch(chunk, channels) +
           alignment;
  }

  void run(W* workspace) const {
    if (by_tiles(tiles.count(), extent.channels))
      run_by_tiles(workspace);
    else
      run_by_panels(workspace);
  }

 private:
  static constexpr long alignment = 16;
  static constexpr long block_limit = 70 / tile_rows * tile_rows;
  // Of a panel's tiles whose sums wait in the second cache.
  static constexpr long waiting_limit = (512L << 10) / static_cast<long>(sizeof(W)) / (product_count * panel);
  static constexpr long cached_numbers = (768L << 10) / static_cast<long>(sizeof(W));  // of a block's tiles
  // Of a chunk's tiles; the sums of many products take the rest.
  static constexpr long shared_numbers =
      (product_count <= 36 ? 12L << 19 : 9L << 19) / static_cast<long>(sizeof(W));

  static long weights_plane(long channels) { return channels * panel + winograd_gap<W>; }
  static constexpr int weight_planes = Form::weights * Form::weights;
  static long panel_weights(long channels) { return weight_planes * weights_plane(channels); }
  static long sums_plane(long rows) { return rows * panel + winograd_gap<W>; }
  static bool by_tiles(long tile_count, long columns) { return tile_count > 2 * columns; }
  static long tiles_of_block(long tile_count, long channels) {
    const long fitting = cached_numbers / (product_count * winograd_row<W>(channels));
    const long whole = std::clamp(fitting / tile_rows * tile_rows, 2L * (tile_rows / 2), block_limit);
    return std::min(whole, divide_up(tile_count, thread_count()));
  }
  static long tiles_of_chunk(long tile_count, long channels) {
    const long fitting =
        std::max(2L * tile_rows, shared_numbers / (product_count * winograd_row<W>(channels)));
    return divide_up(tile_count, divide_up(tile_count, fitting));
  }

  /// Tiles of a chunk that are multiplied with one panel before the next.
  static long tiles_of_panel(long chunk) { return std::max(chunk <= waiting_limit ? chunk : 0, block_limit); }
  /// Channels whose transformed weights of a panel are multiplied before the next are made: they stay in the
  /// second cache, beside the sums, of which many are dearer to read and write once more.
  static long channels_of_block(long chunk, long channels) {
    if (chunk > waiting_limit) return channels;
    const long numbers = (chunk > 32 ? 1152L << 10 : 576L << 10) / static_cast<long>(sizeof(W));
    return std::min(channels, numbers / (weight_planes * panel) / simd_width<T> * simd_width<T>);
  }

  /// Numbers of a thread's scratch by panels.
  static long panel_scratch(long chunk, long channels) {
    return panel_weights(channels_of_block(chunk, channels)) +
           product_count * sums_plane(tiles_of_panel(chunk) + 2);
  }

  void run_by_tiles(W* workspace) const {
    const long panels = divide_up(extent.channels, panel), channels = tiles.channels, count = tiles.count();
    const long block = tiles_of_block(count, channels), blocks = divide_up(count, block);
    W* const transformed = workspace;
    W* const scratch = workspace + panels * panel_weights(channels);
    parallel_ranges(panels * channels, simd_width<T>, [&](long begin, long end) {
      while (begin < end) {
        const long at = begin / channels, first = begin % channels;
        const long last = std::min(channels, first + end - begin);
        transform_weights(at * panel, first, last, weights_plane(channels),
                          transformed + at * panel_weights(channels) + first * panel);
        begin += last - first;
      }
    });
    parallel_shares(blocks, 1, [&](int thread, long first_block, long last_block) {
      W* const values =
          scratch + thread * product_count * (winograd_plane<W>(block, channels) + sums_plane(block + 1));
      W* const products = values + product_count * winograd_plane<W>(block, channels);
      for (long b = first_block; b < last_block; ++b) {
        const long begin = b * count / blocks, end = (b + 1) * count / blocks;
        transform_input(begin, end, end - begin, values);
        clear_odd_row(product_count, end - begin, channels, values);
        for (long p = 0; p < panels; ++p) {
          multiply(end - begin, channels, values, winograd_plane<W>(end - begin, channels),
                   transformed + p * panel_weights(channels), false, products);
          write_results(begin, end, p * panel, products);
        }
      }
    });
  }

  void run_by_panels(W* workspace) const {
    const long panels = divide_up(extent.channels, panel), channels = tiles.channels, count = tiles.count();
    const long most = tiles_of_chunk(count, channels), chunks = divide_up(count, most);
    W* const values = workspace;
    W* const scratch = workspace + product_count * winograd_plane<W>(most, channels);
    for (long chunk = 0; chunk < chunks; ++chunk) {
      const long first = count * chunk / chunks, last = count * (chunk + 1) / chunks, size = last - first;
      const long plane = winograd_plane<W>(size, channels);
      parallel_ranges(size, 1, [&](long begin, long end) {
        transform_input(first + begin, first + end, size, values + begin * winograd_row<W>(channels));
      });
      clear_odd_row(product_count, size, channels, values);
      // More threads than panels: each panel's tiles are divided too.
      const long parts = std::min(divide_up(long{thread_count()}, panels), divide_up(size, 2L));
      parallel_shares(panels * parts, 1, [&](int thread, long first_task, long last_task) {
        long ready = -1;
        for (long task = first_task; task < last_task; ++task) {
          const long p = task / parts, part = task % parts, pairs = divide_up(size, 2L);
          const long begin = 2 * (pairs * part / parts);
          const long end = std::min(size, 2 * (pairs * (part + 1) / parts));
          run_panel(first + begin, first + end, values + begin * winograd_row<W>(channels), plane, p * panel,
                    most, p == ready, scratch + thread * panel_scratch(most, channels));
          ready = p;
        }
      });
    }
  }

  /// The tiles [begin, end), of a chunk of at most `chunk`, in the panel's columns. `ready`: if the weights
  /// of all channels fit the scratch, they are there.
  void run_panel(long begin, long end, const W* values, long plane, long column, long chunk, bool ready,
                 W* scratch) const {
    const long channels = tiles.channels, depth = channels_of_block(chunk, channels);
    const long count = end - begin, units = divide_up(count, long{tile_rows});
    const long blocks = divide_up(count, tiles_of_panel(chunk));
    W* const products = scratch + panel_weights(depth);
    for (long c = 0; c < channels; c += depth) {
      const long c_end = std::min(channels, c + depth);
      if (!ready || depth < channels) transform_weights(column, c, c_end, weights_plane(c_end - c), scratch);
      for (long block = 0; block < blocks; ++block) {  // one, where sums wait for the next channels
        const long from = units * block / blocks * tile_rows;
        const long to = std::min(count, units * (block + 1) / blocks * tile_rows);
        multiply(to - from, c_end - c, values + from * winograd_row<W>(channels) + c, plane, scratch, c > 0,
                 products);
        if (c_end == channels) write_results(begin + from, begin + to, column, products);
      }
    }
  }

  void transform_input(long begin, long end, long planned, W* values) const {
    tiles.transform(typename Form::Input{}, begin, end, values, winograd_plane<W>(planned, tiles.channels),
                    winograd_row<W>(tiles.channels));
  }

  /// The weights of one panel's columns and the channels [begin, end): product p, channel c, column n at
  /// to[p * plane + (c - begin) * panel + n].
  void transform_weights(long column, long begin, long end, long plane, W* to) const {
    constexpr long width = simd_width<T>;
    const long channels = tiles.channels, columns = extent.channels;
    for (long c = begin; c < end; c += width, to += width * panel)
      for (long n = 0; n < panel; n += width) {
        const long count = std::min(width, end - c);
        if (column + n >= columns) {
          for (int p = 0; p < weight_planes; ++p)
            for (long i = 0; i < count; ++i) store_vector(to + p * plane + i * panel + n, Simd<T>{});
          continue;
        }
        const WinogradWeightSquare<W> square(weights, rotated, channels, columns, column + n, c);
        for (long i = 0; i < count; ++i)
          square.transform(typename Form::Weights{}, i, [&](int y, int x, const Simd<T>& value) {
            store_vector(to + (y * Form::weights + x) * plane + i * panel + n, value);
          });
      }
  }

  /// The products of `count` tiles with the transformed weights of a panel and `depth` channels; `add`: to
  /// those of others.
  void multiply(long count, long depth, const W* values, long plane, const W* transformed, bool add,
                W* products) const {
    const long rows = count + count % 2;
    for_winograd_products<Form>([&](int weight, int p) {
      multiply_panel<false>(rows, depth, values + p * plane, winograd_row<W>(tiles.channels),
                            transformed + weight * weights_plane(depth), panel,
                            products + p * sums_plane(rows), panel, add);
    });
  }

  /// The outputs of the tiles [begin, end) in the panel's columns, of their products with all channels.
  void write_results(long begin, long end, long column, const W* products) const {
    const long rows = end - begin + (end - begin) % 2, columns = extent.channels;
    const WinogradResults<T, typename Form::Output> results(tiles, extent, output, epilogue);
    for (long tile = begin; tile < end; ++tile)
      for (long n = 0; n < panel && column + n < columns; n += simd_width<T>) {
        const W* from = products + (tile - begin) * panel + n;
        results.write(tile, column + n, [&](int i, int j) {
          return load_vector<Simd<T>>(from + (i * Form::products + j) * sums_plane(rows));
        });
      }
  }
};

}  // namespace mmdl::detail
