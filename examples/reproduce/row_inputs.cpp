// SPDX-License-Identifier: Apache-2.0
// Columns of caches and tags.
#include "row_inputs.hpp"

#include <algorithm>

namespace reproduce {

RowInputs<1> feature_inputs(const StudyState& study, const Features& features) {
  return {[&study, features](std::size_t split) {
            return std::array{cache_column(*features.caches[split], study.splits[split].samples())};
          },
          features.identity};
}

RowInputs<1> joint_inputs(const StudyState& study, const Features& visual, const Features& textual) {
  return {[&study, visual, textual](std::size_t split) {
            Column text = [cache = textual.caches[split]](long sample, int, std::span<float> out) {
              const auto row = cache->row(sample);
              std::copy(row.begin(), row.end(), out.begin());
            };
            return std::array{joined(cache_column(*visual.caches[split], study.splits[split].samples()),
                                     static_cast<std::size_t>(visual.width), std::move(text))};
          },
          visual.identity + textual.identity};
}

RowInputs<1> tag_inputs(const StudyState& study) {
  return {[&study](std::size_t split) { return std::array{tag_column(study.splits[split])}; },
          fingerprint(study.data.tags)};
}

}  // namespace reproduce
