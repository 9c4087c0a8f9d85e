// SPDX-License-Identifier: Apache-2.0
// The backbones that studies are built over.
#pragma once

#include "../../annotate/backbones.hpp"
#include "../static_study.hpp"

namespace reproduce {
namespace configs {

/// A small residual backbone at 64 px: the built-in scenes.
struct small {
  using backbone = annotate::backbones::small<64>::backbone;
  static constexpr const char* name = "small";
  static constexpr int size = 64, word_dimension = 50;
  static constexpr bool keep_scales = true;
};

/// MobileNet v1 (width 0.75) at 224 px.
struct mobilenet {
  using backbone = mmdl::MobileNet<75>;
  static constexpr const char* name = "mobilenet";
  static constexpr int size = 224, word_dimension = 300;
  static constexpr bool keep_scales = false;
};

/// ResNet-101 at 224 px: the paper's.
struct resnet101 {
  using backbone = mmdl::ResNet101;
  static constexpr const char* name = "resnet101";
  static constexpr int size = 224, word_dimension = 300;
  static constexpr bool keep_scales = false;
};

}  // namespace configs

/// The study over a backbone whose networks lie on `Device`.
template <class Config, class Device>
StudyEntry study_entry(const char* device) {
  return {Config::name, device, Config::size,
          [](const StudyOptions& options, StudyData data, const Recipes& recipes,
             Workspace& work) -> std::unique_ptr<Study> {
            return std::make_unique<StaticStudy<Config, Device>>(options, std::move(data), recipes, work);
          },
          [] { const mmdl::Model<mmdl::Linear<1>, mmdl::Shape<1>, Device> least; }};
}

}  // namespace reproduce
