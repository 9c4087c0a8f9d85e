// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules: a factor on the base rate as a pure function of the step.
#pragma once

#include <cmath>
#include <string>

#include "../core/error.hpp"

namespace mmdl {

/// 1 at every step.
struct Constant {
  float operator()(long /*step*/) const { return 1.0f; }
};

/// factor^(step / every), whole quotients: the paper's x0.1 every 80,000 steps is the default (Niu et al.,
/// section IV-A-3). PyTorch: `StepLR(optimizer, every, factor)`.
struct StepDecay {
  long every = 80'000;
  float factor = 0.1f;
  /// Throws `Error` where `every` is below 1.
  float operator()(long step) const {
    if (every < 1) detail::fail("StepDecay: every", std::to_string(every), "1 or more");
    return std::pow(factor, static_cast<float>(step / every));
  }
};

/// Half a cosine from 1 at step 0 to `final_factor` at `steps`, which stays.
/// PyTorch: `CosineAnnealingLR(optimizer, steps, final_factor * lr)`.
struct Cosine {
  long steps = 1;
  float final_factor = 0.0f;
  float operator()(long step) const {
    if (step >= steps) return final_factor;
    const float progress = static_cast<float>(step) / static_cast<float>(steps);
    return final_factor + (1.0f - final_factor) * 0.5f * (1.0f + std::cos(3.14159265f * progress));
  }
};

/// Rises in `steps` equal parts from 1 / steps to 1, then follows `then`, whose step counts from there.
/// PyTorch: `LinearLR` before another schedule in `SequentialLR`.
template <class Schedule = Constant>
struct WarmUp {
  long steps = 1;
  Schedule then{};
  float operator()(long step) const {
    if (step < steps) return static_cast<float>(step + 1) / static_cast<float>(steps);
    return then(step - steps);
  }
};
template <class Schedule>
WarmUp(long, Schedule) -> WarmUp<Schedule>;

}  // namespace mmdl
