// SPDX-License-Identifier: Apache-2.0
// Networks on the device against the CPU: predictions, losses of training steps, the weights after them.
#include <doctest/doctest.h>

#include <cmath>

#include "devices.hpp"

using namespace mmdl;
using namespace mmdl_test;

namespace {

template <class A, class B>
double largest_difference(const A& a, const B& b, std::size_t count) {
  double largest = 0.0, size = 1e-30;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    size = std::max(size, std::fabs(static_cast<double>(b[i])));
    if (std::isnan(static_cast<double>(a[i]))) return 1e30;
  }
  return largest / size;
}

template <class S>
Tensor<S, float> drawn(int samples, std::uint64_t seed) {
  Tensor<S, float> tensor(samples);
  fill_normal(tensor, seed);
  return tensor;
}

/// Predicts, trains some steps and predicts again, on both; everything must agree.
template <class Net, class In, class Target, class Loss, class Optimizer>
void compare(Loss loss, Optimizer optimizer, int samples = 3, int steps = 3, double bound = 2e-4,
             float clip = 0.0f) {
  Model<Net, In> cpu(3);
  Model<Net, In, Gpu> gpu(3);
  CHECK(largest_difference(gpu.parameters(), cpu.parameters(), cpu.parameters().size()) == 0.0);
  const auto x = drawn<In>(samples, 1);
  auto y = drawn<Target>(samples, 2);
  for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] = y.data()[i] > 0.3f ? 1.0f : 0.0f;
  const auto before = cpu.predict(x);
  CHECK(largest_difference(gpu.predict(x).data(), before.data(), before.size()) < bound);
  Trainer on_cpu{cpu, loss, optimizer};
  Trainer on_gpu{gpu, loss, optimizer};
  on_cpu.with_clipping(clip);
  on_gpu.with_clipping(clip);
  CHECK(on_gpu.evaluate(x, y) == doctest::Approx(on_cpu.evaluate(x, y)).epsilon(bound));
  for (int step = 0; step < steps; ++step) {
    const float expected = on_cpu.step(x, y), found = on_gpu.step(x, y);
    CHECK(found == doctest::Approx(expected).epsilon(bound));
    CHECK(on_gpu.losses()[0] == doctest::Approx(on_cpu.losses()[0]).epsilon(bound));
    CHECK(on_gpu.gradient_norm() == doctest::Approx(on_cpu.gradient_norm()).epsilon(bound));
    if (clip == 0.0f)
      CHECK(largest_difference(gpu.gradients(), cpu.gradients(), cpu.gradients().size()) < bound);
    CHECK(largest_difference(gpu.parameters(), cpu.parameters(), cpu.parameters().size()) < bound);
    const long states = cpu.engine().graph().states;
    CHECK(largest_difference(gpu.engine().states(), cpu.engine().states(), static_cast<std::size_t>(states)) <
          bound);
  }
  const auto after = cpu.predict(x);
  CHECK(largest_difference(gpu.predict(x).data(), after.data(), after.size()) < bound);
}

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
    compare<Net, Shape<6>, Shape<3>>(MeanSquaredError{.weight = 50.0f}, sgd, 4, 3, 2e-4, 0.5f);
  });
}

TEST_CASE("every loss") {
  on_devices([] {
    using Net = Sequential<Linear<7>, Sigmoid, Linear<150>>;
    compare<Net, Shape<6>, Shape<150>>(SigmoidCrossEntropy{.weight = 0.5f, .active = 140}, sgd);
    compare<Net, Shape<6>, Shape<150>>(SoftmaxCrossEntropy{.weight = 0.5f}, sgd);
    compare<Net, Shape<6>, Shape<150>>(SpreadSoftmaxCrossEntropy{.active = 140}, sgd);
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
