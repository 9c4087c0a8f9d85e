// SPDX-License-Identifier: Apache-2.0
// Batch normalisation over the samples and places of each channel.
#pragma once

#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

namespace detail {
struct BatchNormOptions {
  int epsilon_millionths = 10;
  int momentum_millionths = 100'000;
};
}  // namespace detail

/// Option of `BatchNormWith`: epsilon in millionths. `EpsilonMillionths<1000>` is 1e-3 (TensorFlow's,
/// Keras').
template <int Value>
struct EpsilonMillionths {
  static_assert(Value > 0, "mmdl: epsilon is positive");
  static constexpr void apply(detail::BatchNormOptions& o) { o.epsilon_millionths = Value; }
};

/// Option of `BatchNormWith`: momentum in millionths, PyTorch's convention. The paper's TensorFlow decay of
/// 0.9997 is `MomentumMillionths<300>`.
template <int Value>
struct MomentumMillionths {
  static_assert(Value >= 0 && Value <= 1'000'000, "mmdl: momentum is between 0 and 1");
  static constexpr void apply(detail::BatchNormOptions& o) { o.momentum_millionths = Value; }
};

/// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, for each channel; any shape, kept. In training
/// the mean and the (biased) variance are the batch's, and the running statistics move by `momentum` (with
/// the unbiased variance); in inference and in a `Frozen` part they are the running ones. Defaults: epsilon
/// 1e-5, momentum 0.1. Throws `Error` in training when a batch has one value a channel. PyTorch:
/// `torch.nn.BatchNorm2d`, `BatchNorm1d`. Source: Ioffe and Szegedy 2015.
template <class... Options>
struct BatchNormWith {
  static constexpr detail::BatchNormOptions options = [] {
    detail::BatchNormOptions o;
    (Options::apply(o), ...);
    return o;
  }();

  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return lower_extent(builder, x, detail::extent_of<In>(), options);
  }

 private:
  template <class Builder>
  static constexpr detail::Wires lower_extent(Builder& builder, detail::Wires x, detail::Extent extent,
                                              detail::BatchNormOptions o) {
    detail::Node node;
    node.kind = detail::OperatorKind::batch_norm;
    node.name = "batch_norm";
    node.input = node.output = extent;
    node.epsilon_millionths = o.epsilon_millionths;
    node.momentum_millionths = o.momentum_millionths;
    node.needs_output = false;
    node.saved = 2L * extent.channels;
    node.multiply_adds = extent.size();
    return detail::Wires::of(builder.template add<operators::BatchNorm>(
        node, x,
        {{"weight", Initializer::ones, 1, {extent.channels}, 1, false},
         {"bias", Initializer::zeros, 1, {extent.channels}, 1, false},
         {"running_mean", Initializer::zeros, 1, {extent.channels}, 1, false, true},
         {"running_variance", Initializer::ones, 1, {extent.channels}, 1, false, true}}));
  }
};

/// Batch normalisation with PyTorch's defaults; see `BatchNormWith`.
using BatchNorm = BatchNormWith<>;

}  // namespace mmdl
