// SPDX-License-Identifier: Apache-2.0
// How each stage is trained: the paper's values for its two data sets, and ours for what two cores can do.
#pragma once

#include <functional>
#include <map>
#include <mmdl/optim/any_optimizer.hpp>
#include <string>

namespace reproduce {

/// How one stage is trained.
struct Recipe {
  std::string optimizer = "adamw";  ///< "sgd" or "adamw"
  float learning_rate = 1e-3f, momentum = 0.9f, weight_decay = 0.05f, clip = 5.0f;
  std::string schedule =
      "cosine";  ///< "cosine" to zero over all epochs, or "step": a tenth every `decay_every` steps
  long decay_every = 80'000;
  int epochs = 10;
  long most_steps = 0;  ///< ends the stage where it comes before the last epoch; 0: never
  int batch = 32;
  int warm_up = 0;   ///< steps in which the learning rate rises
  int patience = 0;  ///< epochs without a lower loss on the held-out images before the end; 0: none

  mmdl::AnyOptimizer make_optimizer() const;
  std::function<float(long)> make_schedule(long steps_of_an_epoch) const;
  /// All of it in one line: a stage's weights count as done only for the same recipe.
  std::string str() const;
};

/// The recipes of all stages of a study.
struct Recipes {
  Recipe pretrain;  ///< scenes only: the backbone learns to recognise things, on pictures of their own
  Recipe backbone;  ///< fine-tuning of the backbone
  Recipe fusion;    ///< the fusion branch over the frozen backbone
  Recipe text;      ///< the tag network
  Recipe labels;    ///< the label head over frozen features
  Recipe quantity;  ///< the quantity regressor over frozen features
  Recipe methods;   ///< the compared methods: epochs, batch, patience; the rest is their own where 0
  std::map<std::string, Recipe> some_methods;  ///< by name, those that are trained otherwise
  Recipe end_to_end;                           ///< all but the backbone
  float end_to_end_quantity_weight = 1.0f;     ///< of the quantity's loss in the sum
  float least_crop = 0.5f;                     ///< least part of a training image that a random crop keeps
  double validation = 0.1;  ///< share of the training images that is held out for early stopping

  /// Every stage ends after `epochs` epochs at the latest; 0: as it is.
  void limit(int epochs);
  const Recipe& of_method(const std::string& name) const;
};

/// The paper's values (Niu et al., section IV-A-3) for "nus-wide" and "coco" with "full"; ours for "scenes"
/// and "corel5k", and for "quick", a run that ends on two cores.
Recipes recipes_for(const std::string& data, const std::string& preset);

}  // namespace reproduce
