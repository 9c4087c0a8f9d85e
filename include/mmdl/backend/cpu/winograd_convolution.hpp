// SPDX-License-Identifier: Apache-2.0
// The convolution of floats by Winograd's algorithm: where it is used, and in which form.
#pragma once

#include <algorithm>

#include "convolution_method.hpp"
#include "winograd_filter.hpp"
#include "winograd_passes.hpp"
#include "winograd_weights.hpp"

namespace mmdl::detail {

/// The passes of one form.
template <class T, class Form>
class WinogradFormPasses : public WinogradPasses<T, Form, WinogradFilterOf<T, Form>,
                                                 WinogradFilterOf<T, typename Form::ForInputGradient>,
                                                 WinogradTileSumOf<T, Wide<T>, Form>> {
 public:
  /// Whether the product saves more than the transforms cost: those of the images, of thin layers, and those
  /// of the weights, of few tiles.
  static bool repays(const Node& node, long samples) {
    const long in = node.input.channels, out = node.output.channels;
    return std::min(in, out) >= Form::repaying_channels && in * out >= Form::repaying_weights &&
           WinogradFormPasses::tile_count(node, samples) >= Form::repaying_tiles &&
           WinogradFormPasses::saves(node, samples);
  }
};

/// Where it is used, of floats and between narrow values, and by which form.
template <class T>
class WinogradConvolution {
  using Plain = WinogradFormPasses<T, WinogradForm<T>>;
  using Strided = WinogradFormPasses<T, StridedWinogradForm<T, 4>>;
  using SmallStrided = WinogradFormPasses<T, StridedWinogradForm<T, 2>>;

  /// With a stride of 2 the small tiles where the large ones overhang so much that they save little more.
  template <class Body>
  static auto with_form(const Node& node, long samples, const Body& body) {
    if (node.window.stride == 1) return body(Plain{});
    const bool large =
        10 * Strided::multiplications(node, samples) < 9 * SmallStrided::multiplications(node, samples);
    return large ? body(Strided{}) : body(SmallStrided{});
  }

 public:
  static bool applies(const Node& node, long samples) {
    const ConvolutionMethod method = convolution_method();
    if (method == ConvolutionMethod::direct) return false;
    return with_form(node, samples, [&](auto form) {
      if (!form.fits(node)) return false;
      if (method == ConvolutionMethod::winograd) return true;
      // In double the checks of gradients want the last digits.
      return sizeof(Wide<T>) == 4 && form.repays(node, samples);
    });
  }
  /// Whether the gradients are computed so too: with a stride of 2 the sums over a few tiles do not repay
  /// their transforms.
  static bool gradient_applies(const Node& node, long samples) {
    if (!applies(node, samples)) return false;
    return convolution_method() == ConvolutionMethod::winograd || node.window.stride == 1 ||
           with_form(node, samples, [&](auto form) { return form.tile_count(node, samples) >= 64; });
  }
  /// `training`: with gradients.
  static long workspace(const Node& node, long samples, bool training) {
    return with_form(node, samples, [&](auto form) { return form.workspace(node, samples, training); });
  }
  static void forward(const ForwardArguments<T>& a, const Epilogue<T>& epilogue, Wide<T>* workspace) {
    with_form(*a.node, a.samples, [&](auto form) { form.forward(a, epilogue, workspace); });
  }
  static void backward(const BackwardArguments<T>& a) {
    with_form(*a.node, a.samples, [&](auto form) { form.backward(a); });
  }
};

}  // namespace mmdl::detail
