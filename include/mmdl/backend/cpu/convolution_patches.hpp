// SPDX-License-Identifier: Apache-2.0
// The input of a convolution as a matrix.
#pragma once

#include "../../graph/node.hpp"
#include "gemm_source.hpp"

namespace mmdl::detail {

/// The rows of a group's weights: one for each tap and input channel.
inline long weight_rows(const Node& node) {
  return static_cast<long>(node.window.kernel_height) * node.window.kernel_width *
         (node.input.channels / node.window.groups);
}

/// The input as the matrix of patches: a row for each output pixel, a column for each row of the weights.
template <class T>
PatchMatrix<T> convolution_patches(const Node& node, long samples, const T* input, long group = 0) {
  const Window& w = node.window;
  const long channels = node.input.channels / w.groups;
  const T* data = input + group * channels;
  if (w.pointwise()) return plain_matrix(data, samples * node.input.pixels(), channels, node.input.channels);
  PatchMatrix<T> p;
  p.data = data;
  p.samples = samples;
  p.sample_stride = node.input.size();
  p.height = node.input.height;
  p.width = node.input.width;
  p.pixel_stride = node.input.channels;
  p.channels = channels;
  p.grid_height = node.output.height;
  p.grid_width = node.output.width;
  p.step = w.stride;
  p.y0 = -w.pad_top;
  p.x0 = -w.pad_left;
  p.dy = p.dx = w.dilation;
  p.taps_y = w.kernel_height;
  p.taps_x = w.kernel_width;
  return p;
}

}  // namespace mmdl::detail
