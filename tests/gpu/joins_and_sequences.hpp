// SPDX-License-Identifier: Apache-2.0
// Two networks that have, between them, the operators that a backbone has not.
#pragma once

#include <mmdl/mmdl.hpp>

namespace mmdl_test {

using namespace mmdl;

using Left = Sequential<Conv<6, Kernel<3>, Dilation<2>, Groups<3>, Bias<true>>, Sigmoid>;
using Right = Sequential<AveragePool<3, Stride<1>, Padding<1>>, DepthwiseConv<Kernel<3>>, Conv<6, Kernel<1>>,
                         BatchNorm>;
using Joins = Sequential<Concat<Left, Right>, Heads<Conv<4, Kernel<1>>, Conv<4, Kernel<3>>>, Multiply,
                         Heads<Identity, Conv<4, Kernel<1>>>, Maximum, Heads<Identity, Conv<4, Kernel<3>>>,
                         Add, Heads<Identity, Sequential<GlobalAveragePool, Linear<4>, Tanh>>, Multiply,
                         Flatten, Dropout<20>, Linear<3>>;
using Sequences =
    Sequential<OverSteps<3>, Lstm<6>, Linear<8>, Heads<Step<0>, Step<2>>, Multiply, Softmax, Linear<4>>;

}  // namespace mmdl_test
