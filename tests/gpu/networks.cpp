// SPDX-License-Identifier: Apache-2.0
// Networks of images on the device against the CPU, with every loss and optimizer.
#include <doctest/doctest.h>

#include "comparison.hpp"

namespace networks_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

constexpr Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 0.01f};

using Small = Sequential<Conv<8, Kernel<3>>, BatchNorm, Relu, MaxPool<3, Stride<2>>, Flatten, Linear<5>>;

using Block = Sequential<Conv<8, Kernel<3>>, BatchNorm, Relu, Conv<8, Kernel<1>, Bias<true>>, BatchNorm>;
using Residuals = Sequential<Conv<8, Kernel<3>, Stride<2>>, Residual<Block>, Relu, Residual<Block>, Relu,
                             GlobalAveragePool, Linear<4>>;

}  // namespace

TEST_CASE("a small network trains as on the CPU") {
  on_devices([] { compare<Small, Shape<9, 7, 3>, Shape<5>>(SigmoidCrossEntropy{}, sgd); });
}

TEST_CASE("residuals, with statistics and running ones") {
  on_devices([] { compare<Residuals, Shape<10, 9, 3>, Shape<4>>(SoftmaxCrossEntropy{}, sgd); });
}

TEST_CASE("maps so large that a thread treats several rows of them") {
  on_devices([] {
    using Body = Sequential<Conv<8, Kernel<1>>, BatchNorm, Relu, Conv<8, Kernel<1>>, BatchNorm>;
    compare<Sequential<Residual<Body>, Relu, GlobalAveragePool, Linear<2>>, Shape<61, 67, 8>, Shape<2>>(
        SigmoidCrossEntropy{}, sgd, 33, {.steps = 1});
  });
}

// A plan for a convolution with all that comes behind it may differ from batch to batch.
TEST_CASE("bottlenecks of a real network's width predict in any batch") {
  on_devices([] {
    using Body = Sequential<Conv<64, Kernel<1>>, BatchNorm, Relu, Conv<64, Kernel<3>>, BatchNorm, Relu,
                            Conv<256, Kernel<1>>, BatchNorm>;
    using Net = Sequential<Conv<256, Kernel<1>>, BatchNorm, Residual<Body>, Relu, Residual<Body>, Relu,
                           GlobalAveragePool, Linear<4>>;
    using Image = Shape<14, 14, 32>;
    Model<Net, Image> cpu(3);
    for (const int samples : {1, 8, 9}) {
      CAPTURE(samples);
      const auto x = drawn<Image>(samples, 1);
      const auto expected = cpu.predict(x);
      const auto agrees = [&]<class Numbers>(Numbers, double bound) {
        const auto found = Model<Net, Image, Numbers>(3).predict(x);
        CHECK(largest_difference(found.data(), expected.data(), expected.size()) < bound);
      };
      agrees(Gpu{}, 1e-4);
      allow_tf32(true);
      agrees(Gpu{}, 1e-2);
      allow_tf32(false);
      agrees(GpuBFloat16{}, 3e-2);
    }
  });
}

TEST_CASE("every optimizer and clipping") {
  on_devices([] {
    using Net = Sequential<Linear<7>, Tanh, Linear<3>>;
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, Sgd{.learning_rate = 0.1f});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{},
                                     Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, Adam{.weight_decay = 0.1f});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, AdamW{.weight_decay = 0.1f});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, RmsProp{});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, RmsProp{.momentum = 0.5f});
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{}, AnyOptimizer(AdamW{}));
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{.weight = 50.0f}, sgd, 4, {.clip = 0.5f});
  });
}

TEST_CASE("every loss") {
  on_devices([] {
    using Net = Sequential<Linear<7>, Sigmoid, Linear<150>>;
    compare<Net, Shape<6>, Shape<150>>(SigmoidCrossEntropy{.weight = 0.5f, .active = 140}, sgd);
    compare<Net, Shape<6>, Shape<150>>(SoftmaxCrossEntropy{.weight = 0.5f}, sgd);
    compare<Net, Shape<6>, Shape<150>>(SpreadSoftmaxCrossEntropy{.active = 140}, sgd);
    compare<Net, Shape<6>, Shape<150>>(Warp{}, sgd);
    compare<Net, Shape<6>, Shape<150>>(Warp{.weight = 0.5f, .active = 130, .seed = 7}, sgd);
    compare<Net, Shape<6>, Shape<150>>(AsymmetricLoss{}, sgd);
    compare<Net, Shape<6>, Shape<150>>(AsymmetricLoss{.positive_focus = 1.0f, .margin = 0.0f}, sgd);
  });
}

TEST_CASE("joins, pools and the rest") {
  on_devices([] {
    using Left = Sequential<Conv<6, Kernel<3>, Dilation<2>, Groups<3>, Bias<true>>, Relu6>;
    using Right = Sequential<AveragePool<3, Stride<1>, Padding<1>>, Conv<6, Kernel<1>>, BatchNorm>;
    compare<Sequential<Concat<Left, Right>, MaxPool<2>, Heads<Conv<4, Kernel<1>>, Conv<4, Kernel<3>>>,
                       Multiply, Heads<Identity, Conv<4, Kernel<1>>>, Maximum,
                       Heads<Identity, Conv<4, Kernel<3>>>, Add, Flatten, Linear<3>>,
            Shape<8, 6, 3>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
  });
}

TEST_CASE("dropout drops what the CPU drops") {
  on_devices([] {
    compare<Sequential<Linear<70>, Relu, Dropout<50>, Linear<3>>, Shape<6>, Shape<3>>(MeanSquaredError{},
                                                                                      sgd);
  });
}

TEST_CASE("frozen parts run with running statistics folded into weights") {
  on_devices([] {
    using Net = Sequential<Frozen<Sequential<Conv<8, Kernel<3>>, BatchNorm, Relu>>, Conv<4, Kernel<3>>,
                           BatchNorm, Relu, GlobalAveragePool, Linear<3>>;
    compare<Net, Shape<6, 5, 3>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
    using Behind = Sequential<Conv<4, Kernel<3>>, Frozen<Sequential<BatchNorm, Relu, Conv<4, Kernel<3>>>>,
                              Flatten, Linear<3>>;
    compare<Behind, Shape<6, 5, 3>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
  });
}

TEST_CASE("of equal numbers the first of a window takes the gradient of its maximum") {
  on_devices([] {
    using Pools = Sequential<MaxPool<3, Stride<2>, Padding<1>>, MaxPool<2, Stride<1>>>;
    using Net = Sequential<Conv<4, Kernel<1>>, Relu, Pools, Flatten, Linear<3>>;
    using OddNet = Sequential<Conv<5, Kernel<1>>, Relu, Pools, Flatten, Linear<3>>;
    Tensor<Shape<9, 8, 2>, float> x = drawn<Shape<9, 8, 2>>(2, 1);
    for (std::size_t i = 0; i < x.size(); ++i)
      x.data()[i] = std::round(2.0f * x.data()[i]);  // many are equal
    compare_tensors<Net, Shape<9, 8, 2>>(SigmoidCrossEntropy{}, sgd, {}, drawn_labels<Shape<3>>(2, 2), x);
    compare_tensors<OddNet, Shape<9, 8, 2>>(SigmoidCrossEntropy{}, sgd, {}, drawn_labels<Shape<3>>(2, 2), x);
  });
}

}  // namespace networks_test
