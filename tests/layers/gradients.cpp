// SPDX-License-Identifier: Apache-2.0
// Every layer and combinator against finite differences in double: odd sizes, strides that do not divide,
// sharing.
#include <doctest/doctest.h>

#include <cmath>

#include "mmdl/mmdl.hpp"

namespace gradients_test {

using namespace mmdl;

namespace {

template <class Net, class Input>
void check(GradientCheck options = {}) {
  const GradientReport result = check_gradients<Net, Input>(options);
  INFO(result.report);
  CHECK(result.ok);
}

using Image = Shape<7, 5, 4>;

struct Softplus : ElementwiseLayer<Softplus> {
  static float forward(float x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0f); }
  static float backward(float x, float /*y*/, float dy) { return dy / (1.0f + std::exp(-x)); }
};

struct Square : ElementwiseLayer<Square> {
  template <class T>
  static T forward(T x) {
    return x * x;
  }
  template <class T>
  static T backward(T x, T /*y*/, T dy) {
    return T{2} * x * dy;
  }
};

/// y = x * w, a weight for each channel.
struct ChannelScale : OperatorLayer<ChannelScale> {
  static constexpr const char* name = "channel_scale";
  static constexpr bool needs_output = false;
  template <class In>
  using output = In;

  static constexpr std::array<Parameter, 1> parameters(detail::Extent e) {
    return {{{"weight", Initializer::uniform_fan_in, 1, {e.channels}, e.channels}}};
  }
  template <class T>
  static void forward(const ForwardView<T>& a) {
    const auto x = a.input();
    for (long i = 0; i < x.size(); ++i) a.output().data[i] = x.data[i] * a.parameter(0)[i % x.channels];
  }
  template <class T>
  static void backward(const BackwardView<T>& a) {
    const auto x = a.input();
    for (long i = 0; i < x.size(); ++i) {
      const T dy = a.output_gradient().data[i];
      if (a.input_gradient()) a.input_gradient().data[i] += dy * a.parameter(0)[i % x.channels];
      if (a.parameter_gradient(0) != nullptr) a.parameter_gradient(0)[i % x.channels] += dy * x.data[i];
    }
  }
};

template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Kernel<3>, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Tiny = Backbone<Scale<3, 1>, Scale<4, 2>, Scale<5, 2>>;

}  // namespace

TEST_CASE("convolutions") {
  check<Conv<3>, Image>();
  check<Conv<6, Kernel<1>>, Image>();
  check<Conv<3, Kernel<3>, Stride<2>, Bias<false>>, Image>();
  check<Conv<3, Kernel<5, 3>, Stride<3>>, Image>();
  check<Conv<3, Kernel<3>, Dilation<2>>, Image>();
  check<Conv<6, Kernel<3>, Groups<2>>, Image>();
  check<Conv<2, Kernel<2>, Padding<0, 1, 1, 0>>, Image>();
  check<Conv<2, Kernel<3>, Stride<2>, SamePadding>, Shape<8, 6, 3>>();
  check<Conv<2, Kernel<1>, Stride<2>>, Image>();
  check<DepthwiseConv<Kernel<3>, Stride<2>>, Image>();
  check<Conv<2>, Image>({.samples = 1});
}

TEST_CASE("norms, activations, pooling, linear") {
  check<BatchNorm, Image>();
  check<BatchNorm, Shape<6>>({.samples = 5});
  check<BatchNormWith<EpsilonMillionths<1000>, MomentumMillionths<300>>, Image>();
  check<Relu, Image>();
  check<Relu6, Image>();
  check<Sigmoid, Image>();
  check<Tanh, Image>();
  check<MaxPool<2>, Image>();
  check<MaxPool<3, Stride<2>, Padding<1>>, Image>();
  check<AveragePool<2>, Image>();
  check<AveragePool<3, Stride<2>, Padding<1>>, Image>();
  check<AveragePool<3, Stride<2>, Padding<1>, CountPadding<false>>, Image>();
  check<GlobalAveragePool, Image>();
  check<Linear<5>, Shape<7>>();
  check<Linear<5, HeNormal, Bias<false>>, Shape<7>>({.samples = 1});
  check<Linear<5, UnitNormal>, Shape<7>>();
  check<Dropout<30>, Image>();
  check<Sequential<Flatten, Linear<3>>, Image>();
  check<Sequential<Linear<4>, Relu, Dropout<50>, Linear<3>>, Shape<7>>();
}

TEST_CASE("linear: what UnitNormal begins with") {
  Model<Linear<50, UnitNormal>, Shape<100>> model(3);
  double sum = 0, squares = 0;
  for (const float weight : model.parameter("linear1.weight")) {
    sum += static_cast<double>(weight);
    squares += static_cast<double>(weight) * static_cast<double>(weight);
  }
  CHECK(std::fabs(sum / 5000) < 0.05);
  CHECK(squares / 5000 == doctest::Approx(1.0).epsilon(0.06));
  for (const float bias : model.parameter("linear1.bias")) CHECK(bias == 0.0f);
}

