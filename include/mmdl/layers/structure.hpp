// SPDX-License-Identifier: Apache-2.0
// Layers that change no number: a name for a part of a network, a part that is not trained, and what a part
// keeps from the forward to the backward.
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
template <class Layer, Keeping keeping>
struct WithKeeping {
  template <class In>
  using output = typename Layer::template output<In>;

  template <class In, class Builder>
  static constexpr Wires lower(Builder& builder, Wires x) {
    const Keeping before = builder.keep(keeping);
    const Wires y = Layer::template lower<In>(builder, x);
    builder.keep(before);
    return y;
  }
};
}  // namespace detail

/// `Layer`, trained in less memory for more time: the backward also computes again convolutions of up to 512
/// multiply-adds for each number of their output (by default 192), instead of keeping them; over a
/// ResNet-101, three quarters of the memory for 6 % more multiply-adds. Results are the same to the bit,
/// names those of `Layer`. Inside `KeepActivations`, or the other way round, the inner one holds. PyTorch:
/// `torch.utils.checkpoint`. Source: Chen et al. 2016, "Training deep nets with sublinear memory cost".
template <class Layer>
struct Checkpointed : detail::WithKeeping<Layer, detail::Keeping::little> {};

/// `Layer`, whose backward computes nothing again: all that it reads is kept from the forward. A little
/// faster where memory is no concern. Results are the same to the bit, names those of `Layer`. PyTorch: what
/// it does without `torch.utils.checkpoint`.
template <class Layer>
struct KeepActivations : detail::WithKeeping<Layer, detail::Keeping::all> {};

namespace detail {
template <class Layer>
inline constexpr bool is_named = false;
template <class Label, class Layer>
inline constexpr bool is_named<Named<Label, Layer>> = true;
}  // namespace detail

}  // namespace mmdl
