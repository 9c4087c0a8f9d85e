// SPDX-License-Identifier: Apache-2.0
// Concatenation along the channels: every number has one place.
#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace concat_test {

namespace {

using namespace kernel_test;

template <class T>
using Run = Runner<OperatorKernels<mmdl::operators::Concat, T>, T>;

}  // namespace

TEST_CASE_TEMPLATE("concat: forward and backward", T, float, double) {
  const std::vector<std::vector<int>> examples = {{5}, {3, 4}, {64, 1, 17}, {1, 2, 3, 4, 5, 6, 7, 8}};
  for (const auto& channels : examples)
    for (const int samples : {1, 3}) {
      Run<T> run;
      int total = 0;
      for (std::size_t i = 0; i < channels.size(); ++i) {
        run.node.input_channels[i] = channels[i];
        run.inputs.push_back(normal_values<T>(1L * samples * 13 * 15 * channels[i], i));
        total += channels[i];
      }
      run.node.input = Extent{13, 15, channels[0]};
      run.node.output = Extent{13, 15, total};
      run.node.input_count = static_cast<int>(channels.size());
      run.samples = samples;
      run.output_gradient = normal_values<T>(samples * run.node.output.size(), 99);
      run.forward(), run.backward();
      auto added = run;
      added.accumulate = true;
      added.backward();
      int before = 0;
      bool equal = true;
      for (std::size_t k = 0; k < channels.size(); before += channels[k++])
        for (int row = 0; row < samples * 13 * 15; ++row)
          for (int c = 0; c < channels[k]; ++c) {
            const auto from = static_cast<std::size_t>(row * channels[k] + c);
            const auto to = static_cast<std::size_t>(row * total + before + c);
            equal = equal && run.output[to] == run.inputs[k][from];
            equal = equal && run.input_gradients[k][from] == run.output_gradient[to];
            equal = equal && added.input_gradients[k][from] == T{0.5} + run.output_gradient[to];
          }
      CHECK(before == total);
      CHECK(equal);
    }
}

}  // namespace concat_test
