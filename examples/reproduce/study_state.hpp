// SPDX-License-Identifier: Apache-2.0
// What all parts of a study share: its data in splits, its recipes, its folder, and what it found so far.
#pragma once

#include <array>
#include <mmdl/losses/sigmoid_cross_entropy.hpp>
#include <string>

#include "features.hpp"
#include "scoring.hpp"
#include "study.hpp"

namespace reproduce {

/// Stays where it is: its splits refer to its data, and the parts of the study to it.
struct StudyState {
  /// `image_size`: pixels a side that the networks see.
  StudyState(const StudyOptions& study_options, StudyData study_data, const Recipes& all_recipes,
             Workspace& workspace, int image_size);
  StudyState(const StudyState&) = delete;
  StudyState& operator=(const StudyState&) = delete;

  const Split& train() const { return splits[0]; }
  const Split& held_out() const { return splits[1]; }
  const Split& test() const { return splits[2]; }
  std::size_t label_count() const { return data.train.labels.size(); }

  /// A folder holds the run of a frozen backbone or of a fine-tuned one: throws where it holds the other.
  void check_folder() const;

  /// How a stage of this recipe reads images: in training shuffled and changed.
  mmdl::LoaderOptions loading(const Recipe& recipe, bool training) const;
  /// How images are read whose features are kept.
  mmdl::LoaderOptions plain_loading() const;

  /// Adds a split's file to the features <name>; `network`: a text that changes whenever what computes them
  /// does.
  mmdl::FeatureCache& open_cache(Features& features, const std::string& name, const Split& split,
                                 const std::string& network) const;

  /// Enters a row of the tables.
  void put(const std::string& row, const mmdl::AnnotationScores& scores, const TestRows& rows,
           const Logits& logits);
  /// Enters what the report says of the study itself.
  void describe(const TestRows& rows);

  const StudyOptions options;
  const StudyData data;
  const Recipes recipes;
  Workspace& work;
  std::array<Split, 3> splits;  ///< the training images, the held-out ones, those of the test
  std::string print;            ///< a text that changes with any of them, their labels or tags
  mmdl::SigmoidCrossEntropy label_loss;
  Results results;
};

}  // namespace reproduce
