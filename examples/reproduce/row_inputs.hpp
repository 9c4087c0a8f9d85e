// SPDX-License-Identifier: Apache-2.0
// What the networks over rows read: features of images, of tags, both side by side, or the tags themselves.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "study_state.hpp"

namespace reproduce {

/// A column for each input of a network. The study outlives them.
template <std::size_t Inputs>
struct RowInputs {
  std::function<std::array<Column, Inputs>(std::size_t split)> columns;
  std::string identity;  ///< changes whenever what the columns give does
};

RowInputs<1> feature_inputs(const StudyState& study, const Features& features);
/// Visual and textual features side by side. Textual features have one view.
RowInputs<1> joint_inputs(const StudyState& study, const Features& visual, const Features& textual);
RowInputs<1> tag_inputs(const StudyState& study);

}  // namespace reproduce
