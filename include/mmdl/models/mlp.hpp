// SPDX-License-Identifier: Apache-2.0
// Multi-layer perceptrons: the tag network and the label-quantity regressor of the paper.
#pragma once

#include "../layers/activation.hpp"
#include "../layers/dropout.hpp"
#include "../layers/linear.hpp"
#include "../layers/sequential.hpp"

namespace mmdl {

/// Hidden layers of the given sizes, each linear (He-normal) and ReLU: `Shape<N>` to `Shape<last size>`. The
/// paper's tag network is `Mlp<2048, 2048>` (Niu et al., section III-B).
template <int... Units>
using Mlp = Sequential<Sequential<Linear<Units, HeNormal>, Relu>...>;

/// The same with dropout after each layer.
template <int Percent, int... Units>
using MlpWithDropout = Sequential<Sequential<Linear<Units, HeNormal>, Relu, Dropout<Percent>>...>;

/// The label-quantity regressor: hidden layers of 512 and 256 units with dropout 0.5, one output
/// (Niu et al., section III-C). `Shape<N>` to `Shape<1>`.
using QuantityRegressor = Sequential<MlpWithDropout<50, 512, 256>, Linear<1>>;

/// The quantity as a class of its own for each number from 0 to `Most`, for `SoftmaxCrossEntropy`: the
/// candidate "Classification" of Niu et al., table XI. `Shape<N>` to `Shape<Most + 1>`; the predicted
/// quantity is the place of the largest logit.
template <int Most>
using QuantityClassifier = Sequential<MlpWithDropout<50, 512, 256>, Linear<Most + 1>>;

/// The sum of the word vectors of an image's tags, `Dimension` numbers each: a linear layer without bias over
/// the binary tag vector, whose weight [tags][Dimension] holds a word's vector in each row and is trained on
/// from there (Niu et al., section IV-D-2 and table VII). `Shape<Tags>` to `Shape<Dimension>`. PyTorch:
/// `torch.nn.EmbeddingBag(tags, dimension, mode="sum")`.
template <int Dimension>
using SummedWordVectors = Linear<Dimension, Bias<false>>;

}  // namespace mmdl
