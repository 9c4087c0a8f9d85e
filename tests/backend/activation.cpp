// SPDX-License-Identifier: Apache-2.0
// Activations against the functions of the standard library in double.
#include <limits>

#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace activation_test {

namespace {

using namespace kernel_test;
using mmdl::Activation;

template <class T>
using Run = Runner<OperatorKernels<mmdl::operators::Activation, T>, T>;

double value(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::fmax(x, 0);
    case Activation::relu6:
      return std::fmin(std::fmax(x, 0), 6);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return NAN;
}

double slope(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return 1;
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::relu6:
      return x > 0 && x < 6 ? 1 : 0;
    case Activation::sigmoid:
      return value(activation, x) * value(activation, -x);
    case Activation::tanh:
      return 1 - std::pow(std::tanh(x), 2);
  }
  return NAN;
}

constexpr Activation all[] = {Activation::none, Activation::relu, Activation::relu6, Activation::sigmoid,
                              Activation::tanh};

template <class T>
Run<T> example(Activation activation, int samples, Extent extent) {
  Run<T> run;
  run.node.activation = activation;
  run.node.input = run.node.output = extent;
  run.node.input_count = 1;
  run.samples = samples;
  run.inputs = {normal_values<T>(samples * extent.size(), 1, 1.0, 4.0)};
  run.output_gradient = normal_values<T>(samples * extent.size(), 2);
  return run;
}

}  // namespace

TEST_CASE_TEMPLATE("activation: forward and backward", T, float, double) {
  for (const Activation activation : all)
    for (const int samples : {1, 7}) {
      CAPTURE(static_cast<int>(activation));
      auto run = example<T>(activation, samples, Extent{17, 19, 11});
      std::vector<double> y, dx;
      for (std::size_t i = 0; i < run.inputs[0].size(); ++i) {
        const double x = static_cast<double>(run.inputs[0][i]);
        y.push_back(value(activation, x));
        dx.push_back(slope(activation, x) * static_cast<double>(run.output_gradient[i]));
      }
      run.forward();
      CHECK(worst_difference(run.output, y) < tolerance<T>());
      run.backward();
      CHECK(worst_difference(run.input_gradients[0], dx) < tolerance<T>());

      auto over = run;
      const Threads threads(1);
      over.output_over_input = over.gradient_over_gradient = true;
      over.forward(), over.backward();
      check_equal(run, over);

      auto added = run;
      added.accumulate = true;
      added.backward();
      for (double& d : dx) d += 0.5;
      CHECK(worst_difference(added.input_gradients[0], dx) < tolerance<T>());
    }
}

TEST_CASE("activation: a map larger than the caches has the bits of one written over its input") {
  auto run = example<float>(Activation::relu, 3, Extent{131, 129, 67});
  run.inputs[0][5] = std::numeric_limits<float>::infinity();
  auto over = run;
  over.output_over_input = true;
  run.forward(), over.forward();
  CHECK(run.output == over.output);
}

TEST_CASE_TEMPLATE("activation: extreme numbers", T, float, double) {
  const T infinity = std::numeric_limits<T>::infinity();
  for (const Activation activation : {Activation::sigmoid, Activation::tanh}) {
    auto run = example<T>(activation, 1, Extent{1, 1, 6});
    run.inputs[0] = {T(-1e4), T(1e4), -infinity, infinity, T(-80), T(80)};
    run.forward(), run.backward();
    const T low = activation == Activation::tanh ? T{-1} : T{0};
    CHECK(run.output[0] == low);
    CHECK(run.output[1] == T{1});
    CHECK(run.output[2] == low);
    CHECK(run.output[3] == T{1});
    for (const T gradient : run.input_gradients[0]) CHECK(std::isfinite(gradient));
    if (activation == Activation::sigmoid)
      CHECK(run.output[4] == doctest::Approx(std::exp(-80.0)).epsilon(1e-5));
  }
  for (const Activation activation : all) {  // a NaN is not hidden
    auto run = example<T>(activation, 1, Extent{1, 1, 40});
    run.inputs[0].assign(40, std::numeric_limits<T>::quiet_NaN());
    run.forward();
    for (const T y : run.output) CHECK(std::isnan(y));
  }
}

}  // namespace activation_test
