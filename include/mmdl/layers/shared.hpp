// SPDX-License-Identifier: Apache-2.0
// One layer at several places of a network, and the choice of some of several values.
#pragma once

#include "../core/require.hpp"
#include "../layers/structure.hpp"

namespace mmdl {

template <class Label, class Layer, class Input>
struct shared_parameters_differ;  ///< problem: at this place the layer's parameters have other shapes
template <class Place, class Inputs>
struct no_such_input;  ///< problem: `Pick` of a value that is not there

namespace detail {

/// A text that stands for a label: its type's name. (An address would do, but g++ compares none in constant
/// expressions under -fsanitize=undefined.)
template <class Label>
constexpr const char* shared_key() {
  return __PRETTY_FUNCTION__;
}

/// Not constexpr: that it is called when compiling is the error, and its arguments say where.
template <class Problem>
void refuse() {}

}  // namespace detail

/// `Layer` with the parameters of every other `Shared<Label, ...>` of the network: they are made where the
/// label is met first and used wherever it is met again; their gradients are the sums over all places, and a
/// file has them once, under the first place's name, which ends in `Label::name` (a `static constexpr const
/// char*`). The layers under one label may differ as long as their parameters have the same names and
/// shapes, in order (`shared_parameters_differ` when compiling otherwise): an `Embedding<N, Size>` and a
/// `Linear<N, Transposed, Bias<false>>` over `Size` numbers share a table. Running statistics are shared too,
/// and move once for each place. Parameters that are frozen at one place are frozen. PyTorch: calling one
/// module several times.
template <class Label, class Layer>
struct Shared {
  template <class In>
  using output = typename Layer::template output<In>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    builder.enter(Label::name, /*numbered=*/false);
    builder.begin_shared(detail::shared_key<Label>());
    const detail::Wires y = Layer::template lower<In>(builder, x);
    if (!builder.end_replay()) detail::refuse<shared_parameters_differ<Label, Layer, In>>();
    builder.leave();
    return y;
  }
};

/// `Layer` over each of several inputs, with one set of parameters: `List<A, B>` to `List<Layer(A),
/// Layer(B)>`. Names: "each1", "each2", …. Rejected when compiling: inputs for which the parameters' shapes
/// differ (`shared_parameters_differ`). PyTorch: `[layer(x) for x in inputs]`.
template <class Layer>
struct ForEach {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> {
    using type = List<typename Layer::template output<Ins>...>;

    template <class Builder>
    static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
      builder.enter("each");
      detail::Wires all;
      const int first = builder.next_entry();
      int next = 0;
      const auto place = [&](auto tag) {
        using In = typename decltype(tag)::type;
        builder.begin_replay(next == 0 ? -1 : first);
        all.push(Layer::template lower<In>(builder, detail::Wires::of(x.id[next++])).id[0]);
        if (!builder.end_replay()) detail::refuse<shared_parameters_differ<ForEach, Layer, In>>();
      };
      (place(detail::Tag<Ins>{}), ...);
      builder.leave();
      return all;
    }
  };

 public:
  template <class In>
  using output = typename Rule<detail::AsList<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return Rule<detail::AsList<In>>::lower(builder, x);
  }
};

/// Some of several values, by their places from 0, in the order given: `Pick<1>` of `List<A, B>` is B,
/// `Pick<2, 0>` of `List<A, B, C>` is `List<C, A>`. Within `Heads` it leads a network's inputs to where they
/// are needed. Rejected when compiling: a place that is not there (`no_such_input`).
template <int... Places>
struct Pick {
 private:
  template <int Place, class Inputs>
  struct Rule {
    static_assert(
        detail::accepted<(Place >= 0 && Place < Inputs::count), no_such_input<Pick<Place>, Inputs>>);
    using type = detail::At<Place, Inputs>;
  };

 public:
  template <class In>
  using output = detail::Unwrap<List<typename Rule<Places, detail::AsList<In>>::type...>>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder&, detail::Wires x) {
    detail::Wires picked;
    (picked.push(x.id[Places]), ...);
    return picked;
  }
};

namespace detail {
template <class Label, class Layer>
inline constexpr bool is_named<Shared<Label, Layer>> = true;
}  // namespace detail

}  // namespace mmdl
