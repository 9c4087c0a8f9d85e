// SPDX-License-Identifier: Apache-2.0
// How much work the stages of a study are, announced before the first, for the progress of the whole.
#pragma once

#include <mmdl/annotation/method.hpp>
#include <span>

#include "study_state.hpp"

namespace reproduce {

/// What a study's networks cost.
struct NetworkCosts {
  double backbone = 0;  ///< multiply-adds of an image through the backbone and its classifier
  double whole = 0;     ///< through all that is trained end to end
  bool keeps_scales = false;
};

/// Announces every stage that the asked tables need.
void plan_work(StudyState& study, const NetworkCosts& costs, std::span<const mmdl::MethodEntry> methods);

}  // namespace reproduce
