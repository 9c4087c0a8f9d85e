// SPDX-License-Identifier: Apache-2.0
// VGG-16, GoogLeNet and MobileNet in double against torchvision and PyTorch, which proves the networks; their
// sizes.
#include "backbone_comparison.hpp"

namespace backbones_test {

using namespace comparison;

namespace {

using Large = Shape<224, 224, 3>;

// torchvision's counts without the classifiers; Keras' trainable parameters with a layer of 1,000.
static_assert(parameter_count<Vgg16, Large> == 14'714'688 &&
              parameter_count<Vgg16BatchNorm, Large> == 14'723'136);
static_assert(parameter_count<GoogLeNet, Large> == 5'599'904);
template <int Width>
using Thousand = Sequential<MultiScale<MobileNet<Width>, NoFusion>, Linear<1000>>;
static_assert(parameter_count<Thousand<100>, Large> == 4'231'976 &&
              parameter_count<Thousand<75>, Large> == 2'585'560);
static_assert(parameter_count<Thousand<50>, Large> == 1'331'592 &&
              parameter_count<Thousand<25>, Large> == 470'072);

static_assert(std::is_same_v<output_shape<Vgg16, Large>,
                             List<Shape<112, 112, 64>, Shape<56, 56, 128>, Shape<28, 28, 256>,
                                  Shape<14, 14, 512>, Shape<7, 7, 512>>>);
static_assert(std::is_same_v<output_shape<GoogLeNet, Large>,
                             List<Shape<112, 112, 64>, Shape<56, 56, 192>, Shape<28, 28, 480>,
                                  Shape<14, 14, 832>, Shape<7, 7, 1024>>>);
static_assert(std::is_same_v<output_shape<MobileNet<75>, Large>,
                             List<Shape<112, 112, 48>, Shape<56, 56, 96>, Shape<28, 28, 192>,
                                  Shape<14, 14, 384>, Shape<7, 7, 768>>>);
// Keras' int(32 * 0.35) is 11; at least 8.
static_assert(mobilenet::width<32, 35> == 11 && mobilenet::width<32, 10> == 8 &&
              mobilenet::width<1024, 130> == 1331);

// Batch norm and ReLU6 are joined to what is before them: 27 convolutions in inference, and as many batch
// norms beside them in training.
template <detail::Mode mode>
constexpr int mobilenet_steps() {
  int steps = 0;
  for (const detail::Node& node : detail::Program<MobileNet<75>, Large, mode>::graph.nodes)
    steps += node.kind != detail::OperatorKind::input && !node.merged ? 1 : 0;
  return steps;
}
static_assert(mobilenet_steps<detail::Mode::inference>() == 27);
static_assert(mobilenet_steps<detail::Mode::training>() == 54);

// The recipe of docs/backbones.md.
template <int Filters, int Step = 1>
using Separable = Sequential<DepthwiseConv<Stride<Step>, Bias<false>>, BatchNorm, Relu,
                             Conv<Filters, Kernel<1>, Bias<false>>, BatchNorm, Relu>;
using Mine = Backbone<Sequential<Conv<16, Stride<2>, Bias<false>>, BatchNorm, Relu>,
                      Sequential<Separable<32, 2>, Repeat<2, Separable<32>>>, Separable<64, 2>>;
using Image = Shape<32, 32, 3>;
static_assert(
    std::is_same_v<output_shape<Mine, Image>, List<Shape<16, 16, 16>, Shape<8, 8, 32>, Shape<4, 4, 64>>>);
static_assert(parameter_count<Mine, Image> == 6'624);

}  // namespace

TEST_CASE("VGG-16 as torchvision's") {
  compare_backbone<double, Vgg16, 64>("vgg16");
  compare_backbone<double, Vgg16BatchNorm, 64>("vgg16_batch_norm");
}

TEST_CASE("GoogLeNet as torchvision's, also where every pooling has an odd size") {
  compare_backbone<double, GoogLeNet, 64>("googlenet_64");
  compare_backbone<double, GoogLeNet, 45>("googlenet_45");
}

TEST_CASE("MobileNet as in PyTorch with TensorFlow's padding, also of odd sizes, also narrow") {
  compare_backbone<double, MobileNet<75>, 64>("mobilenet_75_64");
  compare_backbone<double, MobileNet<75>, 75>("mobilenet_75_75");
  compare_backbone<double, MobileNet<25>, 64>("mobilenet_25_64");
}

}  // namespace backbones_test
