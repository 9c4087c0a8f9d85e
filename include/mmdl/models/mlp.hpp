// SPDX-License-Identifier: Apache-2.0
// Multi-layer perceptrons: the tag network and the label-quantity regressor of the paper.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/dropout.hpp"
#include "../layers/linear.hpp"
#include "../layers/sequential.hpp"

namespace mmdl {

/// Hidden layers of the given sizes, each linear (He-normal) and ReLU: `Shape<N>` to `Shape<last size>`. The paper's
/// tag network is `Mlp<2048, 2048>` (Niu et al., section III-B).
template <int... Units>
using Mlp = Sequential<Sequential<Linear<Units, HeNormal>, Relu>...>;

/// The same with dropout after each layer.
template <int Percent, int... Units>
using MlpWithDropout = Sequential<Sequential<Linear<Units, HeNormal>, Relu, Dropout<Percent>>...>;

/// The label-quantity regressor: hidden layers of 512 and 256 units with dropout 0.5, one output
/// (Niu et al., section III-C). `Shape<N>` to `Shape<1>`.
using QuantityRegressor = Sequential<MlpWithDropout<50, 512, 256>, Linear<1>>;

}  // namespace mmdl
