// SPDX-License-Identifier: Apache-2.0
// SINN: tags and labels as layers of concepts that inform each other.
#pragma once

#include <algorithm>

#include "../annotation/network_method.hpp"
#include "../annotation/select_labels.hpp"
#include "../layers/join.hpp"
#include "../layers/sequential.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"
#include "../models/concept_layers.hpp"

namespace mmdl {

namespace detail {

struct SinnVisualPart {
  static constexpr const char* name = "visual";
};
struct SinnConceptsPart {
  static constexpr const char* name = "concepts";
};

/// `List<Shape<Tags>, Shape<Features>>` to `List<Shape<Tags>, Shape<Labels>>`.
template <class Sizes>
using SinnNet = Sequential<Parallel<Identity, Named<SinnVisualPart, Linear<Sizes::labels>>>,
                           Named<SinnConceptsPart, ConceptLayers>>;

}  // namespace detail

/// SINN (Hu et al., "Learning Structured Inference Neural Networks with Label Relations", 2016): two
/// `ConceptLayers`, the tags, whose activation is the observed tag vector, and the labels, whose activation
/// is a linear layer of the image's features; sigmoid cross-entropy of each layer's merged prediction, the
/// sum of both trained together by AdamW (learning rate 3e-4, weight decay 0.05). It gives the labels with a
/// probability above one half, and the surest one where there is none.
///
/// Where it differs from the paper: the paper turns observed tags into activations by the inverse of the
/// sigmoid, an affine function of a binary tag that the first connection's weights and biases take in; its
/// layer of groups is left out, for no data set read here gives groups; the tags' loss is a mean and not a
/// sum over tags, weighted to count as the labels' does, or the many tags would drown the labels.
template <class Sizes>
class SinnMethod final
    : public NetworkMethod<Sizes, detail::SinnNet<Sizes>, List<Shape<Sizes::tags>, Shape<Sizes::features>>> {
  using Base = NetworkMethod<Sizes, detail::SinnNet<Sizes>, List<Shape<Sizes::tags>, Shape<Sizes::features>>>;

 public:
  static constexpr const char *name = "sinn", *title = "SINN";
  static constexpr bool reads_tags = true, predicts_quantity = true;

  SinnMethod(int tag_count, int label_count) : Base(name, tag_count, label_count) {}

  void train(const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings) override {
    this->start(settings);
    const int tags = this->tag_count(), labels = this->label_count();
    const float share = tags > 0 ? static_cast<float>(labels) / static_cast<float>(tags) : 0.0f;
    this->fit(
        Losses{SigmoidCrossEntropy{.weight = share, .active = tags}, SigmoidCrossEntropy{.active = labels}},
        AdamW{.learning_rate = 3e-4f, .weight_decay = 0.05f}, train, held_out, settings);
  }

  Annotations annotate(const MethodRows& rows) override {
    Annotations result;
    this->for_outputs(rows, [&](long, std::span<const float>, std::span<const float> all) {
      const auto logits = all.first(static_cast<std::size_t>(this->label_count()));
      result.scores.insert(result.scores.end(), logits.begin(), logits.end());
      result.labels.push_back(threshold_labels(logits, 0.5));
      if (result.labels.back().empty()) result.labels.back() = top_k_labels(logits, 1);
    });
    return result;
  }

 private:
  void put_inputs(const RowVisit& visit, int row, typename Base::Inputs& inputs) const override {
    put_ones(visit.tags(), std::get<0>(inputs)[row]);
    put_features(visit.features(), std::get<1>(inputs)[row]);
  }
  void put_targets(const RowVisit& visit, int row, typename Base::Targets& targets) const override {
    put_ones(visit.tags(), std::get<0>(targets)[row]);
    put_ones(visit.labels(), std::get<1>(targets)[row]);
  }
};

}  // namespace mmdl
