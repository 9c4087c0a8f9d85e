// SPDX-License-Identifier: Apache-2.0
// WARP: a ranking loss that weighs a label by how low it ranks, found by drawing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../core/random.hpp"

namespace mmdl {

/// Weighted approximate ranking: weight * mean over samples of the sum over true labels j of
/// L(rank_j) * max(0, 1 + z_k - z_j). Labels that are not true are drawn, each alike and with replacement,
/// until one violates the margin (z_k > z_j - 1), at most C - 1 times; with the violation in trial s, the
/// rank is estimated as floor((C - 1) / s), and L(r) = 1 + 1/2 + … + 1/r. A true label without a violation
/// adds 0, and so does a sample without true labels or without others. C is the number of labels: `size`, or
/// `active` where that is above 0 (the outputs beyond count nothing). Targets are 1 at true labels and 0
/// elsewhere. Source: Gong et al., "Deep Convolutional Ranking for Multilabel Image Annotation", 2013,
/// section 3.3, after Weston et al., "WSABIE", 2011. PyTorch: no equivalent of its own.
///
/// What is drawn is a function of (`seed`, `step`, sample, label): a trainer sets `step` to the number of its
/// step, so a run that was cut off draws on as if it had not been, and evaluation (step 0) repeats itself.
struct Warp {
  static constexpr const char* name = "warp";
  float weight = 1.0f;
  int active = 0;
  std::uint64_t seed = 1;
  std::uint64_t step = 0;

  /// The loss of `samples` x `size` outputs; writes its gradient unless `gradients` is null.
  template <class T>
  T operator()(const T* outputs, const T* targets, T* gradients, int samples, int size) const {
    const int counted = active > 0 && active < size ? active : size;
    const double scale = static_cast<double>(weight) / samples;
    if (gradients != nullptr) std::fill_n(gradients, static_cast<long>(samples) * size, T{0});
    double sum = 0.0;
    for (int n = 0; n < samples; ++n) {
      const long row = static_cast<long>(n) * size;
      const T *z = outputs + row, *y = targets + row;
      if (std::count(y, y + counted, T{0}) == 0) continue;
      for (int label = 0; label < counted; ++label) {
        if (y[label] == T{0}) continue;
        const Violation violation = draw(z, y, label, counted, static_cast<std::uint64_t>(row + label));
        if (violation.label < 0) continue;
        const double rank_weight = harmonic_number((counted - 1) / violation.trial);
        sum += rank_weight * static_cast<double>(T{1} + z[violation.label] - z[label]);
        if (gradients == nullptr) continue;
        const T slope = static_cast<T>(scale * rank_weight);
        gradients[row + violation.label] += slope;
        gradients[row + label] -= slope;
      }
    }
    return static_cast<T>(static_cast<double>(weight) * sum / samples);
  }

 private:
  struct Violation {
    int label = -1, trial = 0;
  };

  /// The first label that is not true and violates the margin of `label`. Draws of true labels are no trials.
  template <class T>
  Violation draw(const T* z, const T* y, int label, int counted, std::uint64_t place) const {
    Random random(seed ^ 0x57415250U, step);
    random.seek(place << 32);
    for (int trial = 1; trial < counted; ++trial) {
      int other = random.below(counted);
      while (y[other] != T{0}) other = random.below(counted);
      if (!(z[other] <= z[label] - T{1})) return {other, trial};  // a NaN must not go unseen
    }
    return {};
  }

  static double harmonic_number(int rank) {
    double sum = 0.0;
    for (int i = 1; i <= rank; ++i) sum += 1.0 / i;
    return sum;
  }
};

}  // namespace mmdl
