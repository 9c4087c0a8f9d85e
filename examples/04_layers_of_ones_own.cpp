// SPDX-License-Identifier: Apache-2.0
// Three layers of one's own: composed, element-wise, and an operator from scratch; each proved by finite
// differences.
#include <array>
#include <cmath>
#include <cstdio>
#include <mmdl/mmdl.hpp>

using namespace mmdl;

// Composed: an alias. The gradient comes by itself.
using Swish = Product<Identity, Sigmoid>;  // x * sigmoid(x)

// Element-wise: y = log(1 + exp(x)) for one number, and dx from dy. `auto` lets the check run in double.
struct Softplus : ElementwiseLayer<Softplus> {
  static constexpr const char* name = "softplus";
  static auto forward(auto x) { return std::log1p(std::exp(-std::abs(x))) + (x > 0 ? x : 0 * x); }
  static auto backward(auto x, auto /*y*/, auto dy) { return dy / (1 + std::exp(-x)); }
};

// From scratch: y = scale * x, one learned scale for each channel.
struct ChannelScale : OperatorLayer<ChannelScale> {
  static constexpr const char* name = "channel_scale";  // names its parameters: "channel_scale1.scale"
  static constexpr bool needs_output = false;           // the backward does not read y: it is not kept
  template <class In>
  using output = In;  // the shape rule

  static constexpr std::array<Parameter, 1> parameters(auto extent) {
    return {{{"scale", Initializer::ones, 1, {extent.channels}}}};
  }
  template <class T>
  static void forward(const ForwardView<T>& view) {
    const auto x = view.input();
    const auto y = view.output();
    for (long i = 0; i < x.size(); ++i) y.data[i] = view.parameter(0)[i % x.channels] * x.data[i];
  }
  template <class T>
  static void backward(const BackwardView<T>& view) {  // gradients start at zero and are added to
    const auto x = view.input();
    const auto dy = view.output_gradient();
    if (const auto dx = view.input_gradient())  // null where nobody wants it
      for (long i = 0; i < x.size(); ++i) dx.data[i] += view.parameter(0)[i % x.channels] * dy.data[i];
    if (T* dscale = view.parameter_gradient(0))
      for (long i = 0; i < x.size(); ++i) dscale[i % x.channels] += x.data[i] * dy.data[i];
  }
};

template <class Layer>
bool proved(const char* name) {
  const GradientReport check =
      check_gradients<Sequential<Conv<4>, Layer, GlobalAveragePool, Linear<2>>, Shape<6, 6, 3>>();
  std::printf("%-8s worst relative error %.1e at %s\n", name, check.worst, check.report.c_str());
  return check.ok;
}

int main() {
  const bool ok = proved<Swish>("Swish") && proved<Softplus>("Softplus") && proved<ChannelScale>("scale");
  return ok ? 0 : 1;
}
