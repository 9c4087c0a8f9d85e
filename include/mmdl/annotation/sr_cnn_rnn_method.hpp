// SPDX-License-Identifier: Apache-2.0
// SR-CNN-RNN: a recurrent network of labels that begins with a prediction of the labels.
#pragma once

#include "../annotation/ria_method.hpp"
#include "../layers/activation.hpp"
#include "../layers/shared.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"
#include "../training/trainer.hpp"

namespace mmdl {

namespace detail {

struct SemanticPart {
  static constexpr const char* name = "semantic";
};

template <class Sizes, int Units>
struct SrCnnRnnParts {
  static constexpr const char *name = "sr-cnn-rnn", *title = "SR-CNN-RNN";
  static constexpr LabelOrder order = LabelOrder::rare_first;
  static constexpr int most = 20, least = 0, beam = 1, length = most + 1;

  using Semantic = Named<SemanticPart, Linear<Sizes::labels>>;
  using Prepared = Semantic;
  using Decoder = LabelDecoder<Sizes::labels, Units, Sequential<Sigmoid, Linear<Units, UnitNormal>>>;
  static constexpr SequenceTokens tokens = Decoder::tokens;
  using Net =
      Sequential<Parallel<Identity, Semantic, Identity, Identity>, Heads<typename Decoder::Whole, Pick<1>>>;
  using Input = List<Shape<length>, Shape<Sizes::features>, Shape<Units>, Shape<length>>;
  using Target = List<Shape<length>, Shape<Sizes::labels>>;
  using Start = Sequential<Semantic, typename Decoder::Begin>;
  using Step = typename Decoder::Step;
  using StepInput = List<Shape<1>, Shape<Units>, Shape<Units>>;
  static constexpr std::size_t start_place = 0;  // h

  static auto loss(int label_count) {
    return Losses{SequenceCrossEntropy<length>{}, SigmoidCrossEntropy{.active = label_count}};
  }
  static AdamW prepared_optimizer() { return {.learning_rate = 1e-3f, .weight_decay = 0.05f}; }
  static Adam optimizer() { return {.learning_rate = 1e-3f}; }
};

}  // namespace detail

/// SR-CNN-RNN (Liu et al., "Semantic Regularisation for Recurrent Image Annotation", 2016): as `RiaMethod`,
/// but between the image and the recurrent network stands a layer of the labels' own scores, supervised by
/// the labels: h at first is a linear function of sigmoid scores, which are a linear layer over the features
/// with a sigmoid cross-entropy of its own. The label layer is trained alone first (AdamW, learning rate
/// 1e-3), then all of it with the sum of both losses (Adam, 1e-3). Rare labels first; greedy, at most 20
/// labels.
///
/// Where it differs from the paper: the backbone is not trained with it; the scores are of the labels and not
/// of tags, so no tags are read; and the layer from scores to h begins with standard normal weights, so that
/// h begins as a sum of embeddings of the likely labels (from uniform ones of 1/sqrt(labels) h would be near
/// zero whatever the image).
template <class Sizes, int Units = 1024>
using SrCnnRnnMethod = SequenceMethod<Sizes, detail::SrCnnRnnParts<Sizes, Units>>;

}  // namespace mmdl
