// SPDX-License-Identifier: Apache-2.0
// Small networks whose graphs are hard on the passes: branches, values read several times, frozen parts.
#pragma once

#include "mmdl/mmdl.hpp"

namespace networks {

using namespace mmdl;

using Image = Shape<7, 5, 4>;
using Vector = Shape<6>;

template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Kernel<3>, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Tiny = Backbone<Scale<3, 1>, Scale<4, 2>, Scale<5, 2>>;
template <int Filters>
using Norm = Sequential<Conv<Filters, Kernel<3>, Bias<false>>, BatchNorm>;
using Block = Sequential<Residual<Sequential<Norm<4>, Relu, Norm<4>>>, Relu>;
using Projection = Sequential<Residual<Norm<6>, Sequential<Conv<6, Kernel<1>>, BatchNorm>>, Relu>;
using Bottleneck = resnet::Bottleneck<2, 1, Identity>;
using Small = Annotator<MultiScale<Tiny>, Mlp<6, 5>, Labels<4>>;

/// Calls `body.operator()<Net, Input>(name)` for each network.
template <class Body>
void for_each(const Body& body) {
  body.template operator()<Sequential<Norm<4>, Relu, Block, Projection, Norm<3>, Relu6>, Image>("blocks");
  body.template operator()<Repeat<3, Block>, Image>("repeated blocks");
  body.template operator()<Sequential<Conv<8>, Repeat<3, Bottleneck>, Projection, Conv<2>>, Image>(
      "bottlenecks");
  body.template operator()<Residual<Identity>, Image>("x + x");
  body.template operator()<Sequential<Tanh, Residual<Residual<Identity>>, Sigmoid>, Image>("nested x + x");
  body.template
  operator()<Sequential<Norm<4>, Residual<Relu, Tanh>, Residual<Dropout<25>, Dropout<50>>, Relu>, Image>(
      "in-place branches");
  body.template operator()<Sequential<Norm<4>, Heads<Relu, Identity, Tanh>, Join, Norm<2>>, Image>(
      "heads joined");
  body.template
  operator()<Sequential<Norm<4>, Concat<Norm<2>, Identity, MaxPool<3, Stride<1>, Padding<1>>>, Relu>, Image>(
      "concatenation");
  body.template operator()<Sequential<Norm<4>, Product<Identity, Sigmoid, Norm<4>>, Norm<4>, Relu>, Image>(
      "product");
  body.template operator()<Sequential<Linear<6>, Product<Identity, Identity>, Linear<2>>, Vector>("x * x");
  body.template
  operator()<Sequential<Residual<Norm<4>, Norm<4>>, Residual<Sequential<BatchNorm, Relu>>, Relu6>, Image>(
      "two norms added");
  body.template operator()<
      Sequential<Residual<Sequential<Norm<4>, Relu>>, Residual<Sequential<BatchNorm, Relu>, Norm<4>>>, Image>(
      "activation before the residual");
  body.template operator()<
      Sequential<Conv<4>, Relu, Heads<Identity, Sequential<Relu, GlobalAveragePool, Linear<3>>>>, Image>(
      "an output that is read on");
  body.template operator()<Sequential<Conv<4>, Heads<Identity, Identity, Dropout<0>>>, Image>(
      "one value, three outputs");
  body.template operator()<Heads<Linear<3>, Linear<2>, Linear<1>>, Vector>("heads alone");
  body.template operator()<Sequential<Norm<4>, Frozen<Block>, Norm<3>, Relu>, Image>("frozen in the middle");
  body.template operator()<Sequential<Frozen<Sequential<Norm<4>, Relu, Block, Dropout<50>>>, Conv<2>, Relu>,
                           Image>("frozen below");
  body.template operator()<
      Sequential<Norm<4>, Relu, Frozen<Sequential<Projection, Conv<3>, Sigmoid, Conv<2>, Tanh>>>, Image>(
      "frozen above");
  body.template operator()<Residual<Frozen<Norm<4>>, Norm<4>>, Image>("frozen branch");
  body.template operator()<Sequential<Residual<Norm<4>, Frozen<Norm<4>>>, Relu>, Image>("frozen shortcut");
  body.template operator()<Sequential<Frozen<Conv<4>>, BatchNorm, Relu, Frozen<BatchNorm>, Relu>, Image>(
      "mixed");
  body.template
  operator()<Sequential<Parallel<Linear<3>, Sequential<Linear<4>, Relu>>, Join, Dropout<50>, Linear<2>>,
             List<Vector, Vector>>("two inputs");
  body.template operator()<MultiScale<Tiny>, Shape<9, 9, 3>>("MS-CNN");
  body.template operator()<MultiScale<Tiny, MaxPoolFusion, Scales<1, 3>>, Shape<9, 9, 3>>("MS-CNN-MaxPool");
  body.template operator()<MultiScale<Tiny, ConcatFusion>, Shape<9, 9, 3>>("MS-CNN-AvgPool");
  body.template operator()<MultiScale<Tiny, NoFusion, Scales<2>>, Shape<9, 9, 3>>("CNN");
  body.template operator()<Small, List<Shape<9, 9, 3>, Shape<8>>>("annotator");
  body.template operator()<
      Sequential<Residual<Sequential<Linear<6>, Relu, Dropout<30>>>, Linear<6>, Relu, Linear<3>, Sigmoid>,
      Vector>("linear");
  // Values read by many.
  body.template operator()<Sequential<Conv<4>, Residual<Residual<Residual<Relu, Tanh>, Sigmoid>>, Conv<2>>,
                           Image>("three deep");
  body.template operator()<Sequential<Conv<4>, Residual<Identity>, Residual<Identity>, Relu, Residual<Relu>>,
                           Image>("doubled twice");
  body.template operator()<
      Sequential<Norm<4>, Heads<Identity, Relu, Block, Dropout<30>, Residual<Identity>>, Join, Conv<1>>,
      Image>("five");
  body.template operator()<Sequential<Conv<4>, Product<Residual<Identity>, Identity, Residual<Relu>>, Relu>,
                           Image>("product of sums");
  body.template operator()<
      Sequential<Heads<Residual<Norm<4>>, Residual<Norm<4>>>, Multiply, Residual<BatchNorm>, Relu6>, Image>(
      "two blocks");
  body.template operator()<
      Sequential<Conv<4>, Heads<Residual<Relu>, Sequential<Relu, Residual<Sigmoid>>, Identity>>, Image>(
      "three outputs");
  body.template operator()<Sequential<Residual<Sequential<Norm<4>, Relu>, Sequential<Norm<4>, Relu>>,
                                      Residual<Conv<4>, BatchNorm>, Tanh>,
                           Image>("two activated norms added");
  body.template
  operator()<Sequential<Conv<4>, Residual<Dropout<20>>, Dropout<40>, Residual<Dropout<20>, Relu>>, Image>(
      "dropout in sums");
  body.template operator()<Sequential<Residual<Frozen<Norm<4>>, Frozen<BatchNorm>>, Relu,
                                      Residual<Frozen<Sequential<BatchNorm, Relu6>>>>,
                           Image>("frozen norms in sums");
}

}  // namespace networks
