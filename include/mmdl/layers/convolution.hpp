// SPDX-License-Identifier: Apache-2.0
// Convolution, plain, grouped and depthwise.
#pragma once

#include <type_traits>

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"
#include "../layers/options.hpp"

namespace mmdl {

template <class Window, class Input>
struct window_larger_than_input;  ///< problem: no output place is left
template <class Groups, class Input>
struct groups_do_not_divide_channels;  ///< problem: Groups<N> with channels or filters that N does not divide
template <class Layer, class Input>
struct layer_takes_height_width_channels;  ///< problem: a vector where an image was expected

namespace detail {

/// The shape rule shared by convolutions and poolings.
template <class Layer, class In, class Out = void>
struct WindowRule {
  static_assert(accepted < is_shape<In> && In::rank == 3, layer_takes_height_width_channels < Layer, In >>);
  static constexpr Extent input = extent_of<In>();
  static constexpr Extent output = Layer::options.output(input, Layer::channels(input.channels));
  static constexpr bool fits = output.height > 0 && output.width > 0;
  static_assert(accepted<fits, window_larger_than_input<Layer, In>>);
  using type = Shape<fits ? output.height : 1, fits ? output.width : 1, output.channels>;
};

/// What computes a convolution.
template <int Groups, int Channels, int Filters>
using ConvolutionOperator = std::conditional_t<is_depthwise(Groups, Channels, Filters),
                                               operators::DepthwiseConvolution, operators::Convolution>;

}  // namespace detail

/// y[h, w, f] = b[f] + sum over the window and the channels of x * weight: a two-dimensional convolution.
/// `Shape<H, W, C>` to `Shape<H', W', Filters>`, H' = (H + top + bottom - dilation * (kernel - 1) - 1) /
/// stride + 1. Options: Kernel (default 3), Stride, Padding or SamePadding, Dilation, Groups, Bias. Weights
/// are stored [kernel height][kernel width][C / groups][Filters]; He-normal at first, biases zero. Rejected
/// when compiling: a window larger than the padded input, groups that do not divide the channels. PyTorch:
/// `torch.nn.Conv2d(C, Filters, kernel, stride, padding, dilation, groups, bias)`.
template <int Filters, class... Options>
struct Conv {
  static_assert(Filters > 0, "mmdl: a convolution has at least one filter");
  static constexpr detail::WindowOptions options = detail::WindowOptions::of<Options...>({});
  static constexpr int channels(int) { return Filters; }

  template <class In>
  using output = typename detail::WindowRule<Conv, In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    using Rule = detail::WindowRule<Conv, In>;
    static_assert(
        detail::accepted < Rule::input.channels % options.groups == 0 && Filters % options.groups == 0,
        groups_do_not_divide_channels < Groups<options.groups>, In >>);
    using Op = detail::ConvolutionOperator<options.groups, Rule::input.channels, Filters>;
    return lower_window<Op>(builder, x, Rule::input, Rule::output, options);
  }

  /// The part that knows no types: one instance a builder.
  template <class Op, class Builder>
  static constexpr detail::Wires lower_window(Builder& builder, detail::Wires x, detail::Extent input,
                                              detail::Extent output, const detail::WindowOptions& o) {
    detail::Node node;
    node.kind = detail::OperatorKind::convolution;
    node.name = "conv";
    node.input = input;
    node.output = output;
    node.window = o.window(input);
    node.needs_output = false;
    const int group_channels = input.channels / o.groups;
    const long fan_in = static_cast<long>(o.kernel_height) * o.kernel_width * group_channels;
    node.multiply_adds = output.size() * fan_in;
    const detail::EntrySpec entries[2] = {
        {"weight",
         Initializer::he_normal,
         4,
         {o.kernel_height, o.kernel_width, group_channels, output.channels},
         fan_in},
        {"bias", Initializer::zeros, 1, {output.channels}, fan_in, /*decay=*/false}};
    return detail::Wires::of(builder.template add<Op>(node, x, entries, o.bias ? 2 : 1));
  }
};

/// A convolution of each channel by itself: `Conv` with as many groups and filters as the input has channels.
/// `Shape<H, W, C>` to `Shape<H', W', C>`. PyTorch: `torch.nn.Conv2d(C, C, kernel, groups=C)`.
template <class... Options>
struct DepthwiseConv {
  static constexpr detail::WindowOptions options = detail::WindowOptions::of<Options...>({});
  static constexpr int channels(int input_channels) { return input_channels; }

  template <class In>
  using output = typename detail::WindowRule<DepthwiseConv, In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    using Rule = detail::WindowRule<DepthwiseConv, In>;
    detail::WindowOptions o = options;
    o.groups = Rule::input.channels;
    using Op = detail::ConvolutionOperator<Rule::input.channels, Rule::input.channels, Rule::input.channels>;
    return Conv<1>::template lower_window<Op>(builder, x, Rule::input, Rule::output, o);
  }
};

}  // namespace mmdl
