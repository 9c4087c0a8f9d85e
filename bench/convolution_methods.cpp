// SPDX-License-Identifier: Apache-2.0
// The 3x3 convolutions of ResNet-101, and of the fusion branch over it, by each method.
#include "layer_benchmark.hpp"

using namespace mmdl;

namespace {

/// Runs `body`, a benchmark of layer_benchmark.hpp, under one method.
template <ConvolutionMethod method, void (*body)(benchmark::State&)>
void under(benchmark::State& state) {
  set_convolution_method(method);
  body(state);
  set_convolution_method(ConvolutionMethod::automatic);
}

template <int channels, int size, int stride = 1>
void register_methods(const std::string& name) {
  using Layer = Conv<channels, Kernel<3>, Stride<stride>, Bias<false>>;
  using Input = Shape<size, size, channels>;
  constexpr auto forward = bench::infer<Layer, Input, Cpu<float>>,
                 back = bench::backward<Layer, Input, Cpu<float>>;
  bench::register_batches("forward direct " + name, under<ConvolutionMethod::direct, forward>);
  bench::register_batches("forward winograd " + name, under<ConvolutionMethod::winograd, forward>);
  bench::register_batches("backward direct " + name, under<ConvolutionMethod::direct, back>);
  bench::register_batches("backward winograd " + name, under<ConvolutionMethod::winograd, back>);
}

[[maybe_unused]] const bool registered = [] {
  register_methods<64, 56>("56x56x64");
  register_methods<128, 28>("28x28x128");
  register_methods<256, 14>("14x14x256");
  register_methods<512, 7>("7x7x512");
  register_methods<128, 56, 2>("56x56x128 stride 2");
  register_methods<256, 56, 2>("56x56x256 stride 2");
  register_methods<256, 28, 2>("28x28x256 stride 2");
  register_methods<512, 28, 2>("28x28x512 stride 2");
  return true;
}();

}  // namespace
