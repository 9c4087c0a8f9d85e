// SPDX-License-Identifier: Apache-2.0
// The gradients of the networks that are hard on the passes, and of layers in unusual company.
#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"

namespace network_gradients_test {

using namespace mmdl;

namespace {

/// Knows no network's type, so that it is compiled once for all of them.
void expect_ok(const char* name, const GradientReport& result) {
  INFO(name, ": ", result.report);
  CHECK(result.ok);
}

template <class Net, class Input>
void check(const char* name, int samples = 3, int probes = 24) {
  expect_ok(name, check_gradients<Net, Input>({.samples = samples, .probes = probes}));
}

using networks::Block;
using networks::Norm;
using Image = Shape<7, 5, 4>;

/// y = a * b + bias, of two inputs and a parameter for each channel.
struct Gate : OperatorLayer<Gate> {
  static constexpr const char* name = "gate";
  static constexpr bool needs_output = false;
  template <class In>
  using output = detail::At<0, In>;

  static constexpr std::array<Parameter, 2> parameters(detail::Extent e) {
    return {{{"scale", Initializer::ones, 1, {e.channels}},
             {"shift", Initializer::uniform_fan_in, 1, {e.channels}, e.channels, /*decay=*/false}}};
  }
  template <class T>
  static void forward(const ForwardView<T>& view) {
    const auto a = view.input(0), b = view.input(1);
    for (long i = 0; i < a.size(); ++i)
      view.output().data[i] =
          a.data[i] * b.data[i] * view.parameter(0)[i % a.channels] + view.parameter(1)[i % a.channels];
  }
  template <class T>
  static void backward(const BackwardView<T>& view) {
    const auto a = view.input(0), b = view.input(1);
    for (long i = 0; i < a.size(); ++i) {
      const T dy = view.output_gradient().data[i], scale = view.parameter(0)[i % a.channels];
      if (view.input_gradient(0)) view.input_gradient(0).data[i] += dy * b.data[i] * scale;
      if (view.input_gradient(1)) view.input_gradient(1).data[i] += dy * a.data[i] * scale;
      if (view.parameter_gradient(0))
        view.parameter_gradient(0)[i % a.channels] += dy * a.data[i] * b.data[i];
      if (view.parameter_gradient(1)) view.parameter_gradient(1)[i % a.channels] += dy;
    }
  }
};

}  // namespace

TEST_CASE("gradients of networks with branches, sharing and frozen parts") {
  networks::for_each([]<class Net, class Input>(const char* name) { check<Net, Input>(name); });
}

TEST_CASE("gradients of windows of every kind") {
  check<Conv<6, Kernel<3, 2>, Stride<2>, Dilation<2>, Groups<2>, Padding<2, 0, 1, 3>>, Image>("all options");
  check<Conv<4, Kernel<3>, Groups<4>, Bias<false>>, Image>("as many groups as channels");
  check<Conv<3, Kernel<7>, Padding<3>>, Shape<2, 3, 2>>("a window larger than the image");
  check<Conv<3, Kernel<1>, Stride<3>, Padding<1>>, Image>("mostly padding");
  check<DepthwiseConv<Kernel<4, 2>, Stride<2>, SamePadding>, Image>("depthwise, same padding");
  check<DepthwiseConv<Kernel<3>, Dilation<2>, Bias<false>>, Shape<1, 9, 20>>("depthwise, one row");
  check<MaxPool<3, Stride<2>, SamePadding>, Shape<6, 5, 3>>("max pool, same padding");
  check<MaxPool<2, Stride<3>>, Shape<8, 7, 3>>("max pool that leaves places out");
  check<MaxPool<3, Stride<1>, Padding<1>>, Image>("max pool, overlapping");
  check<AveragePool<3, Stride<2>, SamePadding, CountPadding<false>>, Shape<6, 5, 3>>(
      "average pool, same padding");
  check<AveragePool<2, Stride<1>, Padding<1, 0, 0, 1>>, Image>("average pool, one side padded");
  check<Conv<2>, Image>("one sample", 1, 64);
  check<Sequential<Norm<3>, Relu, GlobalAveragePool, Linear<2>>, Image>("one sample, norm", 1, 64);
  check<Sequential<Linear<3>, Tanh>, Shape<1>>("one number", 1, 64);
}

TEST_CASE("gradients of operators with several inputs and parameters") {
  check<Sequential<Heads<Conv<4>, Identity>, Gate>, Image>("gate");
  check<Sequential<Conv<4>, Heads<Identity, Identity>, Gate, Relu>, Image>("gate of one value twice");
  check<Sequential<Conv<4>, Heads<Relu, Frozen<Conv<4>>>, Gate, Residual<Tanh>>, Image>(
      "gate and frozen part");
  check<Sequential<Parallel<Linear<3>, Linear<3>>, Gate>, List<Shape<5>, Shape<2>>>("gate of two inputs");
  check<Sequential<Linear<4>, Heads<Identity, Frozen<Sequential<Linear<4>, Tanh>>>, Frozen<Gate>>, Shape<5>>(
      "frozen gate");
}

}  // namespace network_gradients_test
