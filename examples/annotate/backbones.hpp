// SPDX-License-Identifier: Apache-2.0
// The backbones that the program is built with, and the size of the textual network beside each.
#pragma once

#include <mmdl/models/mlp.hpp>
#include <mmdl/models/resnet.hpp>

namespace annotate::backbones {

/// Five scales of basic residual blocks, small enough to be trained from nothing on two cores: for 64 px they
/// are 64x64x32, 32x32x32, 16x16x64, 8x8x128 and 4x4x256; for 128 px the same after a first stride of 2.
/// Dropout keeps the textual network from learning the noisy tags of each image by heart.
template <int Size>
struct small {
 private:
  template <int Width, class Shortcut = mmdl::resnet::ConvNorm<Width, 1, 2>>
  using Scale = mmdl::resnet::BasicBlock<Width, 2, Shortcut>;

 public:
  using backbone =
      mmdl::Backbone<mmdl::Sequential<mmdl::resnet::ConvNorm<32, 3, (Size >= 128 ? 2 : 1)>, mmdl::Relu>,
                     Scale<32>, Scale<64>, Scale<128>, Scale<256>>;
  using text = mmdl::MlpWithDropout<50, 512, 256>;
};

template <int Size>
struct resnet18 {
  using backbone = mmdl::ResNet18;
  using text = mmdl::Mlp<512, 512>;
};

/// The network of the paper.
template <int Size>
struct resnet101 {
  using backbone = mmdl::ResNet101;
  using text = mmdl::Mlp<2048, 2048>;
};

}  // namespace annotate::backbones
