// SPDX-License-Identifier: Apache-2.0
// Softmax as a layer.
#pragma once

#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

/// y[c] = exp(x[c]) / sum of exp(x) over the channels (those of each pixel or step), computed from x - max(x)
/// so that nothing overflows. Any shape, kept. To train on a choice of one class, leave it out and use
/// `SoftmaxCrossEntropy`, which takes logits. PyTorch: `torch.nn.Softmax` along the channels.
struct Softmax {
  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::other;
    node.name = "softmax";
    node.input = node.output = detail::extent_of<In>();
    node.needs_inputs = false;
    return detail::Wires::of(builder.template add<operators::Softmax>(node, x));
  }
};

}  // namespace mmdl
