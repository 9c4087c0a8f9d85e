// SPDX-License-Identifier: Apache-2.0
// The convolution's kernels against PyTorch (tests/golden/generate_convolution.py).
#include <doctest/doctest.h>

#include <initializer_list>
#include <mmdl/core/tensor.hpp>
#include <mmdl/io/safetensors.hpp>
#include <string>
#include <vector>

#include "convolution_reference.hpp"
#include "operator_kernels.hpp"

namespace golden_convolution_test {

using namespace mmdl;
using namespace mmdl::detail;

namespace {

template <class Operator>
void compare_with_pytorch(std::initializer_list<std::string> names) {
  using Kernel = kernel_test::OperatorKernels<Operator, float>;
  const SafetensorsFile file(MMDL_GOLDEN_DIR "/convolution.safetensors");
  for (const std::string& name : names) {
    CAPTURE(name);
    std::vector<int> value;
    for (const std::int64_t integer : file.integers(name + ".case"))
      value.push_back(static_cast<int>(integer));
    REQUIRE(value.size() == 13);
    Node node;
    node.input_count = 1;
    node.input = {value[1], value[2], value[3]};
    node.output = {value[11], value[12], value[4]};
    node.window = {value[5],  value[6],  value[7],  value[8], value[9],
                   value[10], value[10], value[10], value[10]};
    const int samples = value[0];
    const auto x = file.floats(name + ".x"), weight = file.floats(name + ".weight");
    const auto bias = file.floats(name + ".bias"), y_gradient = file.floats(name + ".y_gradient");
    Buffer<float> workspace(reference::at(Kernel::workspace(node, samples, true)));

    std::vector<float> y(y_gradient.size());
    ForwardArguments<float> f;
    f.node = &node;
    f.samples = samples;
    f.inputs[0] = x.data();
    f.parameters[0] = weight.data();
    f.parameters[1] = bias.data();
    f.output = y.data();
    f.workspace = workspace.data();
    Kernel::forward(f);
    CHECK(reference::relative_error(y, file.doubles(name + ".y")) < 2e-6);

    std::vector<float> x_gradient(x.size()), weight_gradient(weight.size()), bias_gradient(bias.size());
    BackwardArguments<float> b;
    b.node = &node;
    b.samples = samples;
    b.inputs[0] = x.data();
    b.parameters[0] = weight.data();
    b.output_gradient = y_gradient.data();
    b.input_gradients[0] = x_gradient.data();
    b.parameter_gradients[0] = weight_gradient.data();
    b.parameter_gradients[1] = bias_gradient.data();
    b.workspace = workspace.data();
    Kernel::backward(b);
    CHECK(reference::relative_error(x_gradient, file.doubles(name + ".x_gradient")) < 2e-6);
    CHECK(reference::relative_error(weight_gradient, file.doubles(name + ".weight_gradient")) < 2e-6);
    CHECK(reference::relative_error(bias_gradient, file.doubles(name + ".bias_gradient")) < 2e-6);
  }
}

}  // namespace

TEST_CASE("convolution: output and gradients are PyTorch's") {
  compare_with_pytorch<operators::Convolution>(
      {"plain", "stride", "stem", "pointwise_stride", "dilation", "groups"});
  compare_with_pytorch<operators::DepthwiseConvolution>({"depthwise"});
}

}  // namespace golden_convolution_test
