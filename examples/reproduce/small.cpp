// SPDX-License-Identifier: Apache-2.0
// The study over a small residual backbone at 64 px: the built-in scenes.
#include "static_study.hpp"
#include "../annotate/backbones.hpp"

namespace reproduce {
namespace {

struct Config {
  using backbone = annotate::backbones::small<64>::backbone;
  static constexpr int size = 64, word_dimension = 50;
  static constexpr bool keep_scales = true;
};

}  // namespace

std::unique_ptr<Study> make_small_study(const StudyOptions& options, StudyData data, const Recipes& recipes, Workspace& work);

std::unique_ptr<Study> make_small_study(const StudyOptions& options, StudyData data, const Recipes& recipes, Workspace& work) {
  return std::make_unique<StaticStudy<Config>>(options, std::move(data), recipes, work);
}

}  // namespace reproduce
