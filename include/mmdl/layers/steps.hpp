// SPDX-License-Identifier: Apache-2.0
// Between vectors and sequences of them.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

template <class Layer, class Input>
struct step_out_of_range;  ///< problem: `Step` beyond the sequence, or of what is no sequence
template <class Layer, class Input>
struct over_steps_takes_a_vector;  ///< problem: `OverSteps` repeats a vector, `Shape<N>`

namespace detail {

template <class Builder>
constexpr int lower_slice(Builder& builder, int value, Extent input, Extent output, int row, int channel) {
  Node node;
  node.kind = OperatorKind::other;
  node.name = "slice";
  node.input = input;
  node.output = output;
  node.first_row = row;
  node.first_channel = channel;
  node.needs_inputs = node.needs_output = false;
  return builder.template add<operators::Slice>(node, Wires::of(value));
}

}  // namespace detail

/// Step `Index`, from 0, of a sequence: `Shape<L, N>` to `Shape<N>`. Rejected when compiling: a step that is
/// not there (`step_out_of_range`). PyTorch: `x[:, Index]`.
template <int Index>
struct Step {
 private:
  template <class In>
  struct Rule {
    static_assert(detail::accepted<false, step_out_of_range<Step, In>>);
    using type = Shape<1>;
  };
  template <int L, int N>
  struct Rule<Shape<L, N>> {
    static_assert(detail::accepted<(Index >= 0 && Index < L), step_out_of_range<Step, Shape<L, N>>>);
    using type = Shape<N>;
  };

 public:
  template <class In>
  using output = typename Rule<In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    return detail::Wires::of(detail::lower_slice(builder, x.id[0], detail::extent_of<In>(),
                                                 detail::extent_of<output<In>>(), Index, 0));
  }
};

/// A vector at each of `Length` steps: `Shape<N>` to `Shape<Length, N>`. PyTorch: `x.unsqueeze(1).expand(-1,
/// Length, -1)`. Rejected when compiling: anything but a vector (`over_steps_takes_a_vector`).
template <int Length>
struct OverSteps {
  static_assert(Length > 0, "mmdl: a sequence has at least one step");

 private:
  template <class In>
  struct Rule {
    static_assert(detail::accepted < detail::is_shape<In> && In::rank == 1,
                  over_steps_takes_a_vector < OverSteps, In >>);
    using type = Shape<Length, static_cast<int>(In::size)>;
  };

 public:
  template <class In>
  using output = typename Rule<In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::other;
    node.name = "over_steps";
    node.input = detail::extent_of<In>();
    node.output = detail::extent_of<output<In>>();
    node.needs_inputs = node.needs_output = false;
    return detail::Wires::of(builder.template add<operators::OverSteps>(node, x));
  }
};

}  // namespace mmdl
