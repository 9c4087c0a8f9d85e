// SPDX-License-Identifier: Apache-2.0
// Several values at once: branches over one input, a layer for each of several inputs, and their joins.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"
#include "../layers/residual.hpp"
#include "../layers/structure.hpp"

namespace mmdl {

template <class First, class Other>
struct concat_sizes_differ;  ///< problem: values to be concatenated differ in height or width
template <class First, class Other>
struct product_shapes_differ;  ///< problem: values to be multiplied have different shapes
template <class First, class Other>
struct add_shapes_differ;  ///< problem: values to be added have different shapes
template <class First, class Other>
struct maximum_shapes_differ;  ///< problem: values to be compared have different shapes
template <class Layers, class Inputs>
struct parallel_counts_differ;  ///< problem: as many layers as inputs are needed

namespace detail {

/// The shape of a concatenation along the channels.
template <class First, class... Rest>
struct ConcatRule {
  static constexpr bool matches(Extent other) {
    return other.height == extent_of<First>().height && other.width == extent_of<First>().width;
  }
  static_assert(((accepted < First::rank == Rest::rank && matches(extent_of<Rest>()),
                  concat_sizes_differ < First, Rest >>) &&
                 ...));
  static constexpr int channels = (extent_of<First>().channels + ... + extent_of<Rest>().channels);

  template <class S>
  struct WithChannels;
  template <int C>
  struct WithChannels<Shape<C>> {
    using type = Shape<channels>;
  };
  template <int W, int C>
  struct WithChannels<Shape<W, C>> {
    using type = Shape<W, channels>;
  };
  template <int H, int W, int C>
  struct WithChannels<Shape<H, W, C>> {
    using type = Shape<H, W, channels>;
  };
  using type = typename WithChannels<First>::type;
};

/// One of several layers side by side, under a name of its own ("branch1") unless it has one (`Named`).
template <class Layer, class In, class Builder>
constexpr void lower_branch(Builder& builder, Wires x, Wires& all) {
  if constexpr (!is_named<Layer>) builder.enter("branch");
  const Wires y = Layer::template lower<In>(builder, x);
  if constexpr (!is_named<Layer>) builder.leave();
  for (int i = 0; i < y.count; ++i) all.push(y.id[i]);
}

/// The values of several lists in one.
template <class... Lists>
struct AllOf {
  using type = List<>;
};
template <class... Ts>
struct AllOf<List<Ts...>> {
  using type = List<Ts...>;
};
template <class... Ts, class... Us, class... Rest>
struct AllOf<List<Ts...>, List<Us...>, Rest...> : AllOf<List<Ts..., Us...>, Rest...> {};
template <class... Outputs>
using Together = typename AllOf<AsList<Outputs>...>::type;

template <template <class, class> class Problem, class First, class... Rest>
struct SameShapeRule {
  static_assert((accepted<std::is_same_v<First, Rest>, Problem<First, Rest>> && ...));
  using type = First;
};

/// Whether `Factor` is one number for each pixel of `Map`, for each channel, or for all.
template <class Map, class Factor>
constexpr bool broadcasts() {
  constexpr Extent m = extent_of<Map>(), f = extent_of<Factor>();
  const bool all_pixels = f.pixels() == 1, same_pixels = f.height == m.height && f.width == m.width;
  return m != f && (all_pixels || same_pixels) &&
         (f.channels == 1 || (all_pixels && f.channels == m.channels));
}

template <class First, class... Rest>
struct ProductRule : SameShapeRule<product_shapes_differ, First, Rest...> {
  static constexpr bool broadcast = false;
};
template <class Map, class Factor>
requires(broadcasts<Map, Factor>()) struct ProductRule<Map, Factor> {
  static constexpr bool broadcast = true;
  using type = Map;
};

}  // namespace detail

/// All layers over the same input; the outputs are a `List`, in order (those of a layer with several among
/// them; at most 8 in all). With `Heads` at the end a network has
/// several outputs. Names: "branch1", "branch2", … unless `Named`.
template <class... Layers>
struct Heads {
  template <class In>
  using output = detail::Together<typename Layers::template output<In>...>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Wires all;
    (detail::lower_branch<Layers, In>(builder, x, all), ...);
    return all;
  }
};

/// One layer for each of several inputs: `List<A, B>` to `List<First(A), Second(B)>`. Names: "branch1", ….
template <class... Layers>
struct Parallel {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> {
    static_assert(detail::accepted<sizeof...(Ins) == sizeof...(Layers),
                                   parallel_counts_differ<List<Layers...>, List<Ins...>>>);
    using type = detail::Together<typename Layers::template output<Ins>...>;

