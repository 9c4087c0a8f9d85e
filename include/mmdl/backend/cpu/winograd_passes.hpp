// SPDX-License-Identifier: Apache-2.0
// The passes of a convolution by Winograd's algorithm, as filters of tiles and a sum over them.
#pragma once

#include <algorithm>

#include "../../graph/arguments.hpp"
#include "gemm_epilogue.hpp"
#include "winograd_tiles.hpp"

namespace mmdl::detail {

/// The gradient of the input is a convolution as well: of the output's gradient, with the weights turned by
/// half a turn. `Filter` and `InputGradient` compute these convolutions, of the tiles that the form
/// makes, `WeightsGradient` the gradient of the weights. Lavin and Gray, "Fast algorithms for convolutional
/// neural networks", 2015.
template <class T, class Form, class Filter, class InputGradient, class WeightsGradient>
class WinogradPasses {
  using Cut = typename Form::Cut;

 public:
  static bool fits(const Node& node) { return Cut::fits(node); }
  static long tile_count(const Node& node, long samples) {
    return Cut::input(node, samples, nullptr).count();
  }
  /// Whether the products are few enough, beside the direct ones, to repay their transforms: tiles that
  /// overhang may save nothing.
  static bool saves(const Node& node, long samples) {
    return 100 * multiplications(node, samples) < 72 * 9 * samples * node.output.pixels();
  }
  /// Multiplications of an output's channel with an input's.
  static long multiplications(const Node& node, long samples) {
    return Form::products * Form::products * tile_count(node, samples);
  }

  /// Numbers of scratch of the forward and, in training, of the backward.
  static long workspace(const Node& node, long samples, bool training) {
    const long inputs = node.input.channels, outputs = node.output.channels;
    const long tiles = tile_count(node, samples);
    const long forward = Filter::workspace(tiles, inputs, outputs);
    if (!training) return forward;
    const long data =
        InputGradient::workspace(Cut::gradient(node, samples, nullptr).count(), outputs, inputs);
    return std::max({forward, data, WeightsGradient::workspace(tiles, inputs, outputs)});
  }

  static void forward(const ForwardArguments<T>& a, const Epilogue<T>& epilogue, Wide<T>* workspace) {
    const Node& node = *a.node;
    Filter filter{
        Cut::input(node, a.samples, a.inputs[0]), a.parameters[0], false, a.output, node.output, epilogue};
    if constexpr (requires { filter.packed; }) filter.packed = a.packed;
    filter.run(workspace);
  }

  /// dw and dx; where null, they are not wanted.
  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    if (a.parameter_gradients[0] != nullptr) {
      const WeightsGradient sum{Cut::input(node, a.samples, a.inputs[0]),
                                Cut::output_gradient(node, a.samples, a.output_gradient),
                                a.parameter_gradients[0], a.accumulate_parameters};
      sum.run(a.workspace);
    }
    if (a.input_gradients[0] != nullptr) {
      Epilogue<T> epilogue;
      epilogue.accumulate = a.accumulate[0];
      const InputGradient filter{Cut::gradient(node, a.samples, a.output_gradient),
                                 a.parameters[0],
                                 true,
                                 a.input_gradients[0],
                                 node.input,
                                 epilogue};
      filter.run(a.workspace);
    }
  }
};

}  // namespace mmdl::detail
