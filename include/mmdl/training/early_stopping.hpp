// SPDX-License-Identifier: Apache-2.0
// Ends a training that gets no better on held-out samples, and keeps the best weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../training/model.hpp"

namespace mmdl {

namespace detail {

/// All parameters and running statistics of a model, in one list.
template <class ModelType>
std::vector<typename ModelType::value_type> copy_weights(const ModelType& model) {
  const auto& engine = model.engine();
  std::vector<typename ModelType::value_type> all(engine.parameters(),
                                                  engine.parameters() + engine.graph().parameters);
  all.insert(all.end(), engine.states(), engine.states() + engine.graph().states);
  return all;
}

/// Puts back what `copy_weights` took from a model of the same network.
template <class ModelType>
void restore_weights(ModelType& model, const std::vector<typename ModelType::value_type>& weights) {
  auto& engine = model.engine();
  const auto parameters = weights.begin() + engine.graph().parameters;
  std::copy(weights.begin(), parameters, engine.parameters());
  std::copy(parameters, weights.end(), engine.states());
}

}  // namespace detail

/// Watches a number that is to fall, such as the loss on held-out samples, once an epoch: keeps the weights
/// of the best epoch, and says when `patience` epochs have passed without a better one (Niu et al., section
/// IV-A-3: "up to 160,000 iterations with early stopping"). The model must outlive it. PyTorch: no equivalent
/// of its own.
template <class ModelType>
class EarlyStopping {
 public:
  /// With `patience` 0 it never stops, and still keeps the best weights. Throws `Error` when it is negative.
  EarlyStopping(ModelType& model, int patience) : model_(&model), patience_(patience) {
    if (patience < 0) detail::fail("EarlyStopping: patience", std::to_string(patience), "0 (never) or more");
  }

  /// Takes the number after an epoch, and the model's weights with it where it is the lowest so far; says
  /// whether it is. A NaN is never the lowest.
  bool update(double value) {
    ++epochs_;
    if (!(value < best_)) return false;
    best_ = value;
    best_epoch_ = epochs_ - 1;
    weights_ = detail::copy_weights(*model_);
    return true;
  }

  /// Whether `patience` epochs have brought nothing better.
  bool stop() const { return patience_ > 0 && epochs_ - 1 - best_epoch_ >= patience_; }

  /// Puts the best epoch's weights back into the model; nothing where there was no epoch.
  void restore() {
    if (best_epoch_ >= 0) detail::restore_weights(*model_, weights_);
  }

  /// Takes up a run that was cut off: the model holds the weights of its best epoch.
  void resume(int epochs, int best_epoch, double best) {
    if (best_epoch < -1 || best_epoch >= epochs)
      detail::fail("EarlyStopping: best epoch", std::to_string(best_epoch),
                   "one of " + std::to_string(epochs));
    epochs_ = epochs;
    best_epoch_ = best_epoch;
    if (best_epoch < 0) return;
    best_ = best;
    weights_ = detail::copy_weights(*model_);
  }

  int epochs() const { return epochs_; }          ///< epochs seen
  int best_epoch() const { return best_epoch_; }  ///< the best, from 0; -1 before the first
  double best() const { return best_; }           ///< its number; infinite before the first

 private:
  ModelType* model_;
  int patience_;
  int epochs_ = 0, best_epoch_ = -1;
  double best_ = std::numeric_limits<double>::infinity();
  std::vector<typename ModelType::value_type> weights_;
};

}  // namespace mmdl
