// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions over narrow values by Winograd's algorithm: 4 outputs by 16 products in place of 36, with
// a stride of 2 by 25.
#pragma once

#include <algorithm>

#include "../../core/simd.hpp"
#include "../../core/threads.hpp"
#include "convolution_method.hpp"
#include "gemm_blocks.hpp"
#include "gemm_narrow_tile.hpp"
#include "winograd_forms.hpp"
#include "winograd_passes.hpp"
#include "winograd_results.hpp"
#include "winograd_weight_square.hpp"
#include "winograd_weights.hpp"

namespace mmdl::detail {

/// output = epilogue(convolution of the tiles' image with 3x3 weights), which are [3][3][channels][columns],
/// or with `rotated`, as the gradient of the input wants them, [3][3][columns][channels] turned by half a
/// turn. A thread takes blocks of tiles through all columns; the transformed weights are made once.
template <class Form>
struct NarrowWinogradFilter {
  WinogradTiles<BFloat16> tiles;
  const float* weights = nullptr;
  bool rotated = false;
  BFloat16* output = nullptr;
  Extent extent;  // of the output; its channels are the columns
  Epilogue<BFloat16> epilogue;
  const NarrowPair* packed = nullptr;  // the transformed weights, where they are there already

  static constexpr int products = Form::products * Form::products,
                       weight_planes = Form::weights * Form::weights;

  /// Pairs of the transformed weights.
  static long packed_size(long channels, long columns) {
    return divide_up(columns, panel) * panel_weights(channels);
  }
  /// Floats of scratch that run() wants.
  static long workspace(long tile_count, long channels, long columns) {
    const long rows = padded(tiles_of_block(tile_count, channels));
    return packed_size(channels, columns) + thread_count() * of_thread(rows, channels) + alignment;
  }

  void run(float* workspace) const {
    const long channels = tiles.channels, count = tiles.count(), panels = divide_up(extent.channels, panel);
    const long block = tiles_of_block(count, channels), rows = padded(block);
    const long blocks = divide_up(divide_up(count, block), thread_count()) * thread_count();
    auto* const transformed = reinterpret_cast<NarrowPair*>(workspace);
    float* const scratch = workspace + packed_size(channels, extent.channels);
    if (packed == nullptr) transform_weights(weights, rotated, channels, extent.channels, transformed);
    const NarrowPair* const factors = packed != nullptr ? packed : transformed;
    parallel([&](long thread, long threads) {
      float* const sums = scratch + thread * of_thread(rows, channels);
      auto* const values = reinterpret_cast<NarrowPair*>(sums + products * rows * panel);
      auto* const row_factors =
          reinterpret_cast<NarrowFactor*>(values + products * rows * row_pairs(channels));
      for (long b = blocks * thread / threads; b < blocks * (thread + 1) / threads; ++b) {
        const long begin = b * count / blocks, end = (b + 1) * count / blocks;
        if (begin == end) continue;
        tiles.transform(typename Form::Input{}, begin, end, reinterpret_cast<BFloat16*>(values),
                        2 * rows * row_pairs(channels), 2 * row_pairs(channels));
        for (long p = 0; p < panels; ++p) {
          multiply(end - begin, rows, values, row_factors, factors + p * panel_weights(channels), sums);
          write(begin, end, rows, p * panel, sums);
        }
      }
    });
  }

  /// Product p, pair c of channels, column n of a panel at to[(p * channels / 2 + c) * panel + n], panel by
  /// panel.
  static void transform_weights(const float* weights, bool rotated, long channels, long columns,
                                NarrowPair* to) {
    const long squares = divide_up(channels, width);
    parallel_ranges(divide_up(columns, panel) * squares, 1, [&](long begin, long end) {
      for (long task = begin; task < end; ++task)
        for (long n = 0; n < panel; n += width)
          transform_square(weights, rotated, channels, columns, task / squares * panel, n,
                           task % squares * width, to + task / squares * panel_weights(channels));
    });
  }

 private:
  static constexpr long panel = 2 * simd_width<float>, width = simd_width<float>;
  static constexpr long alignment = 16;
  static constexpr long block_limit = 8 * tile_rows;
  static constexpr long cached_pairs = (512L << 10) / 4;  // of a block's tiles: half of the second cache

  static long padded(long tiles) { return divide_up(tiles, tile_rows) * tile_rows; }
  static long panel_weights(long channels) { return weight_planes * (channels / 2) * panel; }
  /// Pairs from one tile to the next: a cache line more than the channels, so that neighbours share no cache
  /// sets.
  static long row_pairs(long channels) { return channels / 2 + 16; }
  /// Numbers of scratch of one thread: sums, values, and the factors of a tile.
  static long of_thread(long rows, long channels) {
    const long factors = widens_pairs ? 2 * tile_rows * row_pairs(channels) : 0;
    return products * rows * (row_pairs(channels) + panel) + factors;
  }
  static long tiles_of_block(long tile_count, long channels) {
    const long fitting = cached_pairs / (products * row_pairs(channels)) / tile_rows * tile_rows;
    return std::min(std::clamp<long>(fitting, tile_rows, block_limit), divide_up(tile_count, thread_count()));
  }

