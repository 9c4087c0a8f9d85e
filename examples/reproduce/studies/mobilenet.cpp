// SPDX-License-Identifier: Apache-2.0
// The study over MobileNet v1 (width 0.75) at 224 px.
#include "static_study.hpp"

namespace reproduce {
namespace {

struct Config {
  using backbone = mmdl::MobileNet<75>;
  static constexpr int size = 224, word_dimension = 300;
  static constexpr bool keep_scales = false;
};

}  // namespace

StudyEntry mobilenet_study();

StudyEntry mobilenet_study() {
  return {"mobilenet", Config::size,
          [](const StudyOptions& options, StudyData data, const Recipes& recipes,
             Workspace& work) -> std::unique_ptr<Study> {
            return std::make_unique<StaticStudy<Config>>(options, std::move(data), recipes, work);
          }};
}

}  // namespace reproduce
