// SPDX-License-Identifier: Apache-2.0
// A backbone is the list of its scales, from the finest to the coarsest; each scale's output is a tap.
#pragma once

#include "../graph/lower.hpp"
#include "../layers/structure.hpp"

namespace mmdl {

/// The scales S_1 … S_K of a network, M_l = S_l(M_{l-1}) (Niu et al., equation 1): each is a layer fed with
/// the one before. As a layer it gives all of M_1 … M_K, a `List`. Names: "scale1", "scale2", ….
template <class... Each>
struct Backbone {
  static constexpr int scales = sizeof...(Each);
  static_assert(scales > 0, "mmdl: a backbone has at least one scale");
  static_assert(scales <= detail::max_inputs, "mmdl: a backbone has at most 8 scales");

 private:
  /// The scales so far, and the value that the next one reads.
  template <class Taps, class Last>
  struct TypeTaps;
  template <class... Taps, class Last>
  struct TypeTaps<List<Taps...>, Last> {
    using taps = List<Taps...>;
    template <class Scale>
    friend constexpr auto operator>>(TypeTaps, detail::Tag<Scale>)
        -> TypeTaps<List<Taps..., typename Scale::template output<Last>>,
                    typename Scale::template output<Last>> {
      return {};
    }
  };

  template <class In, class Builder>
  struct FlowTaps {
    Builder& builder;
    detail::Wires taps;
    int last;
    template <class Scale>
    friend constexpr auto operator>>(FlowTaps flow, detail::Tag<Scale>) {
      flow.builder.enter("scale");
      const int tap = Scale::template lower<In>(flow.builder, detail::Wires::of(flow.last)).id[0];
      flow.builder.leave();
      flow.taps.push(tap);
      return FlowTaps<typename Scale::template output<In>, Builder>{flow.builder, flow.taps, tap};
    }
  };

 public:
  template <class In>
  using output = typename decltype((TypeTaps<List<>, In>{} >> ... >> detail::Tag<Each>{}))::taps;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return (FlowTaps<In, Builder>{builder, {}, x.id[0]} >> ... >> detail::Tag<Each>{}).taps;
  }
};

namespace detail {

/// A backbone as the list of its scales; a frozen one is the list of its frozen scales, and so on.
template <class B>
struct AsBackbone;
template <class... Each>
struct AsBackbone<Backbone<Each...>> {
  using type = Backbone<Each...>;
};
template <class... Each>
struct AsBackbone<Frozen<Backbone<Each...>>> {
  using type = Backbone<Frozen<Each>...>;
};
template <class... Each>
struct AsBackbone<Checkpointed<Backbone<Each...>>> {
  using type = Backbone<Checkpointed<Each>...>;
};
template <class... Each>
struct AsBackbone<KeepActivations<Backbone<Each...>>> {
  using type = Backbone<KeepActivations<Each>...>;
};

/// The backbone's first scales: what lies above the last scale in use is not built.
template <int Count, class B, class Sequence = std::make_integer_sequence<int, Count>>
struct FirstScales;
template <int Count, class... Each, int... Indices>
struct FirstScales<Count, Backbone<Each...>, std::integer_sequence<int, Indices...>> {
  using type = Backbone<At<Indices, List<Each...>>...>;
};

}  // namespace detail
}  // namespace mmdl
