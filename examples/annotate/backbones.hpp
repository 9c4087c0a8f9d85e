// SPDX-License-Identifier: Apache-2.0
// The backbones that the program is built with, the size of the textual network beside each, and what they
// expect of an image: what pretrained weights that --pretrained takes were trained on.
#pragma once

#include <mmdl/data/transform.hpp>
#include <mmdl/models/googlenet.hpp>
#include <mmdl/models/mlp.hpp>
#include <mmdl/models/mobilenet.hpp>
#include <mmdl/models/resnet.hpp>
#include <mmdl/models/vgg.hpp>

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
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::imagenet();
};

template <int Size>
struct resnet18 {
  using backbone = mmdl::ResNet18;
  using text = mmdl::Mlp<512, 512>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::imagenet();
};

/// The network of the paper.
template <int Size>
struct resnet101 {
  using backbone = mmdl::ResNet101;
  using text = mmdl::Mlp<2048, 2048>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::imagenet();
};

/// MobileNet v1; pretrained weights are Keras'.
template <int Size>
struct mobilenet {
  using backbone = mmdl::MobileNet<100>;
  using text = mmdl::Mlp<1024, 1024>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::minus_one_to_one();
};

/// The same at three quarters of its width.
template <int Size>
struct mobilenet75 {
  using backbone = mmdl::MobileNet<75>;
  using text = mmdl::Mlp<512, 512>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::minus_one_to_one();
};

template <int Size>
struct vgg16 {
  using backbone = mmdl::Vgg16;
  using text = mmdl::Mlp<512, 512>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::imagenet();
};

/// GoogLeNet; torchvision's network takes ImageNet's normalisation back to -1 … 1 before its first layer.
template <int Size>
struct googlenet {
  using backbone = mmdl::GoogLeNet;
  using text = mmdl::Mlp<1024, 1024>;
  static constexpr mmdl::Normalisation normalisation = mmdl::Normalisation::minus_one_to_one();
};

}  // namespace annotate::backbones
