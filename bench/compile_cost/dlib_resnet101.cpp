// SPDX-License-Identifier: Apache-2.0
// The other side of the compile-cost comparison: ResNet-101 and its trainer in dlib.
#include <dlib/dnn.h>

#include <vector>

// clang-format off
namespace {

using namespace dlib;

template <long Filters, int Kernel, int Stride, class Subnet>
using conv = add_layer<con_<Filters, Kernel, Kernel, Stride, Stride, (Kernel - 1) / 2, (Kernel - 1) / 2>, Subnet>;

template <long Filters, int Stride, class Subnet>
using bottleneck = bn_con<conv<4 * Filters, 1, 1,
    relu<bn_con<conv<Filters, 3, Stride,
    relu<bn_con<conv<Filters, 1, 1, Subnet>>>>>>>>;

template <long Filters, class Subnet>
using residual = relu<add_prev1<bottleneck<Filters, 1, tag1<Subnet>>>>;

template <long Filters, int Stride, class Subnet>
using projected = relu<add_prev2<bn_con<conv<4 * Filters, 1, Stride,
    skip1<tag2<bottleneck<Filters, Stride, tag1<Subnet>>>>>>>>;

template <class Subnet> using residual_64 = residual<64, Subnet>;
template <class Subnet> using residual_128 = residual<128, Subnet>;
template <class Subnet> using residual_256 = residual<256, Subnet>;
template <class Subnet> using residual_512 = residual<512, Subnet>;

using resnet101 = loss_multiclass_log<fc<1000, avg_pool_everything<
    repeat<2, residual_512, projected<512, 2,
    repeat<22, residual_256, projected<256, 2,
    repeat<3, residual_128, projected<128, 2,
    repeat<2, residual_64, projected<64, 1,
    max_pool<3, 3, 2, 2, relu<bn_con<conv<64, 7, 2,
    input_rgb_image_sized<224>>>>>>>>>>>>>>>>;

}  // namespace
// clang-format on

int main() {
  resnet101 net;
  dnn_trainer<resnet101> trainer(net, sgd(0.0001f, 0.9f));
  std::vector<matrix<rgb_pixel>> images(2, matrix<rgb_pixel>(224, 224));  // batch norm wants two
  const std::vector<unsigned long> labels(2, 0);
  for (auto& image : images) assign_all_pixels(image, rgb_pixel(10, 100, 200));
  trainer.train_one_step(images, labels);
  trainer.get_net();
}