    template <class Builder>
    static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
      detail::Wires all;
      int next = 0;
      (detail::lower_branch<Layers, Ins>(builder, detail::Wires::of(x.id[next++]), all), ...);
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

/// Several values joined along the channels: `List<Shape<H, W, C1>, Shape<H, W, C2>>` to `Shape<H, W, C1 +
/// C2>`. PyTorch: `torch.cat` along the channels.
struct Join {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> : detail::ConcatRule<Ins...> {
    static_assert(sizeof...(Ins) <= detail::max_inputs, "mmdl: at most 8 values are joined at once");

    template <class Builder>
    static constexpr int lower(Builder& builder, detail::Wires x) {
      detail::Node node;
      node.kind = detail::OperatorKind::concat;
      node.name = "concat";
      node.input = detail::extent_of<detail::At<0, List<Ins...>>>();
      node.output = detail::extent_of<typename detail::ConcatRule<Ins...>::type>();
      node.needs_inputs = node.needs_output = false;
      int next = 0;
      ((node.input_channels[next++] = detail::extent_of<Ins>().channels), ...);
      return builder.template add<operators::Concat>(node, x);
    }
  };

 public:
  template <class In>
  using output = typename Rule<detail::AsList<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return x.count == 1 ? x : detail::Wires::of(Rule<detail::AsList<In>>::lower(builder, x));
  }
};

/// Several values of one shape multiplied element by element; or two, of which the second is a factor for
/// each pixel of the first (`Shape<H, W, 1>`), for each channel (`Shape<C>`, `Shape<1, 1, C>`) or for all
/// (`Shape<1>`). PyTorch: `a * b`.
struct Multiply {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> : detail::ProductRule<Ins...> {};

 public:
  template <class In>
  using output = typename Rule<detail::AsList<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::product;
    node.name = "product";
    node.input = node.output = detail::extent_of<output<In>>();
    node.needs_output = false;
    if constexpr (Rule<detail::AsList<In>>::broadcast) {
      node.kind = detail::OperatorKind::other;
      return detail::Wires::of(builder.template add<operators::BroadcastProduct>(node, x));
    } else {
      return detail::Wires::of(builder.template add<operators::Product>(node, x));
    }
  }
};

/// Several values of one shape added up; at most 8. Rejected when compiling: different shapes
/// (`add_shapes_differ`). PyTorch: `a + b`.
struct Add {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> : detail::SameShapeRule<add_shapes_differ, Ins...> {};

 public:
  template <class In>
  using output = typename Rule<detail::AsList<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return x.count == 1 ? x
                        : detail::Wires::of(detail::lower_add(builder, x, detail::extent_of<output<In>>()));
  }
};

/// The largest of several values of one shape, element by element; at most 8. Where some are equal, the first
/// of them gets the gradient. Rejected when compiling: different shapes (`maximum_shapes_differ`). PyTorch:
/// `torch.maximum(a, b)`.
struct Maximum {
 private:
  template <class In>
  struct Rule;
  template <class... Ins>
  struct Rule<List<Ins...>> : detail::SameShapeRule<maximum_shapes_differ, Ins...> {};

 public:
  template <class In>
  using output = typename Rule<detail::AsList<In>>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::other;
    node.name = "maximum";
    node.input = node.output = detail::extent_of<output<In>>();
    return detail::Wires::of(builder.template add<operators::Maximum>(node, x));
  }
};

/// The branches' outputs over the same input, joined along the channels. PyTorch: `torch.cat([a(x), b(x)],
/// dim=1)`. At most 8 branches. Rejected when compiling: branches of different height or width
/// (`concat_sizes_differ`).
template <class... Branches>
struct Concat {
 private:
  using Spread = Heads<Branches...>;

 public:
  template <class In>
  using output = Join::output<typename Spread::template output<In>>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return Join::lower<typename Spread::template output<In>>(builder, Spread::template lower<In>(builder, x));
  }
};

/// The branches' outputs over the same input, multiplied element by element: `Product<Identity, Sigmoid>` is
/// x * sigmoid(x). Of two branches the second may be a factor for pixels or channels, as for `Multiply`.
/// PyTorch: `a(x) * b(x)`. Rejected when compiling: branches of different shapes (`product_shapes_differ`).
template <class... Branches>
struct Product {
 private:
  using Spread = Heads<Branches...>;

 public:
  template <class In>
  using output = Multiply::output<typename Spread::template output<In>>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return Multiply::lower<typename Spread::template output<In>>(builder,
                                                                 Spread::template lower<In>(builder, x));
  }
};

}  // namespace mmdl
