// SPDX-License-Identifier: Apache-2.0
// The fully connected layer.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"
#include "../layers/options.hpp"

namespace mmdl {

template <class Layer, class Input>
struct linear_takes_a_vector;  ///< problem: an image where a vector (or a sequence of them) was expected: put
                               ///< Flatten or a pooling before

namespace detail {
struct LinearOptions {
  bool bias = true;
  Initializer weight = Initializer::uniform_fan_in, first_bias = Initializer::uniform_fan_in;
  bool transposed = false;
};

/// A vector, or each of a sequence, takes another number of channels.
template <class In, int Channels>
struct LastExtentRule {
  using type = Shape<Channels>;  // of what is refused
};
template <int N, int Channels>
struct LastExtentRule<Shape<N>, Channels> {
  using type = Shape<Channels>;
};
template <int L, int N, int Channels>
struct LastExtentRule<Shape<L, N>, Channels> {
  using type = Shape<L, Channels>;
};
}  // namespace detail

/// Option of `Linear`: weights stored [Units][N], as an `Embedding` of `Units` vectors has them and as
/// PyTorch does.
struct Transposed {
  static constexpr void apply(detail::LinearOptions& o) { o.transposed = true; }
};

namespace detail {
template <class Layer, class In, int Units>
struct LinearRule {
  static_assert(accepted < is_shape<In> && In::rank <= 2, linear_takes_a_vector < Layer, In >>);
  using type = typename LastExtentRule<In, Units>::type;
};
}  // namespace detail

/// Option of `Linear`: He-normal weights and zero biases at first, for a layer before a ReLU.
struct HeNormal {
  static constexpr void apply(detail::LinearOptions& o) {
    o.weight = Initializer::he_normal, o.first_bias = Initializer::zeros;
  }
};

/// Option of `Linear`: weights from a standard normal distribution, zero biases, as an `Embedding`'s table:
/// for inputs of few ones among zeros, or probabilities of such, of which each row of weights is the meaning.
struct UnitNormal {
  static constexpr void apply(detail::LinearOptions& o) {
    o.weight = Initializer::normal, o.first_bias = Initializer::zeros;
  }
};

/// y = x * weight + bias: `Shape<N>` to `Shape<Units>`, and for each step of a sequence `Shape<L, N>` to
/// `Shape<L, Units>`. Weights are stored [N][Units]; at first uniform in +-1/sqrt(N), biases too (or
/// HeNormal, UnitNormal). Options: HeNormal, UnitNormal, Bias, Transposed. PyTorch: `torch.nn.Linear(N,
/// Units)`, whose weight is the transpose.
template <int Units, class... Options>
struct Linear {
  static_assert(Units > 0, "mmdl: a linear layer has at least one unit");
  static constexpr detail::LinearOptions options = [] {
    detail::LinearOptions o;
    (Options::apply(o), ...);
    return o;
  }();

  template <class In>
  using output = typename detail::LinearRule<Linear, In, Units>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return lower_size(builder, x, detail::extent_of<In>(), detail::extent_of<output<In>>(), options);
  }

 private:
  template <class Builder>
  static constexpr detail::Wires lower_size(Builder& builder, detail::Wires x, detail::Extent input,
                                            detail::Extent output, detail::LinearOptions o) {
    const int inputs = input.channels, units = output.channels;
    detail::Node node;
    node.kind = detail::OperatorKind::linear;
    node.name = "linear";
    node.input = input;
    node.output = output;
    node.needs_output = false;
    node.weight_transposed = o.transposed;
    node.multiply_adds = input.size() * units;
    const int rows = o.transposed ? units : inputs;
    const detail::EntrySpec entries[2] = {{"weight", o.weight, 2, {rows, inputs + units - rows}, inputs},
                                          {"bias", o.first_bias, 1, {units}, inputs, /*decay=*/false}};
    return detail::Wires::of(builder.template add<operators::Linear>(node, x, entries, o.bias ? 2 : 1));
  }
};

}  // namespace mmdl
