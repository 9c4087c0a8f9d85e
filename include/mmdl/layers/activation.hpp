// SPDX-License-Identifier: Apache-2.0
// The built-in activations. A layer that is one of them can be fused to the layer before it.
#pragma once

#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

namespace detail {

template <Activation Kind>
struct ActivationLayer {
  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr Wires lower(Builder& builder, Wires x) {
    Node node;
    node.kind = OperatorKind::activation;
    node.name = "activation";
    node.activation = Kind;
    node.input = node.output = extent_of<In>();
    node.needs_inputs = false;
    node.in_place = true;
    return Wires::of(builder.template add<operators::Activation>(node, x));
  }
};

}  // namespace detail

/// y = max(x, 0). Any shape, kept. PyTorch: `torch.nn.ReLU`.
using Relu = detail::ActivationLayer<Activation::relu>;

/// y = min(max(x, 0), 6). Any shape, kept. PyTorch: `torch.nn.ReLU6`.
using Relu6 = detail::ActivationLayer<Activation::relu6>;

/// y = 1 / (1 + exp(-x)). Any shape, kept. PyTorch: `torch.nn.Sigmoid`.
using Sigmoid = detail::ActivationLayer<Activation::sigmoid>;

/// y = tanh(x). Any shape, kept. PyTorch: `torch.nn.Tanh`.
using Tanh = detail::ActivationLayer<Activation::tanh>;

}  // namespace mmdl
