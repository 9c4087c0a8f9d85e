// SPDX-License-Identifier: Apache-2.0
// What an optimizer's step is made of: pieces of the parameters, each updated from its gradient alone.
#pragma once

#include <span>

#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

/// Some numbers of a parameter that a step updates: `count` of each array. An optimizer makes a rule for each
/// step, `optimizer.template rule<T>(rate, step)` (`step` from 0), which is called with every piece, from any
/// thread and in any order: a number's update depends on its own gradient and state only.
template <class T>
struct UpdatePiece {
  static constexpr int max_slots = 4;

  T* parameters = nullptr;
  const T* gradients = nullptr;
  T* slots[max_slots] = {};  ///< the optimizer's state, in as many arrays as its `slots()`
  long count = 0;
  bool decays = true;  ///< false for biases and batch-norm parameters
};

/// A step's rule with the flat buffers that it updates.
template <class T, class Rule>
struct ParametersUpdate {
  Rule rule;
  T* parameters = nullptr;
  T* slots[UpdatePiece<T>::max_slots] = {};

  /// Updates the numbers from `begin` on, whose gradients are `gradients[0]` to `gradients[count - 1]`.
  void operator()(long begin, const T* gradients, long count, bool decays) const {
    UpdatePiece<T> piece{parameters + begin, gradients, {}, count, decays};
    for (int s = 0; s < UpdatePiece<T>::max_slots; ++s)
      if (slots[s] != nullptr) piece.slots[s] = slots[s] + begin;
    rule(piece);
  }
};

/// The step of `optimizer` for flat buffers. `slots`: `optimizer.slots()` arrays.
template <class T, class Optimizer>
auto parameters_update(const Optimizer& optimizer, T* parameters, T* const* slots, float rate, long step) {
  ParametersUpdate<T, decltype(optimizer.template rule<T>(rate, step))> update{
      optimizer.template rule<T>(rate, step), parameters, {}};
  for (int s = 0; s < optimizer.slots(); ++s) update.slots[s] = slots[s];
  return update;
}

/// Applies a step to the ranges, by all threads. PyTorch: `optimizer.step()`.
template <class T, class Rule>
void update_ranges(const ParametersUpdate<T, Rule>& update, const T* gradients,
                   std::span<const ParameterRange> ranges) {
  for (const ParameterRange& range : ranges)
    detail::parallel_ranges(range.end - range.begin, detail::update_grain, [&](long begin, long end) {
      update(range.begin + begin, gradients + range.begin + begin, end - begin, range.decay);
    });
}

/// Both: one step of `optimizer` for the ranges of flat buffers.
template <class T, class Optimizer>
void update_parameters(const Optimizer& optimizer, T* parameters, const T* gradients, T* const* slots,
                       std::span<const ParameterRange> ranges, float rate, long step) {
  update_ranges(parameters_update(optimizer, parameters, slots, rate, step), gradients, ranges);
}

}  // namespace mmdl
