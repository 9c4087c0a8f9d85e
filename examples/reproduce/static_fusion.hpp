// SPDX-License-Identifier: Apache-2.0
// The fusion branch over the frozen backbone, and the features above it.
#pragma once

#include "static_features.hpp"
#include "static_stages.hpp"

namespace reproduce {

namespace detail {

/// Whether there is anything to train in it.
template <class Networks, class Fusion, class Which>
constexpr bool has_weights =
    mmdl::parameter_count<Fusion, typename Networks::template Chosen<Which>::shapes> != 0;

/// Over the scales of all images, which were kept.
template <class Networks, class Fusion, class Which, class Keep>
Features fuse_scales(StudyState& study, const Features& scales, const std::string& id, const Keep& keep) {
  using Chosen = typename Networks::template Chosen<Which>;
  const RowInputs<Chosen::begins.size()> inputs{
      [&](std::size_t split) {
        std::array<Column, Chosen::begins.size()> columns;
        for (std::size_t i = 0; i < columns.size(); ++i)
          columns[i] = cache_column(*scales.caches[split], study.splits[split].samples(), Chosen::begins[i]);
        return columns;
      },
      scales.identity};
  typename Networks::template Model<mmdl::stages::VisualFeatures<Fusion>, typename Chosen::shapes> features(
      study.options.seed);
  if constexpr (has_weights<Networks, Fusion, Which>) {
    using Training = mmdl::stages::TrainFusionOfScales<Fusion, Networks::label_room>;
    typename Networks::template Model<Training, typename Chosen::shapes> model(study.options.seed);
    row_stage(study, "fusion-" + id, study.recipes.fusion, model, study.label_loss, inputs, label_column);
    mmdl::transfer(features, model, "visual.", "visual.");
    keep(model);
  }
  return row_features(study, "features-" + id,
                      mmdl::network_fingerprint(features) + " over " + scales.identity, features, inputs,
                      /*most_views=*/2);
}

/// Over the images themselves: the backbone runs in each step.
template <class Networks, class Fusion, class Which, class Keep>
Features fuse_images(StudyState& study, const typename Networks::BackboneModel& backbone,
                     const std::string& id, const Keep& keep) {
  using Loader = typename Networks::Loader;
  typename Networks::template ImageFeatures<typename Networks::template Visual<Fusion, Which>> features(
      study.options.seed);
  mmdl::transfer(features, backbone, "visual.", "visual.");
  if constexpr (has_weights<Networks, Fusion, Which>) {
    using Training =
        mmdl::stages::TrainFusion<typename Networks::Backbone, Fusion, Which, Networks::label_room>;
    typename Networks::template Model<Training, typename Networks::Image> model(study.options.seed);
    mmdl::transfer(model, backbone, "visual.", "visual.");
    mmdl::transfer(model, backbone, "labels.", "labels.");
    image_stage<Loader>(study, "fusion-" + id, study.recipes.fusion, model, study.label_loss,
                        study.data.train, study.data.held_out);
    mmdl::transfer(features, model, "visual.", "visual.");
    keep(model);
  }
  return image_features<Loader>(study, "features-" + id, features);
}

}  // namespace detail

/// Trains the fusion <id> of the scales `Which` and computes its features. `keep(model)` is called with what
/// was trained, where there was something to train.
template <class Networks, class Fusion, class Which, class Keep>
Features fuse(StudyState& study, const typename Networks::BackboneModel& backbone, const Features& scales,
              const std::string& id, const Keep& keep) {
  study.results.dimension[id] = Networks::template width_of<Fusion, Which>;
  if constexpr (Networks::keep_scales)
    return detail::fuse_scales<Networks, Fusion, Which>(study, scales, id, keep);
  else
    return detail::fuse_images<Networks, Fusion, Which>(study, backbone, id, keep);
}

}  // namespace reproduce
