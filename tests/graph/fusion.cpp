// SPDX-License-Identifier: Apache-2.0
// Fused networks compute what the unfused ones do: outputs, gradients and running statistics.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"
#include "run_program.hpp"

namespace fusion_test {

using namespace mmdl;
using detail::Mode;

namespace {

/// A network as it was lowered, nothing joined.
template <class Net, class Input, Mode mode>
struct Unfused {
  static constexpr auto graph = detail::graph_of<Net, Input>;
  static constexpr auto backward = detail::differentiate(graph, mode);
  static constexpr auto plan = detail::plan_memory(graph, backward, mode);
};

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double scale = 1e-300, difference = 0.0;
  bool finite = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    finite = finite && std::isfinite(a[i]);
    scale = std::max(scale, std::fabs(a[i]));
    difference = std::max(difference, std::fabs(a[i] - b[i]));
  }
  REQUIRE(finite);
  return difference / scale;
}

/// Knows no network's type, so that it is compiled once for all of them.
void expect_near(const std::string& name, const networks::Run<double>& plain,
                 const networks::Run<double>& fused) {
  CAPTURE(name);
  CHECK(worst(plain.outputs, fused.outputs) < 1e-12);
  CHECK(worst(plain.gradients, fused.gradients) < 1e-10);
  CHECK(worst(plain.states, fused.states) < 1e-12);
}

template <class Net, class Input, Mode mode>
void compare(const char* name) {
  Model<Net, Input, Cpu<double>> model;
  for (const int samples : {1, 3}) {
    if (samples == 1 && mode == Mode::training) continue;  // batch norm after a pooling needs two values
    const auto plain = networks::run<Unfused<Net, Input, mode>, mode>(model, samples);
    const auto fused = networks::run<detail::Program<Net, Input, mode>, mode>(model, samples);
    expect_near(name, plain, fused);
  }
}

/// The layers that a program runs one by one.
template <class Net, class Input, Mode mode>
constexpr int steps() {
  constexpr auto& graph = detail::Program<Net, Input, mode>::graph;
  int total = 0;
  for (int n = graph.inputs; n < graph.node_count; ++n) total += graph.nodes[n].merged ? 0 : 1;
  return total;
}

}  // namespace

TEST_CASE("fused networks equal unfused ones") {
  networks::for_each([]<class Net, class Input>(const char* name) {
    compare<Net, Input, Mode::inference>(name);
    compare<Net, Input, Mode::training>(name);
  });
}

TEST_CASE("what is fused, and what is not") {
  using networks::Norm;
  using Image = Shape<7, 5, 4>;
  using Frame = Sequential<Residual<Sequential<Norm<4>, Relu, Norm<4>>>, Relu>;
  static_assert(steps<Frame, Image, Mode::inference>() == 2);  // conv+norm+relu, conv+norm+residual+relu
  static_assert(steps<Frame, Image, Mode::training>() == 4);   // conv, norm+relu, conv, norm+residual+relu
  static_assert(steps<Sequential<Frozen<Frame>, Conv<2>>, Image, Mode::training>() == 3);
  static_assert(steps<Sequential<Conv<4>, Frozen<Frame>>, Image, Mode::training>() == 5);
  static_assert(steps<Sequential<Linear<4>, Sigmoid>, Shape<3>, Mode::inference>() == 1);
  static_assert(steps<Sequential<Linear<4>, Dropout<50>, Tanh>, Shape<3>, Mode::inference>() == 1);
  static_assert(steps<Sequential<Linear<4>, Dropout<50>, Tanh>, Shape<3>, Mode::training>() == 3);
  // The norm's input is read by another as well: it cannot be taken into the convolution.
  static_assert(steps<Sequential<Conv<4>, Residual<BatchNorm>>, Image, Mode::inference>() == 2);
  static_assert(steps<Sequential<Conv<4>, Heads<BatchNorm, Identity>>, Image, Mode::inference>() == 2);
  // What no output depends on is not run.
  static_assert(steps<MultiScale<networks::Tiny, NoFusion, Scales<1>>, Shape<9, 9, 3>, Mode::inference>() ==
                2);
  CHECK(steps<MultiScale<ResNet101>, Shape<64, 64, 3>, Mode::inference>() < 140);
}

TEST_CASE("counts equal those worked out by hand") {
  using Image = Shape<7, 5, 4>;
  static_assert(multiply_adds<Conv<6, Kernel<3>, Stride<2>>, Image> == 4 * 3 * 6 * 3 * 3 * 4);
  static_assert(multiply_adds<Conv<6, Kernel<3>, Groups<2>>, Image> == 7 * 5 * 6 * 3 * 3 * 2);
  static_assert(multiply_adds<DepthwiseConv<Kernel<5>>, Image> == 7 * 5 * 4 * 5 * 5);
  static_assert(multiply_adds<Linear<3>, Shape<7>> == 21);
  static_assert(multiply_adds<BatchNorm, Image> == 7 * 5 * 4);
  static_assert(multiply_adds<Sequential<Relu, MaxPool<2>>, Image> == 0);
  static_assert(parameter_count<Conv<6, Kernel<3>>, Image> == 3 * 3 * 4 * 6 + 6);
  static_assert(parameter_count<Conv<6, Kernel<3>, Groups<2>, Bias<false>>, Image> == 3 * 3 * 2 * 6);
  static_assert(parameter_count<BatchNorm, Image> == 8);
  static_assert(parameter_count<Sequential<Flatten, Linear<3>>, Image> == 7 * 5 * 4 * 3 + 3);
  // torchvision's counts, without the classifier.
  using Picture = Shape<224, 224, 3>;
  static_assert(parameter_count<ResNet18, Picture> == 11'689'512 - (512 * 1000 + 1000));
  static_assert(parameter_count<ResNet34, Picture> == 21'797'672 - (512 * 1000 + 1000));
  static_assert(parameter_count<ResNet50, Picture> == 25'557'032 - (2048 * 1000 + 1000));
  static_assert(parameter_count<ResNet101, Picture> == 44'549'160 - (2048 * 1000 + 1000));
  static_assert(parameter_count<ResNet152, Picture> == 60'192'808 - (2048 * 1000 + 1000));
  static_assert(parameter_count<MultiScale<ResNet101>, Picture> == 57'703'616);
  CHECK(std::is_same_v<output_shape<MultiScale<ResNet101, ConcatFusion>, Picture>, Shape<3904>>);
}

}  // namespace fusion_test
