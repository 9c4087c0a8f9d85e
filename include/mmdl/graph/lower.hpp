// SPDX-License-Identifier: Apache-2.0
// From a network's type to its graph: one counting pass, one filling pass, and the type rules around them.
#pragma once

#include "../core/shape.hpp"
#include "../graph/builder.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

/// The shape of `Net`'s output for an input of shape `Input` (a `Shape`, or a `List` of shapes); a `List` for
/// a network with several outputs.
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

/// Each output of a network is a value of its own, so that each loss has a gradient of its own to write: an
/// output that repeats an earlier one becomes its copy.
template <class Builder, class... Outputs>
constexpr Wires lower_distinct(Builder& builder, Wires outputs, List<Outputs...>) {
  const Extent extents[] = {extent_of<Outputs>()...};
  for (int i = 1; i < outputs.count; ++i)
    for (int j = 0; j < i; ++j) {
      if (outputs.id[j] != outputs.id[i]) continue;
      Node node;
      node.kind = OperatorKind::add;
      node.name = "copy";
      node.input = node.output = extents[i];
      node.needs_inputs = node.needs_output = false;
      outputs.id[i] = builder.template add<operators::Add>(node, Wires::of(outputs.id[i]));
    }
  return outputs;
}

template <class Net, class Builder, class... Inputs>
constexpr Wires lower_into(Builder& builder, List<Inputs...>) {
  using Input = Unwrap<List<Inputs...>>;
  Wires wires;
  (wires.push(builder.add_input(extent_of<Inputs>())), ...);
  return lower_distinct(builder, Net::template lower<Input>(builder, wires),
                        AsList<typename Net::template output<Input>>{});
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
