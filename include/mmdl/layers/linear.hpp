// SPDX-License-Identifier: Apache-2.0
// The fully connected layer.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"
#include "../layers/options.hpp"

namespace mmdl {

template <class Layer, class Input>
struct linear_takes_a_vector;  ///< problem: an image where a vector was expected: put Flatten or a pooling
                               ///< before

namespace detail {
struct LinearOptions {
  bool bias = true;
  bool he = false;
};
}  // namespace detail

/// Option of `Linear`: He-normal weights and zero biases at first, for a layer before a ReLU.
struct HeNormal {
  static constexpr void apply(detail::LinearOptions& o) { o.he = true; }
};

/// y = x * weight + bias: `Shape<N>` to `Shape<Units>`. Weights are stored [N][Units]; at first uniform in
/// +-1/sqrt(N), biases too (or HeNormal). Options: HeNormal, Bias. PyTorch: `torch.nn.Linear(N, Units)`,
/// whose weight is the transpose.
template <int Units, class... Options>
struct Linear {
  static_assert(Units > 0, "mmdl: a linear layer has at least one unit");
  static constexpr detail::LinearOptions options = [] {
    detail::LinearOptions o;
    (Options::apply(o), ...);
    return o;
  }();

  template <class In>
  using output = Shape<Units>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    static_assert(detail::accepted < detail::is_shape<In> && In::rank == 1, linear_takes_a_vector < Linear,
                  In >>);
    return lower_size(builder, x, static_cast<int>(In::size), Units, options);
  }

 private:
  template <class Builder>
  static constexpr detail::Wires lower_size(Builder& builder, detail::Wires x, int inputs, int units,
                                            detail::LinearOptions o) {
    detail::Node node;
    node.kind = detail::OperatorKind::linear;
    node.name = "linear";
    node.input = {1, 1, inputs};
    node.output = {1, 1, units};
    node.needs_output = false;
    node.multiply_adds = static_cast<long>(inputs) * units;
    const auto weight = o.he ? Initializer::he_normal : Initializer::uniform_fan_in;
    const auto bias = o.he ? Initializer::zeros : Initializer::uniform_fan_in;
    const detail::EntrySpec entries[2] = {{"weight", weight, 2, {inputs, units}, inputs},
                                          {"bias", bias, 1, {units}, inputs, /*decay=*/false}};
    return detail::Wires::of(builder.template add<operators::Linear>(node, x, entries, o.bias ? 2 : 1));
  }
};

}  // namespace mmdl
