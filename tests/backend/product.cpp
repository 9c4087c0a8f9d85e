// SPDX-License-Identifier: Apache-2.0
// The product of values against plain loops.
#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace product_test {

namespace {

using namespace kernel_test;

template <class T>
using Run = Runner<OperatorKernels<mmdl::operators::Product, T>, T>;

}  // namespace

TEST_CASE_TEMPLATE("product: forward and backward", T, float, double) {
  for (int count = 1; count <= 5; ++count) {
    Run<T> run;
    run.node.input = run.node.output = Extent{7, 5, 33};
    run.node.input_count = count;
    run.samples = 3;
    for (int i = 0; i < count; ++i)
      run.inputs.push_back(normal_values<T>(3L * 7 * 5 * 33, static_cast<std::uint64_t>(i)));
    run.inputs[0][3] = T{0};  // the gradient is no quotient of the output
    run.output_gradient = normal_values<T>(3L * 7 * 5 * 33, 99);
    const auto expected = [&](std::size_t without, double start) {
      std::vector<double> product(run.inputs[0].size());
      for (std::size_t i = 0; i < product.size(); ++i) {
        product[i] = without < run.inputs.size() ? static_cast<double>(run.output_gradient[i]) : 1;
        for (std::size_t k = 0; k < run.inputs.size(); ++k)
          if (k != without) product[i] *= static_cast<double>(run.inputs[k][i]);
        product[i] += start;
      }
      return product;
    };
    run.forward();
    CHECK(worst_difference(run.output, expected(99, 0)) < tolerance<T>());
    run.backward();
    for (std::size_t k = 0; k < run.inputs.size(); ++k)
      CHECK(worst_difference(run.input_gradients[k], expected(k, 0)) < tolerance<T>());
    auto shared = run;
    shared.gradient_over_gradient = true;
    const Threads threads(1);
    shared.backward();
    check_equal(run, shared);
    run.accumulate = true;
    run.backward();
    for (std::size_t k = 0; k < run.inputs.size(); ++k)
      CHECK(worst_difference(run.input_gradients[k], expected(k, 0.5)) < tolerance<T>());
  }
}

}  // namespace product_test
