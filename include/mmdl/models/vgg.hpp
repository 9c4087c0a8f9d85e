// SPDX-License-Identifier: Apache-2.0
// VGG-16 as a backbone of five scales.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/batch_norm.hpp"
#include "../layers/convolution.hpp"
#include "../layers/pooling.hpp"
#include "../layers/sequential.hpp"
#include "../models/backbone.hpp"

namespace mmdl {

namespace vgg {

/// A 3x3 convolution and ReLU, and the same with batch norm between.
template <int Filters>
using Plain = Sequential<Conv<Filters, Kernel<3>>, Relu>;
template <int Filters>
using Normalised = Sequential<Conv<Filters, Kernel<3>>, BatchNorm, Relu>;

/// A scale: `Count` layers of one width, then the pooling that halves.
template <template <int> class Layer, int Filters, int Count>
using Scale = Sequential<Repeat<Count, Layer<Filters>>, MaxPool<2>>;

/// Configuration D of the paper's table 1.
template <template <int> class Layer>
using Sixteen = Backbone<Scale<Layer, 64, 2>, Scale<Layer, 128, 2>, Scale<Layer, 256, 3>,
                         Scale<Layer, 512, 3>, Scale<Layer, 512, 3>>;

}  // namespace vgg

/// VGG-16 without the fully connected layers, as a backbone: each scale ends with a pooling. For `Shape<224,
/// 224, 3>` they are 112x112x64, 56x56x128, 28x28x256, 14x14x512, 7x7x512. PyTorch:
/// `torchvision.models.vgg16().features`. Source: Simonyan and Zisserman 2015.
using Vgg16 = vgg::Sixteen<vgg::Plain>;

/// VGG-16 with batch norm after each convolution, which keeps its bias; scales as `Vgg16`.
/// PyTorch: `torchvision.models.vgg16_bn().features`.
using Vgg16BatchNorm = vgg::Sixteen<vgg::Normalised>;

}  // namespace mmdl
