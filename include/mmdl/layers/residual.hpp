// SPDX-License-Identifier: Apache-2.0
// A body with a shortcut around it.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"
#include "../layers/reshape.hpp"

namespace mmdl {

template <class BodyOutput, class ShortcutOutput>
struct residual_shapes_differ;  ///< problem: what Residual adds up has two shapes

namespace detail {

template <class BodyOutput, class ShortcutOutput>
struct ResidualRule {
  static_assert(accepted<std::is_same_v<BodyOutput, ShortcutOutput>,
                         residual_shapes_differ<BodyOutput, ShortcutOutput>>);
  using type = ShortcutOutput;
};

template <class Builder>
constexpr int lower_add(Builder& builder, Wires terms, Extent extent) {
  Node node;
  node.kind = OperatorKind::add;
  node.name = "add";
  node.input = node.output = extent;
  node.needs_inputs = node.needs_output = false;
  node.in_place = true;
  return builder.template add<operators::Add>(node, terms);
}

}  // namespace detail

/// y = Body(x) + Shortcut(x); the shortcut is the input itself unless another is given (a projection). Both
/// must have the same shape, or `residual_shapes_differ` names the two. Names: "block1", "block2", … and
/// "shortcut". Source: He et al. 2016.
template <class Body, class Shortcut = Identity>
struct Residual {
  template <class In>
  using output = typename detail::ResidualRule<typename Body::template output<In>,
                                               typename Shortcut::template output<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    builder.enter("block");
    detail::Wires terms = Body::template lower<In>(builder, x);
    builder.enter("shortcut", /*numbered=*/false);
    terms.push(Shortcut::template lower<In>(builder, x).id[0]);
    builder.leave();
    const int sum = detail::lower_add(builder, terms, detail::extent_of<output<In>>());
    builder.leave();
    return detail::Wires::of(sum);
  }
};

}  // namespace mmdl
