// SPDX-License-Identifier: Apache-2.0
// Runs one CPU kernel on its own arrays, with guards around them, for comparison with plain loops.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "mmdl/backend/cpu/kernel.hpp"
#include "mmdl/core/random.hpp"
#include "mmdl/core/tensor.hpp"
#include "mmdl/core/threads.hpp"

namespace kernel_test {

using mmdl::detail::Extent;
using mmdl::detail::Node;

template <class T>
std::vector<T> normal_values(long count, std::uint64_t seed, double mean = 0.0, double deviation = 1.0) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>(mean + deviation * static_cast<double>(mmdl::random_normal(seed, 0, i)));
  return values;
}

/// The largest |a - b| over 1 + |b|; infinity where the sizes differ or a number is not finite.
template <class A, class B>
double worst_difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    worst = std::fmax(worst, std::fabs(x - y) / (1.0 + std::fabs(y)));
  }
  return worst;
}

template <class T>
constexpr double tolerance() {
  return sizeof(T) == sizeof(float) ? 2e-5 : 1e-12;
}

/// One thread count for a scope.
struct Threads {
  explicit Threads(int count) { mmdl::set_thread_count(count); }
  ~Threads() { mmdl::set_thread_count(before); }
  int before = mmdl::thread_count();
};

/// The arrays of one node. `Kernel` has static forward, backward and workspace.
template <class Kernel, class T>
struct Runner {
  Node node;
  int samples = 1;
  bool training = true;
  std::vector<std::vector<T>> inputs, parameters, states;
  std::vector<T> output, saved, output_gradient;
  std::vector<std::vector<T>> input_gradients, parameter_gradients;
  bool accumulate = false, accumulate_parameters = false, output_over_input = false;
  bool gradient_over_gradient = false;  ///< the first input's gradient takes the output gradient's array
  bool residual_shares = false;         ///< the last input's gradient takes it
  bool again = false;                   ///< the forward finds `saved` as an earlier one has left it
  mmdl::detail::RandomKey random;

  void forward() {
    mmdl::detail::ForwardArguments<T> a;
    a.node = &node;
    a.samples = samples;
    a.training = training;
    for (std::size_t i = 0; i < inputs.size(); ++i) a.inputs[i] = inputs[i].data();
    for (std::size_t i = 0; i < parameters.size(); ++i) a.parameters[i] = parameters[i].data();
    for (std::size_t i = 0; i < states.size(); ++i) a.states[i] = states[i].data();
    output.assign(static_cast<std::size_t>(samples * node.output.size()) + guards, guard);
    if (output_over_input) {
      std::copy(inputs[0].begin(), inputs[0].end(), output.begin());
      a.inputs[0] = output.data();
    }
    a.output = output.data();
    if (!again) saved.assign(static_cast<std::size_t>(node.saved) + guards, guard);
    a.again = again;
    a.saved = saved.data();
    a.random = random;
    mmdl::detail::Buffer<T> workspace = take_workspace();
    a.workspace = workspace.data();
    Kernel::forward(a);
    check_guards(output, samples * node.output.size());
    check_guards(saved, node.saved);
    check_workspace(workspace);
    output.resize(output.size() - guards);
  }

  /// Needs `output_gradient`; fills the gradients. With `accumulate` they start from 0.5.
  void backward() {
    mmdl::detail::BackwardArguments<T> a;
    a.node = &node;
    a.samples = samples;
    a.training = training;
    const std::vector<T> before = output_gradient;
    input_gradients.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      a.inputs[i] = inputs[i].data();
      input_gradients[i].assign(inputs[i].size() + guards, guard);
      if (accumulate) std::fill_n(input_gradients[i].begin(), inputs[i].size(), T{0.5});
      a.input_gradients[i] = input_gradients[i].data();
      a.accumulate[i] = accumulate;
    }
    parameter_gradients.resize(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      a.parameters[i] = parameters[i].data();
      parameter_gradients[i].assign(parameters[i].size(), accumulate_parameters ? T{0.5} : guard);
      a.parameter_gradients[i] = parameter_gradients[i].data();
    }
    a.accumulate_parameters = accumulate_parameters;
    for (std::size_t i = 0; i < states.size(); ++i) a.states[i] = states[i].data();
    a.output = output.data();
    a.output_gradient = output_gradient.data();
    const std::size_t shared = gradient_over_gradient ? 0 : inputs.size() - 1;
    if (gradient_over_gradient || residual_shares) {
      a.input_gradients[shared] = output_gradient.data();
      a.accumulate[shared] = false;
    }
    a.saved = saved.data();
    a.random = random;
    mmdl::detail::Buffer<T> workspace = take_workspace();
    a.workspace = workspace.data();
    Kernel::backward(a);
    check_workspace(workspace);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      check_guards(input_gradients[i], static_cast<long>(inputs[i].size()));
      input_gradients[i].resize(inputs[i].size());
    }
    if (gradient_over_gradient || residual_shares)
      input_gradients[shared] = output_gradient;
    else
      CHECK(output_gradient == before);
    output_gradient = before;
  }

 private:
  static constexpr std::size_t guards = 8;
  static constexpr T guard = T{12345};

  mmdl::detail::Buffer<T> take_workspace() const {
    const std::size_t asked = workspace_size();
    mmdl::detail::Buffer<T> workspace(asked + guards);
    std::fill_n(workspace.data(), asked + guards, guard);
    return workspace;
  }
  void check_workspace(const mmdl::detail::Buffer<T>& workspace) const {
    for (std::size_t i = 0; i < guards; ++i) CHECK(workspace.data()[workspace_size() + i] == guard);
  }
  std::size_t workspace_size() const {
    return static_cast<std::size_t>(Kernel::workspace(node, samples, training));
  }
  static void check_guards(const std::vector<T>& values, long used) {
    for (std::size_t i = static_cast<std::size_t>(used); i < values.size(); ++i) CHECK(values[i] == guard);
  }
};

/// Two runs agree bit by bit on everything they wrote.
template <class R>
void check_equal(const R& a, const R& b) {
  CHECK(a.output == b.output);
  CHECK(a.saved == b.saved);
  CHECK(a.states == b.states);
  CHECK(a.input_gradients == b.input_gradients);
  CHECK(a.parameter_gradients == b.parameter_gradients);
}

}  // namespace kernel_test
