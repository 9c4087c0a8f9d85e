// SPDX-License-Identifier: Apache-2.0
// Values kept as bfloat16, and float32 multiplied as TF32, on the device: near the CPU's float32.
#include <doctest/doctest.h>

#include "comparison.hpp"
#include "joins_and_sequences.hpp"

namespace narrow_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

/// Predictions and the losses of some steps within `bound`, relative to the largest number.
template <class Net, class In, class Target, class Backend, class Loss>
void near(Loss loss, double bound) {
  Model<Net, In> wide(3);
  Model<Net, In, Backend> narrow(3);
  const auto x = drawn<In>(4, 1);
  const auto y = drawn_labels<Target>(4, 2);
  const auto expected = wide.predict(x), found = narrow.predict(x);
  CHECK(largest_difference(found.data(), expected.data(), expected.size()) < bound);
  Trainer on_cpu{wide, loss, Sgd{.learning_rate = 0.02f, .momentum = 0.9f}};
  Trainer on_gpu{narrow, loss, Sgd{.learning_rate = 0.02f, .momentum = 0.9f}};
  for (int i = 0; i < 3; ++i) {
    const float of_cpu = on_cpu.step(x, y);
    CHECK(static_cast<float>(on_gpu.step(x, y)) == doctest::Approx(of_cpu).epsilon(bound));
  }
}

using Body =
    Sequential<Conv<8, Kernel<3>, Bias<false>>, BatchNorm, Relu, Conv<8, Kernel<3>, Bias<false>>, BatchNorm>;
using Residuals =
    Sequential<Conv<8, Kernel<3>, Stride<2>>, Relu6, Residual<Body>, Relu, MaxPool<2>, Flatten, Linear<4>>;

}  // namespace

TEST_CASE("values kept as bfloat16 are near those of float, in every operator") {
  on_devices([] {
    near<Residuals, Shape<12, 9, 3>, Shape<4>, GpuBFloat16>(SigmoidCrossEntropy{}, 2e-2);
    near<Joins, Shape<8, 6, 3>, Shape<3>, GpuBFloat16>(SoftmaxCrossEntropy{}, 2e-2);
    near<Sequences, Shape<5>, Shape<4>, GpuBFloat16>(MeanSquaredError{}, 2e-2);
  });
}

TEST_CASE("float32 multiplied as TF32 is near float32") {
  on_devices([] {
    allow_tf32(true);
    near<Residuals, Shape<12, 9, 3>, Shape<4>, Gpu>(SigmoidCrossEntropy{}, 5e-3);
    allow_tf32(false);
  });
}

TEST_CASE("memory that a device has not is said, and nothing is taken") {
  on_devices([] {
    DeviceBuffer buffer;
    CHECK_THROWS_WITH_AS((void)buffer.reserve(gpu_device(), std::size_t{1} << 50, "a test"),
                         doctest::Contains("memory for a test: found"), Error);
    CHECK(buffer.capacity() == 0);
    CHECK(buffer.reserve(gpu_device(), 1000, "a test"));
  });
}

}  // namespace narrow_test
