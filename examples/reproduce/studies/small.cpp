// SPDX-License-Identifier: Apache-2.0
// The study over a small residual backbone at 64 px: the built-in scenes.
#include "../../annotate/backbones.hpp"
#include "static_study.hpp"

namespace reproduce {
namespace {

struct Config {
  using backbone = annotate::backbones::small<64>::backbone;
  static constexpr int size = 64, word_dimension = 50;
  static constexpr bool keep_scales = true;
};

}  // namespace

StudyEntry small_study();

StudyEntry small_study() {
  return {"small", Config::size,
          [](const StudyOptions& options, StudyData data, const Recipes& recipes,
             Workspace& work) -> std::unique_ptr<Study> {
            return std::make_unique<StaticStudy<Config>>(options, std::move(data), recipes, work);
          }};
}

}  // namespace reproduce
