// SPDX-License-Identifier: Apache-2.0
// CNN-RNN: labels, images and what was said so far in one space.
#pragma once

#include "../annotation/sequence_method.hpp"
#include "../layers/activation.hpp"
#include "../layers/embedding.hpp"
#include "../layers/join.hpp"
#include "../layers/linear.hpp"
#include "../layers/lstm.hpp"
#include "../layers/sequential.hpp"
#include "../layers/shared.hpp"
#include "../layers/steps.hpp"
#include "../optim/adam.hpp"

namespace mmdl {

namespace detail {

struct JointLabelsPart {
  static constexpr const char* name = "labels";
};
struct JointImagePart {
  static constexpr const char* name = "image";
};
struct JointRecurrentPart {
  static constexpr const char* name = "recurrent";
};
struct JointScoresPart {
  static constexpr const char* name = "scores";
};
struct JointSpokenPart {
  static constexpr const char* name = "spoken";
};

template <class Sizes, int Units, int Joint>
struct CnnRnnParts {
  static constexpr const char *name = "cnn-rnn", *title = "CNN-RNN";
  static constexpr LabelOrder order = LabelOrder::frequent_first;
  static constexpr int most = 3, least = 3, beam = 4, length = 21;
  static constexpr SequenceTokens tokens{.start = Sizes::labels + 1, .stop = Sizes::labels};

  /// One table: read by its rows, and scored against.
  using Words = Shared<JointLabelsPart, Embedding<Sizes::labels + 2, Joint>>;
  using Against = Shared<JointLabelsPart, Linear<Sizes::labels + 2, Transposed, Bias<false>>>;
  using Image = Named<JointImagePart, Linear<Joint>>;
  /// relu(U_o o + U_I image) against the table at each of `Steps` steps, of o at place 0 and the image at
  /// `Place`.
  template <int Steps, int Place>
  using Scores =
      Named<JointScoresPart,
            Sequential<Heads<Named<JointSpokenPart, Sequential<Pick<0>, Linear<Joint, Bias<false>>>>,
                             Sequential<Pick<Place>, OverSteps<Steps>>>,
                       Add, Relu, Against>>;

  using Net =
      Sequential<Heads<Named<JointRecurrentPart,
                             Sequential<Pick<0, 2>, Parallel<Words, Identity>, Lstm<Units, ForgetBias>>>,
                       Named<JointImagePart, Sequential<Pick<1>, Linear<Joint>>>>,
                 Scores<length, 1>>;
  using Input = List<Shape<length>, Shape<Sizes::features>, Shape<length>>;
  using Target = Shape<length>;
  using Start = Image;
  using Step = Sequential<
      Heads<Named<JointRecurrentPart, Sequential<Pick<0, 1, 2>, Parallel<Words, Identity, Identity>,
                                                 Lstm<Units, ForgetBias, WithState>>>,
            Pick<3>>,
      Heads<Scores<1, 3>, Pick<1, 2>>>;
  using StepInput = List<Shape<1>, Shape<Units>, Shape<Units>, Shape<Joint>>;
  static constexpr std::size_t start_place = 2 * Units;  // behind h and c

  static SequenceCrossEntropy<length> loss(int) { return {}; }
  static Adam optimizer() { return {.learning_rate = 1e-3f}; }
};

}  // namespace detail

/// CNN-RNN (Wang et al., "CNN-RNN: A Unified Framework for Multi-label Image Classification", 2016): an LSTM
/// of `Units` reads embeddings of the labels said so far, `Joint` numbers each; its output o and the image's
/// features are projected to the space of these embeddings, and relu(U_o o + U_I image) is scored against all
/// of them: the table is one parameter. Cross-entropy summed over steps; labels frequent first. A beam of 4
/// seeks the best three labels, as the tables of the compared systems have it. Reads no tags.
///
/// Where it differs from the paper: the backbone is not trained with it; Adam with a learning rate of 1e-3;
/// a stop token, which the sequences of training end with, is passed over when three labels are sought.
template <class Sizes, int Units = 512, int Joint = 64>
using CnnRnnMethod = SequenceMethod<Sizes, detail::CnnRnnParts<Sizes, Units, Joint>>;

}  // namespace mmdl
