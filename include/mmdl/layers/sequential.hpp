// SPDX-License-Identifier: Apache-2.0
// Layers one after the other, and a layer several times.
#pragma once

#include <type_traits>
#include <utility>

#include "../graph/lower.hpp"

namespace mmdl {

/// The layers one after the other, each fed with the output of the one before. PyTorch:
/// `torch.nn.Sequential`.
template <class... Layers>
struct Sequential {
  template <class In>
  using output = typename decltype((detail::TypeFlow<In>{} >> ... >> detail::Tag<Layers>{}))::shape;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return (detail::Flow<In, Builder>{builder, x} >> ... >> detail::Tag<Layers>{}).wires;
  }
};

namespace detail {
template <class Layer, class Start, int... Indices>
constexpr auto repeat_chain(Start start, std::integer_sequence<int, Indices...>) {
  return (start >> ... >> Tag<std::enable_if_t<(Indices >= 0), Layer>>{});
}
}  // namespace detail

/// `Layer`, `Count` times one after the other, each time with parameters of its own.
template <int Count, class Layer>
struct Repeat {
  static_assert(Count >= 0, "mmdl: Repeat takes a count of 0 or more");

  template <class In>
  using output = typename decltype(detail::repeat_chain<Layer>(
      detail::TypeFlow<In>{}, std::make_integer_sequence<int, Count>{}))::shape;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return detail::repeat_chain<Layer>(detail::Flow<In, Builder>{builder, x},
                                       std::make_integer_sequence<int, Count>{})
        .wires;
  }
};

}  // namespace mmdl
