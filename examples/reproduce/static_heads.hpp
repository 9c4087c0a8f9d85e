// SPDX-License-Identifier: Apache-2.0
// What is trained on features that were computed once: labels, quantities, and the features of the tags.
#pragma once

#include <algorithm>
#include <mmdl/data/word_vectors.hpp>
#include <span>
#include <string>
#include <vector>

#include "static_features.hpp"
#include "static_stages.hpp"

namespace reproduce {

/// A head's outputs for the usable test images, the first `count` numbers of each.
template <class Model>
std::vector<float> test_outputs(const StudyState& study, Model& model, const RowInputs<1>& inputs,
                                std::size_t count) {
  const std::vector<long>& usable = study.test().usable;
  const Column column = inputs.columns(2)[0];
  std::vector<float> all;
  constexpr std::size_t most = 64;
  for (std::size_t begin = 0; begin < usable.size(); begin += most) {
    const std::size_t size = std::min(most, usable.size() - begin);
    mmdl::Tensor<typename Model::input> rows(static_cast<int>(size));
    for (std::size_t i = 0; i < size; ++i) column(usable[begin + i], 0, rows[static_cast<int>(i)]);
    const auto output = model.predict(rows);
    for (std::size_t i = 0; i < size; ++i) {
      const auto row = output[static_cast<int>(i)].first(count);
      all.insert(all.end(), row.begin(), row.end());
    }
  }
  return all;
}

/// Trains a label head; gives its logits of the test images.
template <class Model>
Logits train_labels(StudyState& study, const std::string& id, Model& model, const RowInputs<1>& inputs) {
  row_stage(study, "labels-" + id, study.recipes.labels, model, study.label_loss, inputs, label_column);
  return test_outputs(study, model, inputs, study.label_count());
}

/// Trains a quantity regressor; gives the predicted quantities of the test images.
template <class Model>
std::vector<float> train_quantity(StudyState& study, const std::string& id, Model& model,
                                  const RowInputs<1>& inputs) {
  // Its output begins at the mean. From 0 its weights would have to reach there, and lean on units that
  // dropout makes noisy: without dropout they then give too few.
  model.parameter("quantity.linear3.bias")[0] = mean_quantity(study.data.train);
  row_stage(study, "quantity-" + id, study.recipes.quantity, model, mmdl::MeanSquaredError{}, inputs,
            quantity_column);
  return test_outputs(study, model, inputs, 1);
}

/// Trains a quantity classifier (table XI); gives the most probable quantity of each test image.
template <class Model>
std::vector<float> train_quantity_classes(StudyState& study, const std::string& id, Model& model,
                                          const RowInputs<1>& inputs) {
  row_stage(study, "quantity-classes-" + id, study.recipes.quantity, model, mmdl::SoftmaxCrossEntropy{},
            inputs, quantity_class_column);
  constexpr int classes = Model::output::extents[0];
  const std::vector<float> logits = test_outputs(study, model, inputs, classes);
  std::vector<float> quantities;
  for (auto row = logits.begin(); row != logits.end(); row += classes)
    quantities.push_back(static_cast<float>(std::max_element(row, row + classes) - row));
  return quantities;
}

/// Trains a network over the tags apart (section III-D), and computes its features by `FeatureModel`.
template <class FeatureModel, class Model>
Features text_features(StudyState& study, const std::string& id, Model& model) {
  const RowInputs<1> tags = tag_inputs(study);
  row_stage(study, "text-" + id, study.recipes.text, model, study.label_loss, tags, label_column);
  FeatureModel features(study.options.seed);
  mmdl::transfer(features, model, "text.", "text.");
  return row_features(study, "text-" + id, mmdl::network_fingerprint(features), features, tags,
                      /*most_views=*/1);
}

/// Vectors of the tags from the file that the options name, into a network over the tags.
template <class Model>
void read_words(StudyState& study, int dimension, Model& model) {
  const std::string& file = study.options.word_vectors;
  const mmdl::TagVocabulary& tags = study.data.tags;
  const mmdl::WordVectors vectors = mmdl::read_word_vectors(file, tags.words());
  if (vectors.dimension != dimension)
    mmdl::detail::fail(file, std::to_string(vectors.dimension) + " numbers a word",
                       std::to_string(dimension));
  // With room for more tags than the data may have.
  const std::span<float> weight = model.parameter("text.linear1.weight");
  std::fill(weight.begin(), weight.end(), 0.0f);
  vectors.copy_to(weight.first(vectors.matrix.size()));
  study.work.line(file + ": vectors of " + std::to_string(vectors.found_count()) + " of " +
                  std::to_string(tags.size()) + " tags");
}

}  // namespace reproduce
