// SPDX-License-Identifier: Apache-2.0
// ResNet-18, 34, 50, 101 and 152 as backbones of five scales.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/batch_norm.hpp"
#include "../layers/pooling.hpp"
#include "../layers/residual.hpp"
#include "../layers/sequential.hpp"
#include "../models/backbone.hpp"

namespace mmdl {

namespace resnet {

/// Convolution without bias, batch norm.
template <int Filters, int Size, int Step = 1>
using ConvNorm = Sequential<Conv<Filters, Kernel<Size>, Stride<Step>, Bias<false>>, BatchNorm>;

/// Two 3x3 convolutions with a shortcut: the block of ResNet-18 and 34.
template <int Width, int Step, class Shortcut>
using BasicBlock =
    Sequential<Residual<Sequential<ConvNorm<Width, 3, Step>, Relu, ConvNorm<Width, 3>>, Shortcut>, Relu>;

/// 1x1, 3x3 (with the stride, as in torchvision), 1x1 to four times the width: the block of ResNet-50 and
/// deeper.
template <int Width, int Step, class Shortcut>
using Bottleneck = Sequential<
    Residual<Sequential<ConvNorm<Width, 1>, Relu, ConvNorm<Width, 3, Step>, Relu, ConvNorm<4 * Width, 1>>,
             Shortcut>,
    Relu>;

/// The first scale: 7x7 convolution with stride 2, 64 filters.
using Stem = Sequential<ConvNorm<64, 7, 2>, Relu>;

/// A scale of `Count` basic blocks; `First` comes before (the max pooling of the second scale).
template <int Width, int Count, int Step, class... First>
using BasicScale =
    Sequential<First...,
               BasicBlock<Width, Step, std::conditional_t<Width == 64, Identity, ConvNorm<Width, 1, Step>>>,
               Repeat<Count - 1, BasicBlock<Width, 1, Identity>>>;

/// A scale of `Count` bottlenecks, the first with a projection.
template <int Width, int Count, int Step, class... First>
using BottleneckScale = Sequential<First..., Bottleneck<Width, Step, ConvNorm<4 * Width, 1, Step>>,
                                   Repeat<Count - 1, Bottleneck<Width, 1, Identity>>>;

using Pool = MaxPool<3, Stride<2>, Padding<1>>;

template <int A, int B, int C, int D>
using Basic = Backbone<Stem, BasicScale<64, A, 1, Pool>, BasicScale<128, B, 2>, BasicScale<256, C, 2>,
                       BasicScale<512, D, 2>>;

template <int A, int B, int C, int D>
using Deep = Backbone<Stem, BottleneckScale<64, A, 1, Pool>, BottleneckScale<128, B, 2>,
                      BottleneckScale<256, C, 2>, BottleneckScale<512, D, 2>>;

}  // namespace resnet

/// ResNets without the classifier, as backbones: scales conv1, conv2_x … conv5_x, whose last layers are the
/// taps of Niu et al., section III-A. For `Shape<224, 224, 3>` they are 112x112x64, 56x56x64, 28x28x128,
/// 14x14x256, 7x7x512 (18, 34), or 112x112x64, 56x56x256, 28x28x512, 14x14x1024, 7x7x2048 (50, 101, 152).
/// PyTorch: `torchvision.models.resnet18()` and so on. Source: He et al. 2016.
using ResNet18 = resnet::Basic<2, 2, 2, 2>;
using ResNet34 = resnet::Basic<3, 4, 6, 3>;   ///< see ResNet18
using ResNet50 = resnet::Deep<3, 4, 6, 3>;    ///< see ResNet18
using ResNet101 = resnet::Deep<3, 4, 23, 3>;  ///< see ResNet18
using ResNet152 = resnet::Deep<3, 8, 36, 3>;  ///< see ResNet18

}  // namespace mmdl
