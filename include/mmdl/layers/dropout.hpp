// SPDX-License-Identifier: Apache-2.0
// Dropout.
#pragma once

#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

/// In training each number is zeroed with probability `Percent` / 100 and the others are scaled by
/// 1 / (1 - Percent / 100); in inference and in a `Frozen` part nothing happens. Any shape, kept. The mask is
/// a function of seed, step and place: it takes no memory and does not depend on the number of threads.
/// PyTorch: `torch.nn.Dropout(Percent / 100)`. Source: Srivastava et al. 2014.
template <int Percent>
struct Dropout {
  static_assert(Percent >= 0 && Percent < 100, "mmdl: Dropout takes a percentage from 0 to 99");

  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::dropout;
    node.name = "dropout";
    node.input = node.output = detail::extent_of<In>();
    node.rate_percent = Percent;
    node.needs_inputs = node.needs_output = false;
    node.in_place = true;
    return detail::Wires::of(builder.template add<operators::Dropout>(node, x));
  }
};

}  // namespace mmdl