  /// The columns [column + n, ... + width) of a panel and the channels [c, ... + width).
  static void transform_square(const float* weights, bool rotated, long channels, long columns, long column,
                               long n, long c, NarrowPair* to) {
    const auto place = [=](int p, long i) { return to + (p * (channels / 2) + (c + i) / 2) * panel + n; };
    if (column + n >= columns) {
      for (int p = 0; p < weight_planes; ++p)
        for (long i = 0; i < width; i += 2) store_vector(place(p, i), Simd<NarrowPair>{});
      return;
    }
    const WinogradWeightSquare<float> square(weights, rotated, channels, columns, column + n, c);
    alignas(64) float halves[2][weight_planes * width];
    for (long i = 0; i < width; i += 2) {
      for (int half = 0; half < 2; ++half)
        square.transform(typename Form::Weights{}, i + half, [&](int y, int x, const Simd<float>& value) {
          store_vector(halves[half] + (y * Form::weights + x) * width, value);
        });
      for (int p = 0; p < weight_planes; ++p)
        store_vector(place(p, i), joined_rows(halves[0] + p * width, halves[1] + p * width));
    }
  }

  /// sums[p][tile][column] of one panel.
  void multiply(long count, long rows, const NarrowPair* values, NarrowFactor* row_factors,
                const NarrowPair* factors, float* sums) const {
    const long pairs = tiles.channels / 2, stride = row_pairs(tiles.channels);
    for_winograd_products(winograd_sides<Form>, [&](int weight, long p) {
      for (long row = 0; row < count; row += tile_rows) {
        const long height = std::min<long>(tile_rows, count - row);
        const NarrowFactor* const a =
            narrow_factors(height, pairs, values + (p * rows + row) * stride, stride, row_factors);
        multiply_narrow_rows(height, pairs, a, factors_of_pair * stride, factors + weight * pairs * panel,
                             sums + (p * rows + row) * panel);
      }
    });
  }

  void write(long begin, long end, long rows, long column, const float* sums) const {
    const WinogradResults<BFloat16, typename Form::Output> results(tiles, extent, output, epilogue);
    for (long n = 0; n < panel && column + n < extent.channels; n += width)
      for (long tile = begin; tile < end; ++tile) {
        const float* from = sums + (tile - begin) * panel + n;
        results.write(tile, column + n, [&](int i, int j) {
          return load_vector<Simd<float>>(from + (i * Form::products + j) * rows * panel);
        });
      }
  }
};

/// The passes of one form, and its packed weights.
template <class Form>
class NarrowWinogradPasses : public WinogradPasses<BFloat16, Form, NarrowWinogradFilter<Form>,
                                                   NarrowWinogradFilter<typename Form::ForInputGradient>,
                                                   WinogradTileSumOf<BFloat16, NarrowPair, Form>> {
  using Filter = NarrowWinogradFilter<Form>;

 public:
  static long packed_size(const Node& node) {
    return Filter::packed_size(node.input.channels, node.output.channels);
  }
  static void pack(const Node& node, const float* weight, NarrowPair* to) {
    Filter::transform_weights(weight, false, node.input.channels, node.output.channels, to);
  }
};

/// Where it is used. Targets without narrow products use float's algorithm instead, which multiplies less.
class NarrowWinogradConvolution {
  using Plain = NarrowWinogradPasses<SmallWinogradForm>;
  using Strided = NarrowWinogradPasses<StridedWinogradForm<BFloat16, 2>>;

  template <class Body>
  static auto with_form(const Node& node, const Body& body) {
    return node.window.stride == 1 ? body(Plain{}) : body(Strided{});
  }

 public:
  static bool applies(const Node& node, long samples) {
    const ConvolutionMethod method = convolution_method();
    if (method == ConvolutionMethod::direct) return false;
    return with_form(node, [&](auto form) {
      if (!form.fits(node)) return false;
      if (method == ConvolutionMethod::winograd) return true;
      // With tiles the products cost less than the transforms; few pixels do not repay those of the weights.
      return !TileUnit::available() && node.input.channels >= 64 && node.output.channels >= 64 &&
             form.tile_count(node, samples) >= 2 * tile_rows && form.saves(node, samples);
    });
  }
  /// Whether the gradients are computed so too. With a stride of 2, what threads write for each other costs
  /// more than the products of a few tiles.
  static bool gradient_applies(const Node& node, long samples) {
    if (!applies(node, samples)) return false;
    return convolution_method() == ConvolutionMethod::winograd || node.window.stride == 1 ||
           (node.input.channels >= 128 && node.output.channels >= 128 &&
            Strided::tile_count(node, samples) >= 28 * tile_rows);
  }
  /// `training`: with gradients.
  static long workspace(const Node& node, long samples, bool training) {
    return with_form(node, [&](auto form) { return form.workspace(node, samples, training); });
  }
  static long packed_size(const Node& node) {
    return with_form(node, [&](auto form) { return form.packed_size(node); });
  }
  static void pack(const Node& node, const float* weight, NarrowPair* to) {
    with_form(node, [&](auto form) { form.pack(node, weight, to); });
  }
  static void forward(const ForwardArguments<BFloat16>& a, const Epilogue<BFloat16>& epilogue,
                      float* workspace) {
    with_form(*a.node, [&](auto form) { form.forward(a, epilogue, workspace); });
  }
  static void backward(const BackwardArguments<BFloat16>& a) {
    with_form(*a.node, [&](auto form) { form.backward(a); });
  }
};

}  // namespace mmdl::detail
