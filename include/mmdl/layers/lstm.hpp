// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over a sequence, or one step of it.
#pragma once

#include "../core/require.hpp"
#include "../layers/steps.hpp"

namespace mmdl {

template <class Layer, class Input>
struct lstm_takes_sequence_state_mask;  ///< problem: the inputs are none of those that `Lstm` takes

namespace detail {
struct LstmOptions {
  bool forget_bias = false;
  bool state = false;
};

/// What an LSTM is given: a sequence, perhaps its first state, perhaps a mask.
template <int Units, class In>
struct LstmInputs {
  static constexpr bool valid = false;
  static constexpr int steps = 1;
  using sequence = Shape<1, 1>;
};
template <int Units, int L, int N>
struct LstmInputs<Units, List<Shape<L, N>>> {
  static constexpr bool valid = true;
  static constexpr int steps = L;
  using sequence = Shape<L, N>;
};
template <int Units, int L, int N>
struct LstmInputs<Units, List<Shape<L, N>, Shape<L>>> : LstmInputs<Units, List<Shape<L, N>>> {};
template <int Units, int L, int N>
struct LstmInputs<Units, List<Shape<L, N>, Shape<Units>, Shape<Units>>>
    : LstmInputs<Units, List<Shape<L, N>>> {};
template <int Units, int L, int N>
struct LstmInputs<Units, List<Shape<L, N>, Shape<Units>, Shape<Units>, Shape<L>>>
    : LstmInputs<Units, List<Shape<L, N>>> {};
}  // namespace detail

/// Option of `Lstm`: biases are zero at first but for the forget gates', which are one (Gers et al. 2000;
/// Jozefowicz et al. 2015), so that a new network remembers.
struct ForgetBias {
  static constexpr void apply(detail::LstmOptions& o) { o.forget_bias = true; }
};
/// Option of `Lstm`: the last h and c are outputs too.
struct WithState {
  static constexpr void apply(detail::LstmOptions& o) { o.state = true; }
};

/// A long short-term memory over the L steps of a sequence, h of each step: `Shape<L, N>` to `Shape<L,
/// Units>`; `WithState`: to `List<Shape<L, Units>, Shape<Units>, Shape<Units>>`, the last h and c beside it.
/// Of L = 1 it is a cell, for decoding step by step with the state given in and taken out. For each step
///
///   i = sigmoid(x Wi + h Ui + bi)    f = sigmoid(x Wf + h Uf + bf)    g = tanh(x Wg + h Ug + bg)
///   o = sigmoid(x Wo + h Uo + bo)    c' = f c + i g                   h' = o tanh(c')
///
/// Inputs: `Shape<L, N>` x; or with the state before the first step `List<Shape<L, N>, Shape<Units> h,
/// Shape<Units> c>` (zeros without it); each with a mask `Shape<L>` as one input more, last. Where the mask
/// is 0 the step is absent: h and c stay as they were (h is repeated in the output), and x there gets no
/// gradient. A step costs products for the samples up to the last of the batch that
/// has it: little in a batch sorted by length, longest first. Other inputs are rejected when compiling
/// (`lstm_takes_sequence_state_mask`).
///
/// Parameters: "weight" [N][4 * Units], "state_weight" [Units][4 * Units], "bias" [4 * Units], columns in the
/// order i, f, g, o, at first uniform in +-1/sqrt(Units). Options: `ForgetBias`, `WithState`. PyTorch:
/// `torch.nn.LSTM(N, Units, batch_first=True)`, whose weights are the transposes and whose two biases add up
/// to this one. Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
template <int Units, class... Options>
struct Lstm {
  static_assert(Units > 0, "mmdl: an LSTM has at least one unit");
  static constexpr detail::LstmOptions options = [] {
    detail::LstmOptions o;
    (Options::apply(o), ...);
    return o;
  }();

 private:
  template <class In>
  struct Rule {
    using Inputs = detail::LstmInputs<Units, detail::AsList<In>>;
    static_assert(detail::accepted<Inputs::valid, lstm_takes_sequence_state_mask<Lstm, In>>);
    using sequence = typename Inputs::sequence;
    using hidden = Shape<Inputs::steps, Units>;
    using type = std::conditional_t<options.state, List<hidden, Shape<Units>, Shape<Units>>, hidden>;
  };

 public:
  template <class In>
  using output = typename Rule<In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return lower_size(builder, x, detail::extent_of<typename Rule<In>::sequence>());
  }

 private:
  template <class Builder>
  static constexpr detail::Wires lower_size(Builder& builder, detail::Wires x, detail::Extent input) {
    detail::Node node;
    node.kind = detail::OperatorKind::other;
    node.name = "lstm";
    node.input = input;
    node.output = {1, input.width, 6 * Units};  // h, c, and the gates for the backward
    node.multiply_adds = input.pixels() * 4 * Units * (input.channels + Units);
    const auto bias = options.forget_bias ? Initializer::second_quarter_ones : Initializer::uniform_fan_in;
    const detail::EntrySpec entries[3] = {
        {"weight", Initializer::uniform_fan_in, 2, {input.channels, 4 * Units}, Units},
        {"state_weight", Initializer::uniform_fan_in, 2, {Units, 4 * Units}, Units},
        {"bias", bias, 1, {4 * Units}, Units, /*decay=*/false}};
    const int all = builder.template add<operators::Lstm>(node, x, entries, 3);
    detail::Wires y =
        detail::Wires::of(detail::lower_slice(builder, all, node.output, {1, input.width, Units}, 0, 0));
    if constexpr (options.state)
      for (const int channel : {0, Units})
        y.push(detail::lower_slice(builder, all, node.output, {1, 1, Units}, input.width - 1, channel));
    return y;
  }
};

}  // namespace mmdl
