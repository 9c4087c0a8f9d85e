// SPDX-License-Identifier: Apache-2.0
// The work of all stages, in multiply-adds; a forward and backward count three times the forward.
#include "study_plan.hpp"

#include "methods.hpp"

namespace reproduce {

void plan_work(StudyState& study, const NetworkCosts& costs, std::span<const mmdl::MethodEntry> methods) {
  const StudyOptions& options = study.options;
  const Recipes& recipes = study.recipes;
  Workspace& work = study.work;
  const auto n = static_cast<double>(study.train().samples()),
             all = 2 * n + static_cast<double>(study.held_out().samples() + study.test().samples());
  const double above = costs.whole - costs.backbone;
  if (study.data.pretrain && options.weights.empty())
    work.plan("pretrained", 3 * costs.backbone * static_cast<double>(study.data.pretrain->samples.size()) *
                                recipes.pretrain.epochs);
  if (!options.freeze_backbone) work.plan("backbone", 3 * costs.backbone * n * recipes.backbone.epochs);
  work.plan("features-cnn", costs.backbone * all);
  const double fusion = (3 * above + (costs.keeps_scales ? 0 : costs.backbone)) * n * recipes.fusion.epochs;
  const auto plan_fusion = [&](const std::string& id) {
    work.plan("fusion-" + id, fusion);
    if (!costs.keeps_scales) work.plan("features-" + id, costs.backbone * all);
  };
  plan_fusion("ms-cnn");
  if (options.wants({"V", "VI"})) plan_fusion("maxpool@1,2,3,4,5");
  if (options.wants({"VI"}))
    for (const char* id :
         {"ms-cnn@2,3,4,5", "ms-cnn@3,4,5", "ms-cnn@4,5", "maxpool@2,3,4,5", "maxpool@3,4,5", "maxpool@4,5"})
      plan_fusion(id);
  if (options.wants({"III"}))  // a few million multiply-adds a sample
    for (const mmdl::MethodEntry& entry : methods)
      if (takes_part(study, entry))
        work.plan(std::string("method-") + entry.name, 1e7 * n * recipes.of_method(entry.name).epochs);
  if (costs.keeps_scales) work.plan("scales", costs.backbone * all);
  if (options.wants({"XII"}))
    work.plan("end-to-end", (3 * above + costs.backbone) * n * recipes.end_to_end.epochs);
}

}  // namespace reproduce
