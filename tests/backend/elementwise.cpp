// SPDX-License-Identifier: Apache-2.0
// A user's function of one number as a kernel.
#include "mmdl/backend/cpu/elementwise.hpp"

#include "kernel_runner.hpp"

namespace elementwise_test {

namespace {

using namespace kernel_test;

struct SoftplusFloat {
  static float forward(float x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0f); }
  static float backward(float x, float /*y*/, float dy) { return dy / (1.0f + std::exp(-x)); }
};

struct ExponentialAny {
  template <class T>
  static T forward(T x) {
    return std::exp(x);
  }
  template <class T>
  static T backward(T /*x*/, T y, T dy) {
    return dy * y;
  }
};

double softplus(double x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0); }

template <class User, class T, class Value, class Slope>
void check(const Value& value, const Slope& slope, double bound) {
  Runner<mmdl::detail::ElementwiseKernel<User, T>, T> run;
  run.node.input = run.node.output = Extent{9, 7, 300};
  run.node.input_count = 1;
  run.samples = 2;
  run.inputs = {normal_values<T>(2L * 9 * 7 * 300, 1)};
  run.output_gradient = normal_values<T>(2L * 9 * 7 * 300, 2);
  std::vector<double> y, dx;
  for (std::size_t i = 0; i < run.inputs[0].size(); ++i) {
    const double x = static_cast<double>(run.inputs[0][i]);
    y.push_back(value(x));
    dx.push_back(slope(x) * static_cast<double>(run.output_gradient[i]));
  }
  run.forward(), run.backward();
  CHECK(worst_difference(run.output, y) < bound);
  CHECK(worst_difference(run.input_gradients[0], dx) < bound);
  run.accumulate = true;
  run.backward();
  for (double& d : dx) d += 0.5;
  CHECK(worst_difference(run.input_gradients[0], dx) < bound);
}

}  // namespace

TEST_CASE("elementwise: float functions serve double, generic ones keep its digits") {
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto exponential = [](double x) { return std::exp(x); };
  check<SoftplusFloat, float>(softplus, logistic, 1e-5);
  check<SoftplusFloat, double>(softplus, logistic, 1e-5);
  check<ExponentialAny, float>(exponential, exponential, 1e-5);
  check<ExponentialAny, double>(exponential, exponential, 1e-13);
}

}  // namespace elementwise_test