TEST_CASE("fused norm, residual and activation") {
  check<Sequential<Conv<4>, BatchNorm, Relu>, Image>();
  check<Sequential<Conv<4>, BatchNorm, Relu6, Conv<2>>, Image>();
  check<Sequential<Residual<Sequential<Conv<4>, BatchNorm>>, Relu>, Image>();
  check<Sequential<Residual<Sequential<Conv<4>, BatchNorm>>, Relu6>, Image>();
  check<Residual<Sequential<Conv<4>, BatchNorm>>, Image>();
  check<Sequential<Residual<Sequential<Conv<6>, BatchNorm>, Sequential<Conv<6, Kernel<1>>, BatchNorm>>, Relu>,
        Image>();
}

TEST_CASE("gradients that share a buffer") {
  check<Residual<Identity>, Image>();
  check<Residual<Relu>, Image>();
  check<Residual<Residual<Tanh>>, Image>();
  check<Sequential<Sigmoid, Residual<Residual<Identity>>, Tanh>, Image>();
  check<Residual<Conv<4>, Conv<4, Kernel<1>>>, Image>();
  check<Sequential<Conv<4>, Residual<Relu, Tanh>, Residual<Sequential<Conv<4>, BatchNorm, Relu>>, Conv<2>>,
        Image>();
  check<Repeat<3, Sequential<Residual<Sequential<Conv<4>, BatchNorm, Relu, Conv<4>, BatchNorm>>, Relu>>,
        Image>();
  check<Sequential<Conv<4>, BatchNorm, Heads<Relu, Identity, Tanh>, Join, Conv<2>>, Image>();
  check<Sequential<Conv<4>, BatchNorm, Residual<Dropout<25>, Dropout<50>>, Relu>, Image>();
}

TEST_CASE("joins") {
  check<Concat<Conv<2>, Identity, MaxPool<3, Stride<1>, Padding<1>>>, Image>();
  check<Product<Identity, Sigmoid>, Image>();
  check<Product<Identity, Identity>, Image>();
  check<Product<Tanh, Sigmoid, Conv<4>>, Image>();
  check<Heads<Linear<3>, Sequential<Linear<2>, Tanh>>, Shape<5>>();
  check<Sequential<Parallel<Linear<3>, Identity>, Join, Linear<2>>, List<Shape<4>, Shape<3>>>();
}

TEST_CASE("frozen parts pass the gradient on") {
  check<Sequential<Conv<4>, Frozen<Sequential<Conv<4>, BatchNorm, Relu>>, Conv<2>>, Image>();
  check<Sequential<Frozen<Conv<4>>, BatchNorm, Tanh>, Image>();
  check<Sequential<Linear<6>, Frozen<Sequential<Linear<5>, Relu, Dropout<50>, Linear<4>>>>, Shape<7>>();
  check<Sequential<Tanh, Frozen<Sequential<Residual<Sequential<Conv<4>, BatchNorm>>, Relu>>>, Image>();
}

TEST_CASE("multi-scale networks and the annotator") {
  using Picture = Shape<9, 9, 3>;
  check<MultiScale<Tiny>, Picture>({.samples = 3});
  check<MultiScale<Tiny, MaxPoolFusion>, Picture>({.samples = 3});
  check<MultiScale<Tiny, ConcatFusion>, Picture>({.samples = 3});
  check<MultiScale<Tiny, NoFusion>, Picture>({.samples = 3});
  check<MultiScale<Tiny, ConvFusion, Scales<1, 3>>, Picture>({.samples = 3});
  check<MultiScale<Frozen<Tiny>>, Picture>({.samples = 3});
  using Quantity = Sequential<MlpWithDropout<50, 6, 4>, Linear<1>>;
  check<Annotator<MultiScale<Tiny>, Mlp<6, 5>, Labels<4>, Quantity>, List<Picture, Shape<8>>>({.samples = 3});
  check<Annotator<MultiScale<Tiny>, NoText, Labels<4>, NoQuantity>, Picture>({.samples = 3});
}

TEST_CASE("layers of one's own") {
  check<Softplus, Image>();
  check<Square, Image>();
  check<ChannelScale, Image>();
  check<Sequential<Conv<4>, Residual<ChannelScale>, Square, GlobalAveragePool>, Image>();
  check<Sequential<Conv<4>, Residual<Softplus, ChannelScale>, GlobalAveragePool, Linear<2>>, Image>();
}

TEST_CASE("a wrong gradient is found, and where") {
  struct Wrong : ElementwiseLayer<Wrong> {
    static double forward(double x) { return x * x * x; }
    static double backward(double x, double /*y*/, double dy) { return 2.9 * x * x * dy; }
  };
  const GradientReport result = check_gradients<Wrong, Shape<3, 3, 2>>();
  CHECK_FALSE(result.ok);
  CHECK(result.worst > 0.03);
  CHECK(result.report.find("input 1[") != std::string::npos);
}

}  // namespace gradients_test
