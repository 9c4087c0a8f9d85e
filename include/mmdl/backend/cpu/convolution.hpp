// SPDX-License-Identifier: Apache-2.0
// The convolution: three products of implicit patch matrices, nothing but the result written to memory.
#pragma once

#include <algorithm>
#include <type_traits>

#include "column_sums.hpp"
#include "convolution_epilogue.hpp"
#include "convolution_lines.hpp"
#include "convolution_patches.hpp"
#include "gemm.hpp"
#include "kernel.hpp"
#include "thin_input_gradient.hpp"
#include "window_phase.hpp"
#include "winograd_convolution.hpp"
#include "winograd_narrow.hpp"

namespace mmdl::detail {

/// y[n, p, q, o] = sum over i, j, c of x[n, p * stride - pad_top + i * dilation, q * stride - pad_left + j *
/// dilation, c] * w[i, j, c, o] + bias[o], zero outside of the image. Weights are
/// [kernel_h][kernel_w][channels / groups][out channels]. What fusion joined follows: batch norm by running
/// statistics, residual, activation. PyTorch: `conv2d` of channels-last tensors (its weights are OIHW). The
/// backward requires a node to which nothing was joined. Chellapilla et al., "High performance convolutional
/// neural networks for document processing", 2006 (im2col).
template <class T>
struct CpuKernel<operators::Convolution, T> {
  static constexpr bool updates_weight = true;
  static_assert(one_pass_depth <= block_depth<T>,
                "a residual under the output is read when the sum is whole");

  [[gnu::cold]] static long workspace(const Node& node, int samples, bool training) {
    const bool gradient = training && Winograd::gradient_applies(node, samples);
    long wanted = gemm_workspace<T>(0, 0, false);
    if (Winograd::applies(node, samples)) wanted = Winograd::workspace(node, samples, gradient);
    if (training && !gradient) wanted = std::max(wanted, direct_workspace(node));
    return epilogue_workspace(node) + wanted;
  }

  /// The weight of each group as the product reads it, or as Winograd's filter of narrow values does. That of
  /// floats transforms it anew: transformed, it is four times as large, which costs more than it saves.
  [[gnu::cold]] static long packed_size(const Node& node, int samples) {
    if (Winograd::applies(node, samples)) {
      if constexpr (narrow_winograd) return Winograd::packed_size(node);
      return 0;
    }
    return node.window.groups * packed_group(node);
  }
  static void pack(const Node& node, [[maybe_unused]] int samples, const Wide<T>* weight, Packed<T>* to) {
    if constexpr (narrow_winograd)
      if (Winograd::applies(node, samples)) return Winograd::pack(node, weight, to);
    const long columns = node.output.channels / node.window.groups;
    for (long group = 0; group < node.window.groups; ++group) {
      WeightMatrix<Wide<T>> b;
      b.data = weight + group * columns;
      b.stride = node.output.channels;
      pack_factor<T>(b, weight_rows(node), columns, to + group * packed_group(node));
    }
  }

