// SPDX-License-Identifier: Apache-2.0
// Max, average and global average pooling.
#pragma once

#include "../layers/convolution.hpp"

namespace mmdl {

namespace detail {

template <int Size, class... Options>
constexpr WindowOptions pooling_options() {
  WindowOptions o;
  o.kernel_height = o.kernel_width = o.stride = Size;
  o.padding = WindowOptions::Padding::exact;
  return WindowOptions::of<Options...>(o);
}

template <class Op, OperatorKind Kind, class Builder>
constexpr Wires lower_pooling(Builder& builder, Wires x, Extent input, Extent output,
                              const WindowOptions& o) {
  Node node;
  node.kind = Kind;
  node.name = Kind == OperatorKind::max_pool ? "max_pool" : "average_pool";
  node.input = input;
  node.output = output;
  node.window = o.window(input);
  node.count_padding = o.count_padding;
  node.needs_inputs = Kind == OperatorKind::max_pool;
  node.needs_output = false;
  return Wires::of(builder.template add<Op>(node, x));
}

}  // namespace detail

/// The largest value in each Size x Size window; padding never wins. `Shape<H, W, C>` to `Shape<H', W', C>`,
/// H' = (H + top + bottom - Size) / stride + 1. Options: Stride (default Size), Padding (default 0) or
/// SamePadding. The gradient goes to the first maximum of the window. PyTorch: `torch.nn.MaxPool2d(Size,
/// stride, padding)`.
template <int Size, class... Options>
struct MaxPool {
  static constexpr detail::WindowOptions options = detail::pooling_options<Size, Options...>();
  static_assert(options.dilation == 1 && options.groups == 1,
                "mmdl: a pooling has no dilation and no groups");
  static constexpr int channels(int input_channels) { return input_channels; }

  template <class In>
  using output = typename detail::WindowRule<MaxPool, In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    using Rule = detail::WindowRule<MaxPool, In>;
    return detail::lower_pooling<operators::MaxPool, detail::OperatorKind::max_pool>(builder, x, Rule::input,
                                                                                     Rule::output, options);
  }
};

/// The mean of each Size x Size window. Shapes and options as `MaxPool`, and CountPadding (default true:
/// padding counts as zeros). PyTorch: `torch.nn.AvgPool2d(Size, stride, padding, count_include_pad=...)`.
template <int Size, class... Options>
struct AveragePool {
  static constexpr detail::WindowOptions options = detail::pooling_options<Size, Options...>();
  static_assert(options.dilation == 1 && options.groups == 1,
                "mmdl: a pooling has no dilation and no groups");
  static constexpr int channels(int input_channels) { return input_channels; }

  template <class In>
  using output = typename detail::WindowRule<AveragePool, In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    using Rule = detail::WindowRule<AveragePool, In>;
    return detail::lower_pooling<operators::AveragePool, detail::OperatorKind::average_pool>(
        builder, x, Rule::input, Rule::output, options);
  }
};

/// The mean of each channel over all places: `Shape<H, W, C>` to `Shape<C>`.
/// PyTorch: `torch.nn.AdaptiveAvgPool2d(1)` and a flatten.
struct GlobalAveragePool {
  template <class In>
  using output = Shape<In::extents[In::rank - 1]>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::global_average_pool;
    node.name = "global_average_pool";
    node.input = detail::extent_of<In>();
    node.output = detail::extent_of<output<In>>();
    node.needs_inputs = node.needs_output = false;
    return detail::Wires::of(builder.template add<operators::GlobalAveragePool>(node, x));
  }
};

}  // namespace mmdl
