// SPDX-License-Identifier: Apache-2.0
// The convolution by Winograd's algorithm: where it is used, and its passes as filters of tiles.
#pragma once

#include <algorithm>

#include "../../graph/arguments.hpp"
#include "convolution_method.hpp"
#include "winograd_filter.hpp"
#include "winograd_weights.hpp"

namespace mmdl::detail {

/// Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015.
template <class T>
class WinogradConvolution : WinogradCut<winograd_outputs, T> {
  using Cut = WinogradCut<winograd_outputs, T>;
  using Cut::cut, Cut::input, Cut::gradient;

 public:
  static bool applies(const Node& node, long samples) {
    const ConvolutionMethod method = convolution_method();
    if (method == ConvolutionMethod::direct || !Cut::fits(node)) return false;
    if (method == ConvolutionMethod::winograd) return true;
    // In double the checks of gradients want the last digits. Thin layers spend more on the transforms than
    // they save in the product, and few tiles do not repay those of the weights.
    return sizeof(Wide<T>) == 4 && node.input.channels >= 32 && node.output.channels >= 32 &&
           input(node, samples, nullptr).count() >= 8;
  }

  /// Numbers of scratch of the forward and, in training, of the backward.
  static long workspace(const Node& node, long samples, bool training) {
    const long inputs = node.input.channels, outputs = node.output.channels;
    const long tiles = input(node, samples, nullptr).count();
    const long forward = WinogradFilter<T>::workspace(tiles, inputs, outputs);
    if (!training) return forward;
    const long data = WinogradFilter<T>::workspace(gradient(node, samples, nullptr).count(), outputs, inputs);
    return std::max({forward, data, WinogradWeightsGradientSum<T>::workspace(tiles, inputs, outputs)});
  }

  static void forward(const ForwardArguments<T>& a, const Epilogue<T>& epilogue, Wide<T>* workspace) {
    const Node& node = *a.node;
    const WinogradFilter<T> filter{
        input(node, a.samples, a.inputs[0]), a.parameters[0], false, a.output, node.output, epilogue};
    filter.run(workspace);
  }

  /// dw and dx; where null, they are not wanted.
  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    if (a.parameter_gradients[0] != nullptr) {
      const WinogradWeightsGradientSum<T> sum{
          input(node, a.samples, a.inputs[0]),
          cut(a.output_gradient, a.samples, node.output, 0, 0, node.output), a.parameter_gradients[0],
          a.accumulate_parameters};
      sum.run(a.workspace);
    }
    if (a.input_gradients[0] != nullptr) {
      Epilogue<T> epilogue;
      epilogue.accumulate = a.accumulate[0];
      const WinogradFilter<T> filter{gradient(node, a.samples, a.output_gradient),
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
