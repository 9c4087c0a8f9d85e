// SPDX-License-Identifier: Apache-2.0
// The backbone of a study: its weights from a file or pretrained here, then fine-tuned.
#pragma once

#include <mmdl/training/pretrained.hpp>

#include "static_stages.hpp"

namespace reproduce {

template <class Networks>
void train_backbone(StudyState& study, typename Networks::BackboneModel& backbone) {
  using Loader = typename Networks::Loader;
  if (!study.options.weights.empty()) {
    const mmdl::WeightReport report = mmdl::load_pretrained(backbone, study.options.weights, "visual.");
    study.work.line(study.options.weights + ": " + report.str());
  } else if (study.data.pretrain) {
    mmdl::Manifest train = *study.data.pretrain, held = train;
    const std::size_t count = train.samples.size(), tenth = count / 10;
    held.samples.assign(train.samples.end() - static_cast<std::ptrdiff_t>(tenth), train.samples.end());
    train.samples.resize(count - tenth);
    image_stage<Loader>(study, "pretrained", study.recipes.pretrain, backbone, mmdl::SoftmaxCrossEntropy{},
                        train, held);
    typename Networks::BackboneModel fresh(study.options.seed);  // the new classifier starts from nothing
    mmdl::transfer(fresh, backbone, "visual.", "visual.");
    backbone = std::move(fresh);
  }
  if (!study.options.freeze_backbone)
    image_stage<Loader>(study, "backbone", study.recipes.backbone, backbone, study.label_loss,
                        study.data.train, study.data.held_out);
}

}  // namespace reproduce
