// SPDX-License-Identifier: Apache-2.0
// One network on the CPU and on the device in hand: predictions, losses of training steps, the weights after
// them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "devices.hpp"

namespace mmdl_test {

using mmdl::Shape;
using mmdl::Tensor;

/// The largest difference, relative to the largest number; NaN counts as far off.
template <class A, class B>
double largest_difference(const A& a, const B& b, std::size_t count) {
  double largest = 0.0, size = 1e-30;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x)) return 1e30;
    largest = std::max(largest, std::fabs(x - y));
    size = std::max(size, std::fabs(y));
  }
  return largest / size;
}

template <class S>
Tensor<S, float> drawn(int samples, std::uint64_t seed) {
  Tensor<S, float> tensor(samples);
  fill_normal(tensor, seed);
  return tensor;
}

/// Targets of ones and zeros.
template <class S>
Tensor<S, float> drawn_labels(int samples, std::uint64_t seed) {
  Tensor<S, float> tensor = drawn<S>(samples, seed);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = tensor.data()[i] > 0.3f ? 1.0f : 0.0f;
  return tensor;
}

struct Comparison {
  int steps = 3;
  double bound = 1e-4;  ///< relative to the largest number
  float clip = 0.0f;
};

/// Predicts, trains some steps and predicts again; everything must agree.
template <class Net, class In, class Loss, class Optimizer, class Target, class... Ins>
void compare_tensors(Loss loss, Optimizer optimizer, const Comparison& c, const Target& y, const Ins&... x) {
  mmdl::Model<Net, In> cpu(3);
  mmdl::Model<Net, In, mmdl::Gpu> gpu(3);
  const std::size_t parameters = cpu.parameters().size();
  const auto states = static_cast<std::size_t>(cpu.engine().graph().states);
  CHECK(largest_difference(gpu.parameters(), cpu.parameters(), parameters) == 0.0);
  const auto predictions_agree = [&] {
    const auto expected = cpu.predict(x...), found = gpu.predict(x...);
    CHECK(largest_difference(found.data(), expected.data(), expected.size()) < c.bound);
  };
  predictions_agree();
  mmdl::Trainer on_cpu{cpu, loss, optimizer};
  mmdl::Trainer on_gpu{gpu, loss, optimizer};
  on_cpu.with_clipping(c.clip).with_gradients_kept();
  on_gpu.with_clipping(c.clip);
  CHECK(on_gpu.evaluate(x..., y) == doctest::Approx(on_cpu.evaluate(x..., y)).epsilon(c.bound));
  for (int step = 0; step < c.steps; ++step) {
    const float expected = on_cpu.step(x..., y), found = on_gpu.step(x..., y);
    CHECK(found == doctest::Approx(expected).epsilon(c.bound));
    CHECK(on_gpu.losses()[0] == doctest::Approx(on_cpu.losses()[0]).epsilon(c.bound));
    CHECK(on_gpu.gradient_norm() == doctest::Approx(on_cpu.gradient_norm()).epsilon(c.bound));
    if (c.clip == 0.0f) CHECK(largest_difference(gpu.gradients(), cpu.gradients(), parameters) < c.bound);
    CHECK(largest_difference(gpu.parameters(), cpu.parameters(), parameters) < c.bound);
    CHECK(largest_difference(gpu.engine().states(), cpu.engine().states(), states) < c.bound);
  }
  predictions_agree();
}

/// The same for one input of a shape and targets of ones and zeros, both drawn.
template <class Net, class In, class Target, class Loss, class Optimizer>
void compare(Loss loss, Optimizer optimizer, int samples = 3, const Comparison& c = {}) {
  compare_tensors<Net, In>(loss, optimizer, c, drawn_labels<Target>(samples, 2), drawn<In>(samples, 1));
}

}  // namespace mmdl_test
