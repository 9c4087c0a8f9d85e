// SPDX-License-Identifier: Apache-2.0
// GoogLeNet (Inception v1) with batch norm as a backbone of five scales.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/batch_norm.hpp"
#include "../layers/convolution.hpp"
#include "../layers/join.hpp"
#include "../layers/pooling.hpp"
#include "../layers/sequential.hpp"
#include "../layers/structure.hpp"
#include "../models/backbone.hpp"

namespace mmdl {

namespace googlenet {

/// Convolution without bias, batch norm with epsilon 1e-3, ReLU.
template <int Filters, int Size, int Step = 1>
using ConvNormRelu = Sequential<Conv<Filters, Kernel<Size>, Stride<Step>, Bias<false>>,
                                BatchNormWith<EpsilonMillionths<1000>>, Relu>;

/// "inception3a" and so on, as in the paper's table 1.
template <char Stage, char Letter>
struct Label {
  static constexpr char text[] = {'i', 'n', 'c', 'e', 'p', 't', 'i', 'o', 'n', Stage, Letter, '\0'};
  static constexpr const char* name = text;
};

/// Four branches over the same input, joined along the channels: 1x1; 1x1 and 3x3; 1x1 and again 3x3, where
/// the paper has 5x5 (torchvision's network has 3x3 there, and so do its weights); 3x3 max pooling and 1x1.
template <char Stage, char Letter, int One, int ThreeReduced, int Three, int FiveReduced, int Five,
          int Pooled>
using Inception =
    Named<Label<Stage, Letter>,
          Concat<ConvNormRelu<One, 1>, Sequential<ConvNormRelu<ThreeReduced, 1>, ConvNormRelu<Three, 3>>,
                 Sequential<ConvNormRelu<FiveReduced, 1>, ConvNormRelu<Five, 3>>,
                 Sequential<MaxPool<3, Stride<1>, Padding<1>>, ConvNormRelu<Pooled, 1>>>>;

/// Pooling that halves and rounds up (PyTorch's `ceil_mode`): one row and column more at the bottom and
/// right, which are in a window only where the size asks for it. Padding never wins, so the maximum is that
/// of the window's inside.
template <int Size>
using Halve = MaxPool<Size, Stride<2>, Padding<0, 0, 1, 1>>;

/// The paper's table 1 from conv1 to inception 5b.
using Body = Backbone<
    ConvNormRelu<64, 7, 2>, Sequential<Halve<3>, ConvNormRelu<64, 1>, ConvNormRelu<192, 3>>,
    Sequential<Halve<3>, Inception<'3', 'a', 64, 96, 128, 16, 32, 32>,
               Inception<'3', 'b', 128, 128, 192, 32, 96, 64>>,
    Sequential<Halve<3>, Inception<'4', 'a', 192, 96, 208, 16, 48, 64>,
               Inception<'4', 'b', 160, 112, 224, 24, 64, 64>, Inception<'4', 'c', 128, 128, 256, 24, 64, 64>,
               Inception<'4', 'd', 112, 144, 288, 32, 64, 64>,
               Inception<'4', 'e', 256, 160, 320, 32, 128, 128>>,
    Sequential<Halve<2>, Inception<'5', 'a', 256, 160, 320, 32, 128, 128>,
               Inception<'5', 'b', 384, 192, 384, 48, 128, 128>>>;

}  // namespace googlenet

/// GoogLeNet without the classifiers, as a backbone. The scales end with conv1, conv3, inception 3b, 4e and
/// 5b: for `Shape<224, 224, 3>` they are 112x112x64, 56x56x192, 28x28x480, 14x14x832, 7x7x1024. Batch norm
/// has epsilon 1e-3. Names: "scale3.inception3a.branch2.conv1.weight". PyTorch:
/// `torchvision.models.googlenet(aux_logits=False)`. Source: Szegedy et al., "Going deeper with
/// convolutions", 2015; batch norm: Ioffe and Szegedy 2015.
using GoogLeNet = googlenet::Body;

}  // namespace mmdl
