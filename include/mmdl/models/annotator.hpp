// SPDX-License-Identifier: Apache-2.0
// The image annotator of the paper: visual and textual features, a label head, a label-quantity regressor.
#pragma once

#include "../layers/join.hpp"
#include "../layers/linear.hpp"
#include "../layers/reshape.hpp"
#include "../layers/sequential.hpp"
#include "../layers/structure.hpp"
#include "../models/mlp.hpp"

namespace mmdl {

/// The label head: one logit for each of `Count` labels.
template <int Count>
struct Labels {
  static constexpr int count = Count;
};

/// In place of the textual network: an annotator of images alone.
struct NoText {};

/// In place of the quantity regressor: an annotator that gives logits alone.
struct NoQuantity {};

namespace detail {

struct VisualPart {
  static constexpr const char* name = "visual";
};
struct TextPart {
  static constexpr const char* name = "text";
};
struct LabelsPart {
  static constexpr const char* name = "labels";
};
struct QuantityPart {
  static constexpr const char* name = "quantity";
};

template <class Visual, class Text>
struct AnnotatorFeatures {
  using type = Sequential<Parallel<Named<VisualPart, Visual>, Named<TextPart, Text>>, Join>;
};
template <class Visual>
struct AnnotatorFeatures<Visual, NoText> {
  using type = Named<VisualPart, Visual>;
};

template <class LabelHead, class Quantity>
struct AnnotatorHeads;
template <int Count, class Quantity>
struct AnnotatorHeads<Labels<Count>, Quantity> {
  using type = Heads<Named<LabelsPart, Linear<Count>>, Named<QuantityPart, Quantity>>;
};
template <int Count>
struct AnnotatorHeads<Labels<Count>, NoQuantity> {
  using type = Named<LabelsPart, Linear<Count>>;
};

}  // namespace detail

/// The complete model of Niu et al., figure 2: the features of an image (`Visual`, such as
/// `MultiScale<ResNet101>`) and of its binary tag vector (`Text`, such as `Mlp<2048, 2048>`) are
/// concatenated; a linear layer gives a logit for each label, a regressor the number of labels.
/// `List<Shape<H, W, 3>, Shape<Tags>>` to `List<Shape<Labels>, Shape<1>>`. With `NoText` the input is the
/// image alone, with `NoQuantity` the output is the logits alone. Names: "visual.…", "text.…", "labels.…",
/// "quantity.…".
template <class Visual, class Text, class LabelHead, class Quantity = QuantityRegressor>
using Annotator = Sequential<typename detail::AnnotatorFeatures<Visual, Text>::type,
                             typename detail::AnnotatorHeads<LabelHead, Quantity>::type>;

}  // namespace mmdl
