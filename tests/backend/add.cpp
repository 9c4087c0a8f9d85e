// SPDX-License-Identifier: Apache-2.0
// The sum of values against plain loops.
#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace add_test {

namespace {

using namespace kernel_test;
using mmdl::Activation;

template <class T>
using Run = Runner<OperatorKernels<mmdl::operators::Add, T>, T>;

template <class T>
Run<T> example(int count, Activation activation, int samples, Extent extent) {
  Run<T> run;
  run.node.activation = activation;
  run.node.input = run.node.output = extent;
  run.node.input_count = count;
  run.samples = samples;
  for (int i = 0; i < count; ++i)
    run.inputs.push_back(normal_values<T>(samples * extent.size(), static_cast<std::uint64_t>(i), 0.5, 2.0));
  run.output_gradient = normal_values<T>(samples * extent.size(), 99);
  return run;
}

}  // namespace

TEST_CASE_TEMPLATE("add: forward and backward", T, float, double) {
  for (int count = 1; count <= mmdl::detail::max_inputs; ++count)
    for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6}) {
      auto run = example<T>(count, activation, 3, Extent{9, 11, 67});
      std::vector<double> y(run.inputs[0].size()), dx(y.size());
      for (std::size_t i = 0; i < y.size(); ++i) {
        double sum = 0;
        for (const auto& input : run.inputs) sum += static_cast<double>(input[i]);
        const bool passes =
            activation == Activation::none || (sum > 0 && (sum < 6 || activation == Activation::relu));
        y[i] = passes ? sum : (sum > 0 ? 6 : 0);
        dx[i] = passes ? static_cast<double>(run.output_gradient[i]) : 0;
      }
      run.forward();
      CHECK(worst_difference(run.output, y) < tolerance<T>());
      run.backward();
      for (const auto& gradient : run.input_gradients) CHECK(worst_difference(gradient, dx) < tolerance<T>());

      auto over = run;
      const Threads threads(1);
      over.output_over_input = over.gradient_over_gradient = true;
      over.forward(), over.backward();
      check_equal(run, over);
      over.gradient_over_gradient = false, over.residual_shares = true;
      over.backward();
      check_equal(run, over);

      over.residual_shares = false, over.accumulate = true;
      over.backward();
      for (double& d : dx) d += 0.5;
      for (const auto& gradient : over.input_gradients)
        CHECK(worst_difference(gradient, dx) < tolerance<T>());
    }
}

TEST_CASE("add: one value twice, its gradient in the output gradient's array") {
  using Kernel = OperatorKernels<mmdl::operators::Add, double>;
  Node node;
  node.input = node.output = Extent{1, 1, 5};
  node.input_count = 2;
  std::vector<double> dy = {1, 2, 3, 4, 5};
  mmdl::detail::BackwardArguments<double> a;
  a.node = &node, a.samples = 1, a.output_gradient = dy.data();
  a.input_gradients[0] = a.input_gradients[1] = dy.data();
  a.accumulate[1] = true;
  Kernel::backward(a);
  CHECK(dy == std::vector<double>{2, 4, 6, 8, 10});
}

}  // namespace add_test
