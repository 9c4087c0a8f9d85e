// SPDX-License-Identifier: Apache-2.0
// An optimizer that is chosen when the program runs.
#pragma once

#include <utility>
#include <variant>

#include "../optim/adam.hpp"
#include "../optim/rms_prop.hpp"
#include "../optim/sgd.hpp"

namespace mmdl {

/// `Sgd`, `RmsProp`, `Adam` or `AdamW` behind one type, so that a training step is compiled once:
/// `Trainer trainer{model, loss, AnyOptimizer(AdamW{.learning_rate = 1e-3f})};`. The branch is taken once a
/// piece.
struct AnyOptimizer {
  float learning_rate = 0.0f;  ///< of the one chosen
  std::variant<Sgd, Adam, AdamW, RmsProp> chosen;

  AnyOptimizer(const Sgd& sgd) : learning_rate(sgd.learning_rate), chosen(sgd) {}
  AnyOptimizer(const Adam& adam) : learning_rate(adam.learning_rate), chosen(adam) {}
  AnyOptimizer(const AdamW& adam) : learning_rate(adam.learning_rate), chosen(adam) {}
  AnyOptimizer(const RmsProp& rms_prop) : learning_rate(rms_prop.learning_rate), chosen(rms_prop) {}

  /// Throws `Error` for an option out of its range.
  template <class = void>  // compiled only where it is called
  void check() const {
    std::visit([](const auto& optimizer) { optimizer.check(); }, chosen);
  }
  /// State buffers of the parameters' size.
  template <class = void>
  int slots() const {
    return std::visit([](const auto& optimizer) { return optimizer.slots(); }, chosen);
  }
  /// What a step does to each piece, as the chosen one does.
  template <class T>
  struct Rule {
    template <class Optimizer>
    using Of = decltype(std::declval<Optimizer>().template rule<T>(0.0f, 0));
    std::variant<Of<Sgd>, Of<Adam>, Of<AdamW>, Of<RmsProp>> chosen;

    void operator()(const UpdatePiece<T>& piece) const {
      std::visit([&](const auto& rule) { rule(piece); }, chosen);
    }
  };
  template <class T>
  Rule<T> rule(float rate, long step) const {
    return std::visit([&](const auto& optimizer) { return Rule<T>{optimizer.template rule<T>(rate, step)}; },
                      chosen);
  }
};

}  // namespace mmdl
