// SPDX-License-Identifier: Apache-2.0
// From a network's type to its graph: one counting pass, one filling pass, and the type rules around them.
#pragma once

#include "../core/shape.hpp"
#include "../graph/builder.hpp"

namespace mmdl {

/// The shape of `Net`'s output for an input of shape `Input` (a `Shape`, or a `List` of shapes); a `List` for a
/// network with several outputs.
template <class Net, class Input>
using output_shape = detail::Unwrap<typename Net::template output<detail::Unwrap<Input>>>;

namespace detail {

/// Height, width and channels of a shape; a vector is 1 x 1 x n, a sequence 1 x length x n.
template <class S>
constexpr Extent extent_of() {
  static_assert(S::rank <= 3, "mmdl: layers take shapes of at most three extents: height, width, channels");
  if constexpr (S::rank == 1) return {1, 1, S::extents[0]};
  if constexpr (S::rank == 2) return {1, S::extents[0], S::extents[1]};
  if constexpr (S::rank == 3) return {S::extents[0], S::extents[1], S::extents[2]};
}

template <class Layer>
struct Tag {
  using type = Layer;
};

/// Values of type `In` on their way through a chain of layers; `flow >> Tag<Layer>{}` is one step.
template <class In, class Builder>
struct Flow {
  using shape = In;
  Builder& builder;
  Wires wires;

  template <class Layer>
  friend constexpr auto operator>>(Flow flow, Tag<Layer>) {
    return Flow<typename Layer::template output<In>, Builder>{
        flow.builder, Layer::template lower<In>(flow.builder, flow.wires)};
  }
};

/// The same for the types alone.
template <class In>
struct TypeFlow {
  using shape = In;
  template <class Layer>
  friend constexpr auto operator>>(TypeFlow, Tag<Layer>) -> TypeFlow<typename Layer::template output<In>> {
    return {};
  }
};

template <class Net, class Builder, class... Inputs>
constexpr Wires lower_into(Builder& builder, List<Inputs...>) {
  Wires wires;
  (wires.push(builder.add_input(extent_of<Inputs>())), ...);
  return Net::template lower<Unwrap<List<Inputs...>>>(builder, wires);
}

template <class Net, class Input>
constexpr GraphSize graph_size() {
  GraphBuilder builder;
  lower_into<Net>(builder, AsList<Input>{});
  return builder.size();
}

template <class Net, class Input>
constexpr auto build_graph() {
  constexpr GraphSize size = graph_size<Net, Input>();
  Graph<size.nodes, size.entries, size.scopes> graph;
  GraphBuilder builder(graph.nodes, graph.entries, graph.scopes);
  graph.inputs = AsList<Input>::count;
  graph.outputs = lower_into<Net>(builder, AsList<Input>{});
  graph.parameters = builder.parameters();
  graph.states = builder.states();
  return graph;
}

/// The graph of a network: what every pass and every static fact begins with.
template <class Net, class Input>
inline constexpr auto graph_of = build_graph<Net, Unwrap<Input>>();

}  // namespace detail
}  // namespace mmdl
