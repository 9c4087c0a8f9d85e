// SPDX-License-Identifier: Apache-2.0
// Layers that change no number: a name for a part of a network, and a part that is not trained.
#pragma once

#include "../graph/lower.hpp"

namespace mmdl {

/// `Layer`, its parameters' names beginning with `Label::name` (a `static constexpr const char*`).
template <class Label, class Layer>
struct Named {
  template <class In>
  using output = typename Layer::template output<In>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    builder.enter(Label::name, /*numbered=*/false);
    const detail::Wires y = Layer::template lower<In>(builder, x);
    builder.leave();
    return y;
  }
};

/// `Layer`, not trained: its parameters and running statistics never change, it runs as in inference (batch
/// norm by its running statistics, no dropout), and where nothing below it is trained it costs no backward
/// and keeps no activations. Names are those of `Layer`, so weights pass between the frozen and the trained
/// form. PyTorch: `requires_grad_(False)` and `eval()`.
template <class Layer>
struct Frozen {
  template <class In>
  using output = typename Layer::template output<In>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    builder.freeze();
    const detail::Wires y = Layer::template lower<In>(builder, x);
    builder.thaw();
    return y;
  }
};

namespace detail {
template <class Layer>
inline constexpr bool is_named = false;
template <class Label, class Layer>
inline constexpr bool is_named<Named<Label, Layer>> = true;
}  // namespace detail

}  // namespace mmdl
