// SPDX-License-Identifier: Apache-2.0
// What a training step is given: one loss for each output, and tensors of the right shapes.
#pragma once

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/require.hpp"
#include "../core/tensor.hpp"
#include "../graph/describe.hpp"
#include "../graph/program.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

template <class Expected, class Found>
struct input_shapes_differ;  ///< problem: the tensors given are not those of the model's inputs

template <class OutputShape, class TargetShape>
struct loss_target_shape_differs;  ///< problem: a loss was given targets of another shape than it takes: the
                                   ///< output's, unless the loss says otherwise
template <class Outputs, class Losses>
struct one_loss_for_each_output;  ///< problem: a network with several outputs takes `Losses{...}`, one for
                                  ///< each
template <class Expected, class Found>
struct step_takes_inputs_then_targets;  ///< problem: the number of tensors given to a training step

/// One loss for each output of a network with several, in order; their `weight`s say how much each counts:
/// `Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}}`.
template <class... Each>
struct Losses {
  std::tuple<Each...> each;
  constexpr Losses(Each... losses) : each(losses...) {}
};

namespace detail {

template <class Loss>
struct LossList {
  using type = List<Loss>;
  static std::tuple<Loss> tuple(const Loss& loss) { return {loss}; }
};
template <class... Each>
struct LossList<Losses<Each...>> {
  using type = List<Each...>;
  static std::tuple<Each...> tuple(const Losses<Each...>& losses) { return losses.each; }
};

/// The shape of a loss' targets: the output's, or what it names as `Loss::target`.
template <class Loss, class Output>
struct TargetOf {
  using type = Output;
};
template <class Loss, class Output>
requires requires { typename Loss::target; }
struct TargetOf<Loss, Output> {
  using type = typename Loss::target;
};

/// The trained parameters as few contiguous ranges as possible; frozen ones are in none.
inline std::vector<ParameterRange> trained_ranges(const GraphView& graph) {
  std::vector<ParameterRange> ranges;
  for (int e = 0; e < graph.entry_count; ++e) {
    const Entry& entry = graph.entries[e];
    if (entry.spec.state || entry.frozen) continue;
    const long end = entry.offset + entry.spec.count();
    if (!ranges.empty() && ranges.back().end == entry.offset && ranges.back().decay == entry.spec.decay)
      ranges.back().end = end;
    else
      ranges.push_back({entry.offset, end, entry.spec.decay});
  }
  return ranges;
}

/// The shapes that a step takes, checked when compiling.
template <class ModelType, class Loss>
struct StepShapes {
  using InputList = AsList<typename ModelType::input>;
  using OutputList = AsList<typename ModelType::output>;
  using LossTypes = typename LossList<Loss>::type;
  static_assert(
      accepted<OutputList::count == LossTypes::count, one_loss_for_each_output<OutputList, LossTypes>>);

  template <int Index>
  using Target = typename TargetOf<At<Index, LossTypes>, At<Index, OutputList>>::type;

  template <class... Shapes>
  static constexpr void check(List<Shapes...>) {
    constexpr int inputs = InputList::count, outputs = OutputList::count;
    static_assert(accepted<sizeof...(Shapes) == inputs + outputs,
                           step_takes_inputs_then_targets<List<InputList, OutputList>, List<Shapes...>>>);
    [&]<int... I>(std::integer_sequence<int, I...>) {
      static_assert((accepted<std::is_same_v<At<I, List<Shapes...>>, At<I, InputList>>,
                              input_shapes_differ<At<I, InputList>, At<I, List<Shapes...>>>> &&
                     ...));
    }
    (std::make_integer_sequence<int, inputs>{});
    [&]<int... I>(std::integer_sequence<int, I...>) {
      static_assert((accepted<std::is_same_v<At<inputs + I, List<Shapes...>>, Target<I>>,
                              loss_target_shape_differs<Target<I>, At<inputs + I, List<Shapes...>>>> &&
                     ...));
    }
    (std::make_integer_sequence<int, outputs>{});
  }
};

}  // namespace detail
}  // namespace mmdl
