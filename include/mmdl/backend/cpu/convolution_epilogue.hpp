// SPDX-License-Identifier: Apache-2.0
// What fusion joined to a convolution, as the epilogue of its products.
#pragma once

#include <cmath>

#include "../../graph/arguments.hpp"
#include "gemm_tile.hpp"

namespace mmdl::detail {

/// The numbers of scratch that the epilogue of a convolution takes, at the start of its workspace.
inline long epilogue_workspace(const Node& node) {
  constexpr long line = 16;
  return 2 * ((node.output.channels + line - 1) / line * line);
}

/// Folds batch norm into one factor and one number to add for each channel, held at the start of the
/// workspace: the weights stay as they are.
template <class T>
Epilogue<T> convolution_epilogue(const ForwardArguments<T>& a) {
  using W = Wide<T>;
  const Node& node = *a.node;
  Epilogue<T> epilogue;
  epilogue.activation = node.activation;
  epilogue.activation_first = node.activation_first;
  epilogue.shift = a.parameters[1];
  if (node.has_residual) epilogue.residual = a.inputs[node.input_count - 1];
  if (node.has_batch_norm) {
    W *scale = a.workspace, *shift = a.workspace + epilogue_workspace(node) / 2;
    const W epsilon = static_cast<W>(node.epsilon_millionths * 1e-6);
    for (long c = 0; c < node.output.channels; ++c) {
      const W bias = a.parameters[1] != nullptr ? a.parameters[1][c] : W{};
      scale[c] = a.parameters[2][c] / std::sqrt(a.states[1][c] + epsilon);
      shift[c] = a.parameters[3][c] + (bias - a.states[0][c]) * scale[c];
    }
    epilogue.scale = scale;
    epilogue.shift = shift;
  }
  return epilogue;
}

}  // namespace mmdl::detail
