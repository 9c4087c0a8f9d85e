// SPDX-License-Identifier: Apache-2.0
// The study over ResNet-101, the network of the paper, at 224 px.
#include "static_study.hpp"

namespace reproduce {
namespace {

struct Config {
  using backbone = mmdl::ResNet101;
  static constexpr int size = 224, word_dimension = 300;
  static constexpr bool keep_scales = false;
};

}  // namespace

StudyEntry resnet101_study();

StudyEntry resnet101_study() {
  return {"resnet101", Config::size,
          [](const StudyOptions& options, StudyData data, const Recipes& recipes,
             Workspace& work) -> std::unique_ptr<Study> {
            return std::make_unique<StaticStudy<Config>>(options, std::move(data), recipes, work);
          }};
}

}  // namespace reproduce
