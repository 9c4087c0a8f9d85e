// SPDX-License-Identifier: Apache-2.0
// The forms of Winograd's algorithm that convolutions are computed in.
#pragma once

#include "winograd_strided_transform.hpp"
#include "winograd_tiles.hpp"
#include "winograd_transform.hpp"

namespace mmdl::detail {

/// Stride 1 by F(4x4, 3x3). A form has `products` products a side of a tile, of inputs and `weights`
/// transformed weights; the products behind the last weight share it. `repaying_...`: the fewest for which it
/// is faster than the direct product.
template <class T>
struct WinogradForm {
  static constexpr int products = 6, weights = 6;
  static constexpr long repaying_tiles = 8, repaying_channels = 32, repaying_weights = 32 * 32;
  using Cut = WinogradCut<T, 4, 1>;
  using Input = WinogradInput<Wide<T>>;
  using Weights = WinogradWeights<Wide<T>>;
  using Output = WinogradOutput<Wide<T>>;
  using OutputGradient = WinogradOutputGradient<Wide<T>>;
  using WeightsGradient = WinogradWeightsGradient<Wide<T>>;
  using ForInputGradient = WinogradForm;
};

/// Stride 1 by F(2x2, 3x3), for narrow values.
struct SmallWinogradForm {
  static constexpr int products = 4, weights = 4;
  using Cut = WinogradCut<BFloat16, 2, 1>;
  using Input = SmallWinogradInput;
  using Weights = SmallWinogradWeights;
  using Output = SmallWinogradOutput;
  using OutputGradient = SmallWinogradOutputGradient;
  using WeightsGradient = SmallWinogradWeightsGradient;
  using ForInputGradient = SmallWinogradForm;
};

/// The gradient of the input of the strided form.
template <class T, int Outputs>
struct StridedWinogradGradientForm {
  static constexpr int products = 2 * Outputs + 1, weights = Outputs + 2;
  using Input = StridedWinogradGradientInput<Wide<T>, Outputs>;
  using Weights = StridedWinogradWeights<Wide<T>, Outputs>;
  using Output = StridedWinogradGradientOutput<Wide<T>, Outputs>;
};

/// Stride 2, in tiles of 4 x 4 or 2 x 2 outputs.
template <class T, int Outputs>
struct StridedWinogradForm {
  static constexpr int products = 2 * Outputs + 1, weights = Outputs + 2;
  static constexpr long repaying_tiles = 48, repaying_channels = 64;
  static constexpr long repaying_weights = Outputs == 4 ? 64 * 64 : 128 * 256;
  using Cut = WinogradCut<T, Outputs, 2>;
  using Input = StridedWinogradInput<Wide<T>, Outputs>;
  using Weights = StridedWinogradWeights<Wide<T>, Outputs>;
  using Output = StridedWinogradOutput<Wide<T>, Outputs>;
  using OutputGradient = StridedWinogradOutputGradient<Wide<T>, Outputs>;
  using WeightsGradient = StridedWinogradWeightsGradient<Wide<T>, Outputs>;
  using ForInputGradient = StridedWinogradGradientForm<T, Outputs>;
};

/// The products and transformed weights of a side, where the form is not known when compiling.
struct WinogradSides {
  int products, weights;
};
template <class Form>
inline constexpr WinogradSides winograd_sides = {Form::products, Form::weights};

/// Calls `body(weight, product)` for all products of a form, those of one weight after each other.
template <class Body>
void for_winograd_products(const WinogradSides& sides, const Body& body) {
  const int products = sides.products, weights = sides.weights;
  const auto end = [=](int weight) { return weight + 1 < weights ? weight + 1 : products; };
  for (int y = 0; y < weights; ++y)
    for (int x = 0; x < weights; ++x)
      for (int i = y; i < end(y); ++i)
        for (int j = x; j < end(x); ++j) body(y * weights + x, i * products + j);
}

}  // namespace mmdl::detail
