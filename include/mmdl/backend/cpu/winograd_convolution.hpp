// SPDX-License-Identifier: Apache-2.0
// The convolution by Winograd's F(4x4, 3x3), of floats and between narrow values: where it is used.
#pragma once

#include "convolution_method.hpp"
#include "winograd_filter.hpp"
#include "winograd_passes.hpp"
#include "winograd_weights.hpp"

namespace mmdl::detail {

template <class T>
class WinogradConvolution : public WinogradPasses<T, WinogradFilter<T>, WinogradWeightsGradientSum<T>> {
 public:
  static bool applies(const Node& node, long samples) {
    using Cut = WinogradCut<WinogradFilter<T>::outputs, T>;
    const ConvolutionMethod method = convolution_method();
    if (method == ConvolutionMethod::direct || !Cut::fits(node)) return false;
    if (method == ConvolutionMethod::winograd) return true;
    // In double the checks of gradients want the last digits. Thin layers spend more on the transforms than
    // they save in the product, and few tiles do not repay those of the weights.
    return sizeof(Wide<T>) == 4 && node.input.channels >= 32 && node.output.channels >= 32 &&
           Cut::input(node, samples, nullptr).count() >= 8;
  }
};

}  // namespace mmdl::detail
