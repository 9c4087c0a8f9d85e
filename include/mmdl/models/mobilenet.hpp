// SPDX-License-Identifier: Apache-2.0
// MobileNet v1 of any width as a backbone of five scales.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/batch_norm.hpp"
#include "../layers/convolution.hpp"
#include "../layers/sequential.hpp"
#include "../models/backbone.hpp"

namespace mmdl {

namespace mobilenet {

/// `Filters` at a width of `Percent` per cent, rounded down, as Keras' `int(filters * alpha)`; at least 8.
template <int Filters, int Percent>
inline constexpr int width = Filters* Percent / 100 < 8 ? 8 : Filters* Percent / 100;

/// A convolution, batch norm with TensorFlow's epsilon, ReLU6.
template <class Convolution>
using NormRelu6 = Sequential<Convolution, BatchNormWith<EpsilonMillionths<1000>>, Relu6>;

/// A block: a 3x3 convolution of each channel by itself, then one of single places (Howard et al.,
/// section 3.1).
template <int Filters, int Step = 1>
using Separable = Sequential<NormRelu6<DepthwiseConv<Kernel<3>, Stride<Step>, SamePadding, Bias<false>>>,
                             NormRelu6<Conv<Filters, Kernel<1>, Bias<false>>>>;

/// The first convolution and blocks 1 to 13; `P` is the width in per cent.
template <int P>
using Body =
    Backbone<Sequential<NormRelu6<Conv<width<32, P>, Kernel<3>, Stride<2>, SamePadding, Bias<false>>>,
                        Separable<width<64, P>>>,
             Sequential<Separable<width<128, P>, 2>, Separable<width<128, P>>>,
             Sequential<Separable<width<256, P>, 2>, Separable<width<256, P>>>,
             Sequential<Separable<width<512, P>, 2>, Repeat<5, Separable<width<512, P>>>>,
             Sequential<Separable<width<1024, P>, 2>, Separable<width<1024, P>>>>;

}  // namespace mobilenet

/// MobileNet v1 without the classifier, as a backbone; all its layers are `WidthPercent` per cent as wide as
/// the paper's (Keras' alpha = 0.75 is 75). The scales end with blocks 1, 3, 5, 11 and 13: for `Shape<224,
/// 224, 3>` they are 112x112x64, 56x56x128, 28x28x256, 14x14x512, 7x7x1024 at 100 and 112x112x48, 56x56x96,
/// 28x28x192, 14x14x384, 7x7x768 at 75. No biases; batch norm has epsilon 1e-3. Padding is TensorFlow's: a
/// stride of 2 pads an even size at the bottom and the right only. (Keras' own network pads an odd size
/// there, too, where TensorFlow pads both sides: it agrees for sizes that are multiples of 32.)
/// `Sequential<MultiScale<MobileNet<75>, NoFusion>, Linear<1000>>` is the classifier. Keras:
/// `keras.applications.MobileNet(alpha=0.75)`. Source: Howard et al., "MobileNets", 2017.
template <int WidthPercent = 100>
using MobileNet = mobilenet::Body<WidthPercent>;

}  // namespace mmdl
