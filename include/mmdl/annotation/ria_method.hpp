// SPDX-License-Identifier: Apache-2.0
// RIA: the image is the state that a recurrent network of labels begins with.
#pragma once

#include "../annotation/sequence_method.hpp"
#include "../layers/embedding.hpp"
#include "../layers/join.hpp"
#include "../layers/linear.hpp"
#include "../layers/lstm.hpp"
#include "../layers/sequential.hpp"
#include "../layers/structure.hpp"
#include "../optim/adam.hpp"

namespace mmdl {

namespace detail {

struct DecoderPart {
  static constexpr const char* name = "decoder";
};
struct DecoderStartPart {
  static constexpr const char* name = "start";
};
struct DecoderWordsPart {
  static constexpr const char* name = "words";
};
struct DecoderScoresPart {
  static constexpr const char* name = "scores";
};

/// An LSTM over embedded labels, whose first h is made of a vector by `Start` and whose first c is given
/// (zero). Tokens: the labels, stop, start; all but the last have a logit.
template <int Labels, int Units, class Start>
struct LabelDecoder {
  static constexpr SequenceTokens tokens{.start = Labels + 1, .stop = Labels};
  using Words = Named<DecoderWordsPart, Embedding<Labels + 2, Units>>;
  using Scores = Named<DecoderScoresPart, Linear<Labels + 1>>;
  using First = Named<DecoderStartPart, Start>;

  /// `List<Shape<L> tokens, vector, Shape<Units> c, Shape<L> mask>` to the logits of the tokens that follow.
  using Whole =
      Named<DecoderPart,
            Sequential<Parallel<Words, First, Identity, Identity>, Lstm<Units, ForgetBias>, Scores>>;
  /// `List<Shape<1>, Shape<Units> h, Shape<Units> c>` to the logits, h and c.
  using Step =
      Named<DecoderPart, Sequential<Parallel<Words, Identity, Identity>, Lstm<Units, ForgetBias, WithState>,
                                    Parallel<Scores, Identity, Identity>>>;
  using Begin = Named<DecoderPart, First>;
};

template <class Sizes, int Units, LabelOrder Order>
struct RiaParts {
  static constexpr const char* name = Order == LabelOrder::rare_first ? "ria" : "ria-frequent-first";
  static constexpr const char* title = Order == LabelOrder::rare_first ? "RIA" : "RIA, frequent labels first";
  static constexpr LabelOrder order = Order;
  static constexpr int most = 20, least = 0, beam = 1, length = most + 1;

  using Decoder = LabelDecoder<Sizes::labels, Units, Linear<Units>>;
  static constexpr SequenceTokens tokens = Decoder::tokens;
  using Net = typename Decoder::Whole;
  using Input = List<Shape<length>, Shape<Sizes::features>, Shape<Units>, Shape<length>>;
  using Target = Shape<length>;
  using Start = typename Decoder::Begin;
  using Step = typename Decoder::Step;
  using StepInput = List<Shape<1>, Shape<Units>, Shape<Units>>;
  static constexpr std::size_t start_place = 0;  // h

  static SequenceCrossEntropy<length> loss(int) { return {}; }
  static Adam optimizer() { return {.learning_rate = 1e-3f}; }
};

}  // namespace detail

/// RIA (Jin and Nakayama, "Annotation Order Matters: Recurrent Image Annotator for Arbitrary Length Image
/// Tagging", 2016): an LSTM of `Units` over embeddings of the labels said so far, as many numbers each; its
/// first h is a linear function of the image's features, its first c zero, the forget gates' bias 1 at first.
/// A linear layer scores the labels and a stop token at each step; cross-entropy summed over steps, Adam with
/// a learning rate of 1e-3. Labels are learned rare first (or frequent first: the second type), and decoded
/// greedily, at most 20 of an image. Reads no tags.
///
/// Where it differs from the paper: the backbone is not trained with it, and the learning rate falls along a
/// half cosine.
template <class Sizes, int Units = 1024>
using RiaMethod = SequenceMethod<Sizes, detail::RiaParts<Sizes, Units, LabelOrder::rare_first>>;
template <class Sizes, int Units = 1024>
using RiaFrequentFirstMethod =
    SequenceMethod<Sizes, detail::RiaParts<Sizes, Units, LabelOrder::frequent_first>>;

}  // namespace mmdl
