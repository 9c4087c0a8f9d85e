// SPDX-License-Identifier: Apache-2.0
// Layers of concepts that tell each other what they see: the structured inference network.
#pragma once

#include "../layers/linear.hpp"
#include "../layers/residual.hpp"

namespace mmdl {

/// Layers of concepts (tags, groups, labels), from the coarse to the fine or in any other order, each with an
/// activation x_i of its own: `List<Shape<N1>, …, Shape<Nm>>` to the same. A pass down and a pass up carry
/// what a layer knows to the next, by connections within a layer (W) and between neighbours (V), and a merge
/// (U) gives one activation a layer:
///
///     down_1 = W_1 x_1 + b,  down_i = V_i down_(i-1) + W_i x_i + b
///     up_m = W'_m x_m + b,   up_i = V'_i up_(i+1) + W'_i x_i + b
///     y_i = U_i down_i + U'_i up_i + b
///
/// All are full matrices. Source: Hu et al., "Learning Structured Inference Neural Networks with Label
/// Relations", 2016, equations 5 to 7: its bidirectional network, without the graph of relations that says
/// which connections may be positive or negative. Names: "down.layer1.within", "down.layer2.between",
/// "up.layer1.within" (up counts from the last layer), "merge.layer1.down", "merge.layer1.up". PyTorch: no
/// equivalent of its own.
struct ConceptLayers {
  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return Rule<detail::AsList<In>>::lower(builder, x);
  }

 private:
  template <class From, class To, class Builder>
  static constexpr int connect(Builder& builder, const char* name, int value) {
    builder.enter(name, /*numbered=*/false);
    const int result =
        Linear<static_cast<int>(To::size)>::template lower<From>(builder, detail::Wires::of(value)).id[0];
    builder.leave();
    return result;
  }

  template <class Shape, class Builder>
  static constexpr int sum(Builder& builder, int first, int second) {
    detail::Wires terms = detail::Wires::of(first);
    terms.push(second);
    return detail::lower_add(builder, terms, detail::extent_of<Shape>());
  }

  template <class In>
  struct Rule;
  template <class... Shapes>
  struct Rule<List<Shapes...>> {
    static constexpr int count = sizeof...(Shapes);
    template <int I>
    using At = detail::At<I, List<Shapes...>>;

    /// Layer I of a pass that comes from layer `From`; -1: that begins here.
    template <int I, int From, class Builder>
    static constexpr int step(Builder& builder, const detail::Wires& x, const detail::Wires& pass) {
      builder.enter("layer");
      int value = connect<At<I>, At<I>>(builder, "within", x.id[I]);
      if constexpr (From >= 0 && From < count)
        value = sum<At<I>>(builder, connect<At<From>, At<I>>(builder, "between", pass.id[From]), value);
      builder.leave();
      return value;
    }

    template <class Builder>
    static constexpr detail::Wires lower(Builder& builder, const detail::Wires& x) {
      detail::Wires down, up, merged;
      down.count = up.count = count;
      [&]<int... I>(std::integer_sequence<int, I...>) {
        builder.enter("down", /*numbered=*/false);
        ((down.id[I] = step<I, I - 1>(builder, x, down)), ...);
        builder.leave();
        builder.enter("up", /*numbered=*/false);
        ((up.id[count - 1 - I] = step<count - 1 - I, count - I>(builder, x, up)), ...);
        builder.leave();
        builder.enter("merge", /*numbered=*/false);
        (merged.push(merge<I>(builder, down, up)), ...);
        builder.leave();
      }
      (std::make_integer_sequence<int, count>{});
      return merged;
    }

    template <int I, class Builder>
    static constexpr int merge(Builder& builder, const detail::Wires& down, const detail::Wires& up) {
      builder.enter("layer");
      const int first = connect<At<I>, At<I>>(builder, "down", down.id[I]);
      const int value = sum<At<I>>(builder, first, connect<At<I>, At<I>>(builder, "up", up.id[I]));
      builder.leave();
      return value;
    }
  };
};

}  // namespace mmdl
