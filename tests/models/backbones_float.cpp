// SPDX-License-Identifier: Apache-2.0
// VGG-16, GoogLeNet and MobileNet in float against torchvision and PyTorch.
#include "backbone_comparison.hpp"

namespace backbones_float_test {

using namespace comparison;

TEST_CASE("VGG-16 in float") { compare_backbone<float, Vgg16, 64>("vgg16"); }
TEST_CASE("GoogLeNet in float") { compare_backbone<float, GoogLeNet, 64>("googlenet_64"); }
TEST_CASE("MobileNet in float") { compare_backbone<float, MobileNet<75>, 64>("mobilenet_75_64"); }

}  // namespace backbones_float_test
