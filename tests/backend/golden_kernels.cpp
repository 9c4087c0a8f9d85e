// SPDX-License-Identifier: Apache-2.0
// Batch norm, pooling and activations against PyTorch.
#include <algorithm>
#include <string>

#include "kernel_runner.hpp"
#include "mmdl/io/safetensors.hpp"
#include "operator_kernels.hpp"

namespace golden_kernels_test {

namespace {

using namespace kernel_test;
using mmdl::Activation;

const mmdl::SafetensorsFile& file() {
  static const mmdl::SafetensorsFile opened(MMDL_GOLDEN_DIR "/kernels.safetensors");
  return opened;
}

template <class T = double>
std::vector<T> golden(const std::string& name) {
  const std::vector<double> numbers = file().doubles(name);
  return {numbers.begin(), numbers.end()};
}

Extent extent(const std::string& name) {
  const auto& shape = file().at(name).shape;
  return {static_cast<int>(shape[1]), static_cast<int>(shape[2]), static_cast<int>(shape[3])};
}

template <class Op, class T>
auto load(const std::string& name) {
  Runner<OperatorKernels<Op, T>, T> run;
  run.node.input = extent(name + ".x");
  run.node.output = extent(name + ".output");
  run.node.input_count = 1;
  run.samples = static_cast<int>(file().at(name + ".x").shape[0]);
  run.inputs = {golden<T>(name + ".x")};
  run.output_gradient = golden<T>(name + ".output_gradient");
  return run;
}

template <class R>
void check_run(R& run, const std::string& name, double bound) {
  CAPTURE(name);
  run.forward(), run.backward();
  CHECK(worst_difference(run.output, golden(name + ".output")) < bound);
  CHECK(worst_difference(run.input_gradients[0], golden(name + ".x_gradient")) < bound);
}

}  // namespace

TEST_CASE_TEMPLATE("golden: batch norm", T, float, double) {
  for (const bool training : {true, false})
    for (const std::string tail : {"none", "relu", "relu6", "residual_relu"}) {
      const std::string name = std::string("batch_norm_") + (training ? "training_" : "inference_") + tail;
      auto run = load<mmdl::operators::BatchNorm, T>(name);
      const auto channels = static_cast<std::size_t>(run.node.output.channels);
      run.training = training;
      run.node.saved = 2L * run.node.output.channels;
      run.node.activation = tail == "none"    ? Activation::none
                            : tail == "relu6" ? Activation::relu6
                                              : Activation::relu;
      run.node.has_residual = tail == "residual_relu";
      if (run.node.has_residual)
        run.inputs.push_back(golden<T>(name + ".residual")), run.node.input_count = 2;
      run.parameters = {golden<T>(name + ".gamma"), golden<T>(name + ".beta")};
      run.states = {std::vector<T>(channels, T(0.3)), std::vector<T>(channels, T(1.5))};
      check_run(run, name, tolerance<T>());
      CHECK(worst_difference(run.parameter_gradients[0], golden(name + ".gamma_gradient")) < tolerance<T>());
      CHECK(worst_difference(run.parameter_gradients[1], golden(name + ".beta_gradient")) < tolerance<T>());
      CHECK(worst_difference(run.states[0], golden(name + ".running_mean")) < tolerance<T>());
      CHECK(worst_difference(run.states[1], golden(name + ".running_variance")) < tolerance<T>());
      if (run.node.has_residual)
        CHECK(worst_difference(run.input_gradients[1], golden(name + ".residual_gradient")) < tolerance<T>());
    }
}

TEST_CASE_TEMPLATE("golden: pooling", T, float, double) {
  mmdl::detail::Window window;
  window.kernel_height = window.kernel_width = 3;
  window.stride = 2;
  window.pad_top = window.pad_left = window.pad_bottom = window.pad_right = 1;
  auto highest = load<mmdl::operators::MaxPool, T>("max_pool");
  highest.node.window = window;
  check_run(highest, "max_pool", tolerance<T>());
  for (const bool count_padding : {true, false}) {
    const std::string name = count_padding ? "average_pool_padded" : "average_pool_inside";
    auto average = load<mmdl::operators::AveragePool, T>(name);
    average.node.window = window;
    average.node.count_padding = count_padding;
    check_run(average, name, tolerance<T>());
  }
  auto global = load<mmdl::operators::GlobalAveragePool, T>("global_average_pool");
  check_run(global, "global_average_pool", tolerance<T>());
}

TEST_CASE_TEMPLATE("golden: activations", T, float, double) {
  const std::pair<const char*, Activation> all[] = {{"relu", Activation::relu},
                                                    {"relu6", Activation::relu6},
                                                    {"sigmoid", Activation::sigmoid},
                                                    {"tanh", Activation::tanh}};
  for (const auto& [name, activation] : all) {
    auto run = load<mmdl::operators::Activation, T>(name);
    run.node.activation = activation;
    check_run(run, name, tolerance<T>());
  }
}

}  // namespace golden_kernels_test
