// SPDX-License-Identifier: Apache-2.0
// Dropout: the share of zeros, the scale, and one mask for forward and backward.
#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace dropout_test {

namespace {

using namespace kernel_test;

template <class T>
using Run = Runner<OperatorKernels<mmdl::operators::Dropout, T>, T>;

template <class T>
Run<T> example(int rate_percent, int samples, int width) {
  Run<T> run;
  run.node.rate_percent = rate_percent;
  run.node.source = 7;
  run.node.input = run.node.output = Extent{1, 1, width};
  run.node.input_count = 1;
  run.samples = samples;
  run.random.seed = 3;
  run.random.step = 11;
  run.inputs = {normal_values<T>(1L * samples * width, 1, 5.0, 0.1)};  // no zero among them
  run.output_gradient = normal_values<T>(1L * samples * width, 2, 5.0, 0.1);
  return run;
}

}  // namespace

TEST_CASE_TEMPLATE("dropout: zeros at the given rate, the rest scaled, one mask both ways", T, float,
                   double) {
  for (const int rate : {0, 20, 50, 93, 100}) {
    auto run = example<T>(rate, 13, 4099);
    run.forward(), run.backward();
    double zeros = 0;
    bool right = true;
    for (std::size_t i = 0; i < run.output.size(); ++i) {
      const bool dropped = run.output[i] == T{0};
      zeros += dropped;
      const double scale = dropped ? 0.0 : 100.0 / (100 - rate);
      right = right && std::fabs(static_cast<double>(run.output[i]) -
                                 static_cast<double>(run.inputs[0][i]) * scale) < 1e-4;
      right = right && std::fabs(static_cast<double>(run.input_gradients[0][i]) -
                                 static_cast<double>(run.output_gradient[i]) * scale) < 1e-4;
    }
    CHECK(right);
    const double count = static_cast<double>(run.output.size()), p = rate / 100.0;
    CHECK(std::fabs(zeros - count * p) <= 4 * std::sqrt(count * p * (1 - p)));  // four standard deviations
  }
}

TEST_CASE("dropout: threads and place do not change the mask; step, node and seed do") {
  auto run = example<float>(50, 40, 1023);
  auto one = run;
  run.forward(), run.backward();
  {
    const Threads threads(1);
    one.output_over_input = one.gradient_over_gradient = true;
    one.forward(), one.backward();
  }
  check_equal(run, one);
  const auto different = [&](const Run<float>& other) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < run.output.size(); ++i)
      count += (run.output[i] == 0.0f) != (other.output[i] == 0.0f);
    return std::fabs(static_cast<double>(count) / static_cast<double>(run.output.size()) - 0.5) < 0.02;
  };
  auto other = run;
  other.random.step = 12, other.forward();
  CHECK(different(other));
  other = run, other.random.seed = 4, other.forward();
  CHECK(different(other));
  other = run, other.node.source = 8, other.forward();
  CHECK(different(other));
}

TEST_CASE("dropout: the identity when not training, gradients added where asked") {
  auto run = example<float>(50, 3, 777);
  run.training = false;
  run.forward(), run.backward();
  CHECK(run.output == run.inputs[0]);
  CHECK(run.input_gradients[0] == run.output_gradient);
  for (const bool training : {false, true}) {
    run.training = training;
    run.accumulate = false;
    run.backward();
    auto expected = run.input_gradients[0];
    for (float& g : expected) g += 0.5f;
    run.accumulate = true;
    run.backward();
    CHECK(worst_difference(run.input_gradients[0], expected) < 1e-6);
  }
}

}  // namespace dropout_test
