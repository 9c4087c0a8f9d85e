// SPDX-License-Identifier: Apache-2.0
// Networks on the device against the CPU: predictions, losses of training steps, the weights after them.
#include <doctest/doctest.h>

#include <cmath>
#include <mmdl/mmdl.hpp>
#include <mmdl/training/gpu.hpp>

#include "emulated_device.hpp"

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

using Small = Sequential<Conv<8, Kernel<3>>, BatchNorm, Relu, MaxPool<3, Stride<2>>, Flatten, Linear<5>>;

}  // namespace

TEST_CASE("a small network predicts as on the CPU") {
  const OnDevice on(std::make_shared<EmulatedDevice>());
  Model<Small, Shape<9, 7, 3>> cpu(3);
  Model<Small, Shape<9, 7, 3>, Gpu> gpu(3);
  const auto x = drawn<Shape<9, 7, 3>>(2, 1);
  const auto expected = cpu.predict(x), found = gpu.predict(x);
  CHECK(largest_difference(found.data(), expected.data(), expected.size()) < 1e-5);
}