  static long lines_workspace(const Node& node) { return ConvolutionLines<T>::workspace(node); }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const Epilogue<T> epilogue = convolution_epilogue(a);
    if (Winograd::applies(node, a.samples)) {
      Winograd::forward(a, epilogue, a.workspace + epilogue_workspace(node));
      return;
    }
    const long groups = node.window.groups, columns = node.output.channels / groups;
    for (long group = 0; group < groups; ++group) {
      const long first = group * columns;
      Gemm<T> g;
      g.a = convolution_patches(node, a.samples, a.inputs[0], group);
      g.b.data = a.parameters[0] + first;
      g.b.stride = node.output.channels;
      if (a.packed != nullptr) g.packed_b = a.packed + group * packed_group(node);
      g.columns = columns;
      g.output = a.output + first;
      g.layout = {1, a.samples * node.output.pixels(), 0, 0, node.output.channels};
      g.epilogue = epilogue;
      if (epilogue.scale != nullptr) g.epilogue.scale += first;
      if (epilogue.shift != nullptr) g.epilogue.shift += first;
      if (epilogue.residual != nullptr) g.epilogue.residual += first;
      W* const workspace = a.workspace + epilogue_workspace(node);
      gemm(g, a.training ? pack_for_now(node, g, workspace) : workspace);
    }
  }

  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    if (a.parameter_gradients[1] != nullptr)
      column_sums(a.output_gradient, a.samples * node.output.pixels(),
                  static_cast<long>(node.output.channels), a.parameter_gradients[1], a.accumulate_parameters);
    const bool winograd = Winograd::gradient_applies(node, a.samples);
    if (winograd) {
      Winograd::backward(a);
    } else {
      for (long group = 0; group < node.window.groups; ++group) {
        if (a.input_gradients[0] != nullptr) backward_data(a, group);
        if (a.parameter_gradients[0] != nullptr) backward_weights(a, group);
      }
    }
    if (a.update && (winograd || node.window.groups > 1))
      update_parameter(a.update, a.parameter_gradients[0], a.parameter_sizes[0]);
  }

 private:
  using W = Wide<T>;
  static constexpr bool narrow_winograd = is_narrow<T> && narrow_products;
  using Winograd = std::conditional_t<narrow_winograd, NarrowWinogradConvolution, WinogradConvolution<T>>;

  /// What the direct products of training want.
  static long direct_workspace(const Node& node) {
    const long columns = node.output.channels / node.window.groups;
    const long wanted = factor_room(node) + gemm_workspace<T>(weight_rows(node), columns, true);
    if constexpr (!is_narrow<T>)
      if (ThinInputGradient<T>::applies(node)) return std::max(wanted, ThinInputGradient<T>::workspace(node));
    return wanted;
  }

  static long packed_group(const Node& node) {
    return packed_factor_size<T>(weight_rows(node), node.output.channels / node.window.groups);
  }

  /// Room for a group's weights, packed while training: where the tile unit multiplies, packing takes so much
  /// of the time that threads share it, and none does it again for its next rows.
  static long factor_room([[maybe_unused]] const Node& node) {
    if constexpr (is_narrow<T> && TileUnit::exists)
      if (TileUnit::available()) {
        const long channels = node.input.channels / node.window.groups;
        const long columns = node.output.channels / node.window.groups;
        const long taps = static_cast<long>(node.window.kernel_height) * node.window.kernel_width;
        const long packed = std::max(packed_factor_size<T>(taps * channels, columns),
                                     packed_factor_size<T>(taps * columns, channels));
        return divide_up(packed, 16) * 16;
      }
    return 0;
  }
  /// Packs the second factor there, at the beginning of the workspace; what is left of that.
  static W* pack_for_now(const Node& node, [[maybe_unused]] Gemm<T>& g, W* workspace) {
    const long room = factor_room(node);
    if constexpr (is_narrow<T>)
      if (room > 0) {
        auto* const packed = reinterpret_cast<Packed<T>*>(workspace);
        pack_factor<T>(g.b, g.depth(), g.columns, packed);
        g.packed_b = packed;
      }
    return workspace + room;
  }

  /// dw = patches^T * dy.
  static void backward_weights(const BackwardArguments<T>& a, long group) {
    const Node& node = *a.node;
    const long columns = node.output.channels / node.window.groups;
    Gemm<T, W> g;
    g.a = convolution_patches(node, a.samples, a.inputs[0], group);
    g.transpose_first();
    g.b.data = a.output_gradient + group * columns;
    g.b.stride = node.output.channels;
    g.columns = columns;
    g.output = a.parameter_gradients[0] + group * columns;
    g.layout = {1, g.rows(), 0, 0, node.output.channels};
    g.epilogue.accumulate = a.accumulate_parameters;
    if (a.update && node.window.groups == 1) g.update = &a.update;
    gemm(g, a.workspace, true);
  }

  /// dx is, for each remainder of the pixels by the stride, a convolution of dy with the taps that reach
  /// them: no multiplication by an inserted zero (the sub-pixel view of Shi et al., CVPR 2016).
  static void backward_data(const BackwardArguments<T>& a, long group) {
    const Node& node = *a.node;
    if constexpr (!is_narrow<T>)
      if (ThinInputGradient<T>::applies(node)) return ThinInputGradient<T>::run(a);
    const Window& w = node.window;
    const long in_channels = node.input.channels, out_channels = node.output.channels;
    const long columns = in_channels / w.groups, channels = out_channels / w.groups;
    const long weight_row = columns * out_channels;  // the weights of one tap
    for (long y = 0; y < std::min(w.stride, node.input.height); ++y)
      for (long x = 0; x < std::min(w.stride, node.input.width); ++x) {
        const WindowPhase rows(y + w.pad_top, w.kernel_height, w.stride, w.dilation);
        const WindowPhase taps(x + w.pad_left, w.kernel_width, w.stride, w.dilation);
        const long grid_height = (node.input.height - y + w.stride - 1) / w.stride;
        const long grid_width = (node.input.width - x + w.stride - 1) / w.stride;
        Gemm<T> g;
        g.columns = columns;
        g.output = a.input_gradients[0] + (y * node.input.width + x) * in_channels + group * columns;
        g.layout = {grid_height, grid_width, node.input.size(), w.stride * node.input.width * in_channels,
                    w.stride * in_channels};
        if (rows.count * taps.count == 0) {
          if (!a.accumulate[0]) clear(g, a.samples * grid_height * grid_width);
          continue;
        }
        g.epilogue.accumulate = a.accumulate[0];
        if (w.pointwise()) {
          g.a = plain_matrix(a.output_gradient + group * channels, a.samples * node.output.pixels(), channels,
                             out_channels);
          g.layout = {1, g.rows(), 0, 0, in_channels};
        } else {
          g.a.data = a.output_gradient + group * channels;
          g.a.samples = a.samples;
          g.a.sample_stride = node.output.size();
          g.a.height = node.output.height;
          g.a.width = node.output.width;
          g.a.pixel_stride = out_channels;
          g.a.channels = channels;
          g.a.grid_height = grid_height;
          g.a.grid_width = grid_width;
          g.a.y0 = rows.origin;
          g.a.dy = rows.step;
          g.a.x0 = taps.origin;
          g.a.dx = taps.step;
          g.a.taps_y = rows.count;
          g.a.taps_x = taps.count;
        }
        g.b.transposed = true;
        g.b.data =
            a.parameters[0] + (rows.first * w.kernel_width + taps.first) * weight_row + group * channels;
        g.b.stride = out_channels;
        g.b.channels = channels;
        g.b.taps_x = taps.count;
        g.b.tap_y_stride = -rows.tap_step * w.kernel_width * weight_row;
        g.b.tap_x_stride = -taps.tap_step * weight_row;
        gemm(g, pack_for_now(node, g, a.workspace));
      }
  }

  /// Pixels that no output read.
  static void clear(const Gemm<T>& g, long rows) {
    parallel_ranges(rows, divide_up(4096, g.columns), [&](long begin, long end) {
      for (long row = begin; row < end; ++row) std::fill_n(g.output + g.layout.offset(row), g.columns, T{});
    });
  }
};

}  // namespace mmdl::detail
