// SPDX-License-Identifier: Apache-2.0
// The stages in which the annotator is trained, each a network type. What an earlier stage has trained is
// frozen by its type, and parts keep their names, so weights pass from stage to stage by name.
#pragma once

#include "../models/annotator.hpp"
#include "../models/multi_scale.hpp"

namespace mmdl {

/// The multi-stage training of Niu et al., section III-D. `Classes` is the number of labels.
///
/// | stage | trains | frozen | reads |
/// |---|---|---|---|
/// | `FineTuneBackbone` | backbone, a classifier on top | - | images |
/// | `TrainFusion` | fusion branch, a classifier on top | backbone | images |
/// | `TrainFusionOfScales` | the same | - | the scales, computed once |
/// | `TrainText` | tag network, a classifier on top | - | tags |
/// | `TrainLabels` | label head | all below | features, computed once |
/// | `TrainQuantity` | quantity regressor | all below | features, computed once |
/// | `TrainEndToEnd` | all but the backbone, sum of both losses (table XII) | backbone | images, tags |
namespace stages {

/// `Shape<H, W, 3>` to `Shape<Classes>`: the paper's "CNN".
template <class B, int Classes>
using FineTuneBackbone = Annotator<MultiScale<B, NoFusion>, NoText, Labels<Classes>, NoQuantity>;

/// `Shape<H, W, 3>` to `Shape<Classes>`; the backbone's weights come by name from `FineTuneBackbone`.
template <class B, class Fusion, class Which, int Classes>
using TrainFusion = Annotator<MultiScale<Frozen<B>, Fusion, Which>, NoText, Labels<Classes>, NoQuantity>;

/// The same network without its backbone: `List` of the fused scales' shapes to `Shape<Classes>`.
template <class Fusion, int Classes>
using TrainFusionOfScales =
    Sequential<Named<detail::VisualPart, Fusion>, Named<detail::LabelsPart, Linear<Classes>>>;

/// `Shape<Tags>` to `Shape<Classes>`.
template <class Text, int Classes>
using TrainText = Sequential<Named<detail::TextPart, Text>, Named<detail::LabelsPart, Linear<Classes>>>;

/// `Shape<Features>` to `Shape<Classes>`.
template <int Classes>
using TrainLabels = Named<detail::LabelsPart, Linear<Classes>>;

/// `Shape<Features>` to `Shape<1>`, or to the classes of a `QuantityClassifier`.
template <class Quantity = QuantityRegressor>
using TrainQuantity = Named<detail::QuantityPart, Quantity>;

/// `List<Shape<H, W, 3>, Shape<Tags>>` to `List<Shape<Classes>, Shape<1>>`.
template <class B, class Fusion, class Which, class Text, int Classes, class Quantity = QuantityRegressor>
using TrainEndToEnd = Annotator<MultiScale<Frozen<B>, Fusion, Which>, Text, Labels<Classes>, Quantity>;

/// What the heads read of an image: `Shape<H, W, 3>` to the features of `Visual`, under the names of the
/// annotator.
template <class Visual>
using VisualFeatures = Named<detail::VisualPart, Visual>;

/// What the heads read of the tags: `Shape<Tags>` to the features of `Text`.
template <class Text>
using TextFeatures = Named<detail::TextPart, Text>;

}  // namespace stages
}  // namespace mmdl
